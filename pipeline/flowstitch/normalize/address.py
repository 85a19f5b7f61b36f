"""Addresses: text, 128 bits, and the 32-bit numbers that stand for them.

An IPv4 address is its IPv4-mapped IPv6 address (RFC 4291 2.5.5.2), so that both families share one key.
"""

from __future__ import annotations

import ipaddress
import threading
from socket import AF_INET, inet_ntop, inet_pton
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flowstitch.kernels.intern import fill_slots, intern_addresses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from flowstitch.arrays import Ints

NULL_HALF = np.uint64(0xFFFFFFFFFFFFFFFF)
_V4_PREFIX = 0xFFFF << 32
_HALF = (1 << 64) - 1
_WORD, _MAPPED = np.uint64(32), np.uint64(0xFFFF)
_OCTETS = np.array([24, 16, 8, 0], np.uint32)
_DECIMALS = pa.array([str(octet) for octet in range(256)])


def parse_address(text: str) -> int | None:
    """128-bit number of an IPv4 or IPv6 text; None when it is neither. The zone index of an IPv6 address and brackets are dropped."""
    try:
        # takes the IPv4 texts that ``ipaddress`` takes, in a tenth of its time
        return _V4_PREFIX | int.from_bytes(inet_pton(AF_INET, text))
    except (OSError, ValueError):
        pass
    try:
        address = ipaddress.ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    return int(address) | (_V4_PREFIX if address.version == 4 else 0)


def family_of(text: str) -> int:
    """4 or 6, of a text that is an address."""
    return 6 if ":" in text else 4


def format_address(number: int) -> str:
    """Text of a 128-bit number, RFC 5952; IPv4 where it is IPv4-mapped."""
    if number >> 32 == 0xFFFF:
        return inet_ntop(AF_INET, (number & 0xFFFFFFFF).to_bytes(4))
    return str(ipaddress.IPv6Address(number))


def parse_network(text: str) -> tuple[int, int]:
    """(first, last) 128-bit number of a CIDR; ``ValueError`` when it is none."""
    network = ipaddress.ip_network(text, strict=False)
    prefix = _V4_PREFIX if network.version == 4 else 0
    return int(network.network_address) | prefix, int(network.broadcast_address) | prefix


class AddressBook:
    """Interned addresses; number 0 is null. Safe to use from several threads; numbers depend on who came first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hi = np.full(1 << 12, NULL_HALF, np.uint64)
        self._lo = np.full(1 << 12, NULL_HALF, np.uint64)
        self._slots = np.zeros(1 << 13, np.uint32)
        self._count = 1

    def __len__(self) -> int:
        return self._count

    @property
    def hi(self) -> NDArray[np.uint64]:
        """Upper halves by number, shape (len(self),), uint64; all ones for null."""
        return self._hi[: self._count]

    @property
    def lo(self) -> NDArray[np.uint64]:
        """Lower halves by number, shape (len(self),), uint64; all ones for null."""
        return self._lo[: self._count]

    def intern(self, hi: NDArray[np.uint64], lo: NDArray[np.uint64]) -> NDArray[np.uint32]:
        """Numbers of addresses given as halves, shape (n,) each; all ones is null."""
        out = np.empty(hi.shape[0], np.uint32)
        with self._lock:
            self._reserve(self._count + hi.shape[0])
            self._count = intern_addresses(hi, lo, self._hi, self._lo, self._count, self._slots, out)
        return out

    def intern_texts(self, texts: Iterable[str | None]) -> NDArray[np.uint32]:
        """Numbers of addresses given as text; 0 where the text is None or no address."""
        parsed = [None if text is None else parse_address(text) for text in texts]
        hi = np.array([NULL_HALF if value is None else value >> 64 for value in parsed], np.uint64)
        lo = np.array([NULL_HALF if value is None else value & _HALF for value in parsed], np.uint64)
        return self.intern(hi, lo)

    def number(self, text: str) -> int:
        """Number of one address given as text; 0 when it is no address."""
        return int(self.intern_texts([text])[0])

    def value(self, number: int) -> int:
        """128-bit value of a number."""
        return int(self._hi[number]) << 64 | int(self._lo[number])

    def text(self, number: int) -> str | None:
        """Text of a number, RFC 5952; None for 0."""
        return None if number == 0 else format_address(self.value(number))

    def texts(self, numbers: Ints) -> pa.Array:
        """Texts of numbers other than 0, shape (n,), RFC 5952; those of IPv4 are put together column by column."""
        hi, lo = self._hi[numbers], self._lo[numbers]
        v4 = (hi == 0) & (lo >> _WORD == _MAPPED)
        octets = (lo.astype(np.uint32)[:, None] >> _OCTETS & np.uint32(0xFF)).T
        texts = pc.binary_join_element_wise(*(_DECIMALS.take(pa.array(octet)) for octet in octets), ".")
        others = np.flatnonzero(~v4)
        if not others.shape[0]:
            return texts
        said = pa.array(
            [format_address(self.value(number)) for number in numbers[others].tolist()], pa.string()
        )
        return pc.replace_with_mask(texts, pa.array(~v4), said)

    def _reserve(self, capacity: int) -> None:
        if capacity > self._hi.shape[0]:
            size = 1 << (capacity - 1).bit_length()
            for name in ("_hi", "_lo"):
                grown = np.full(size, NULL_HALF, np.uint64)
                grown[: self._count] = getattr(self, name)[: self._count]
                setattr(self, name, grown)
        if 2 * capacity > self._slots.shape[0]:
            self._slots = np.zeros(1 << (2 * capacity - 1).bit_length(), np.uint32)
            fill_slots(self._hi, self._lo, self._count, self._slots)
