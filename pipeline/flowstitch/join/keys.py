"""Wire keys: protocol and the two endpoints of a tuple in one order, equal for both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog.protocols import protocols_with
from flowstitch.kernels.group import free_slots
from flowstitch.kernels.keys import number_wires

if TYPE_CHECKING:
    from flowstitch.arrays import Flags, Ints, Narrow


@dataclass(frozen=True)
class Tuples:
    """Tuples as they go over the wire, one direction each; all arrays of shape (n,), int32 but addresses, which are uint32.

    Attributes
    ----------
    protocol : IANA number.
    src, dst : address numbers.
    src_port, dst_port : ports, the echo identifier on both sides for ICMP, 0 where there are none.
    scope : 0 on a shared wire, else 1 + the code of the node that the tuple never leaves.
    """

    protocol: Narrow
    src: Narrow
    src_port: Narrow
    dst: Narrow
    dst_port: Narrow
    scope: Narrow

    def __len__(self) -> int:
        return self.protocol.shape[0]

    def take(self, rows: Ints | Flags | slice) -> Tuples:
        """Chosen tuples, by index, mask or slice."""
        return Tuples(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def forward(self) -> Flags:
        """Whether the source is the lower endpoint, shape (n,), bool: the direction within the wire key."""
        upper = (self.src > self.dst) | ((self.src == self.dst) & (self.src_port > self.dst_port))
        return ~upper


def empty_tuples(count: int) -> Tuples:
    """So many tuples, to be filled."""
    kinds = (np.int32, np.uint32, np.int32, np.uint32, np.int32, np.int32)
    return Tuples(*(np.empty(count, kind) for kind in kinds))


def concat_tuples(*parts: Tuples) -> Tuples:
    """Tuples of all parts in order."""
    return Tuples(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Tuples.__dataclass_fields__)
    )


def wire_numbers(*parts: Tuples, logged: bool = False) -> tuple[list[Ints], int]:
    """Numbers of the wire keys of each part in order of first appearance, and how many there are.

    Parameters
    ----------
    logged : leave out what flow logs do not show: ports of protocols without ports, echo identifiers.
    """
    rows = sum(len(part) for part in parts)
    ported = protocols_with("ports") if logged else np.ones(256, np.bool_)
    keys, slots = np.empty((rows, 3), np.uint64), free_slots(rows)
    count, numbers = 0, [np.empty(len(part), np.int64) for part in parts]
    for part, out in zip(parts, numbers, strict=True):
        count = number_wires(
            part.protocol, part.src, part.src_port, part.dst, part.dst_port, part.scope, ported, count, keys, slots, out
        )  # fmt: skip
    return numbers, count


def run_pointers(numbers: Ints, count: int) -> Ints:
    """Where each number's run begins in an ascending array, shape (count + 1,), int64."""
    return np.searchsorted(numbers, np.arange(count + 1)).astype(np.int64)
