"""Wire keys: protocol and the two endpoints of a tuple in one order, equal for both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog.protocols import protocols_with
from flowstitch.kernels.group import group

if TYPE_CHECKING:
    from flowstitch.arrays import Flags, Ints, Words


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

    def take(self, rows: Ints) -> Tuples:
        """Chosen tuples, by index or mask."""
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

    def words(self, *, logged: bool = False) -> Words:
        """Wire keys as words, shape (n, 3), uint64.

        Parameters
        ----------
        logged : leave out what flow logs do not show: ports of protocols without ports, echo identifiers.
        """
        forward = self.forward()
        low = np.where(forward, self.src, self.dst).astype(np.uint64)
        high = np.where(forward, self.dst, self.src).astype(np.uint64)
        low_port = np.where(forward, self.src_port, self.dst_port).astype(np.uint64)
        high_port = np.where(forward, self.dst_port, self.src_port).astype(np.uint64)
        ports = low_port << np.uint64(16) | high_port
        if logged:
            ports = np.where(protocols_with("ports")[self.protocol], ports, np.uint64(0))
        head = self.protocol.astype(np.uint64) | self.scope.astype(np.uint64) << np.uint64(32)
        return np.stack([head, low << np.uint64(32) | high, ports], axis=1)


def concat_tuples(*parts: Tuples) -> Tuples:
    """Tuples of all parts in order."""
    return Tuples(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Tuples.__dataclass_fields__)
    )


def number_wires(tuples: Tuples, *, logged: bool = False) -> tuple[Ints, Ints]:
    """Numbers of wire keys in order of first appearance, shape (n,), and a row of each, shape (keys,)."""
    return group(tuples.words(logged=logged))


def run_pointers(numbers: Ints, count: int) -> Ints:
    """Where each number's run begins in an ascending array, shape (count + 1,), int64."""
    return np.searchsorted(numbers, np.arange(count + 1)).astype(np.int64)
