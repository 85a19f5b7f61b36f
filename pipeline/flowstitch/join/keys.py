"""Wire keys: protocol and the two endpoints of a tuple in one order, equal for both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog.protocols import protocols_with
from flowstitch.kernels.group import group
from flowstitch.kernels.keys import wire_words

if TYPE_CHECKING:
    from flowstitch.arrays import Flags, Ints


@dataclass(frozen=True)
class Tuples:
    """Tuples as they go over the wire, one direction each; all arrays of shape (n,).

    Attributes
    ----------
    protocol : IANA number.
    src, dst : address numbers.
    src_port, dst_port : ports, the echo identifier on both sides for ICMP, 0 where there are none.
    scope : 0 on a shared wire, else 1 + the code of the node that the tuple never leaves.
    """

    protocol: Ints
    src: Ints
    src_port: Ints
    dst: Ints
    dst_port: Ints
    scope: Ints

    def __len__(self) -> int:
        return self.protocol.shape[0]

    def take(self, rows: Ints | slice) -> Tuples:
        """Chosen tuples, by index, mask or slice."""
        return Tuples(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def differs(self, other: Tuples) -> Flags:
        """Where the two differ in an address or a port, shape (n,), bool."""
        pairs = [
            getattr(self, name) != getattr(other, name) for name in ("src", "src_port", "dst", "dst_port")
        ]
        return np.logical_or.reduce(pairs)

    def forward(self) -> Flags:
        """Whether the source is the lower endpoint, shape (n,), bool: the direction within the wire key."""
        upper = (self.src > self.dst) | ((self.src == self.dst) & (self.src_port > self.dst_port))
        return ~upper


def concat_tuples(*parts: Tuples) -> Tuples:
    """Tuples of all parts in order."""
    return Tuples(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Tuples.__dataclass_fields__)
    )


def number_wires(*parts: Tuples, logged: bool = False) -> tuple[Ints, int]:
    """Numbers of the wire keys of all parts in order of first appearance, shape (n,), and how many there are.

    Parameters
    ----------
    logged : leave out what flow logs do not show: ports of protocols without ports, echo identifiers.
    """
    ends = np.cumsum([0, *(len(part) for part in parts)]).tolist()
    words = np.empty((ends[-1], 3), np.uint64)
    ported = protocols_with("ports") if logged else np.ones(256, np.bool_)
    for part, begin, end in zip(parts, ends[:-1], ends[1:], strict=True):
        wire_words(
            part.protocol, part.src, part.src_port, part.dst, part.dst_port, part.scope, ported, words[begin:end]
        )  # fmt: skip
    number, first = group(words)
    return number, first.shape[0]


def run_pointers(numbers: Ints, count: int) -> Ints:
    """Where each number's run begins in an ascending array, shape (count + 1,), int64."""
    return np.searchsorted(numbers, np.arange(count + 1)).astype(np.int64)
