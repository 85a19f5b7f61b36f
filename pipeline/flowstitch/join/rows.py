"""Rows by bucket, and what is made of those of each: asked for bucket by bucket, in memory as far as there is room, beyond that on the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from flowstitch.arrays import flat, shaped, take_rows
from flowstitch.join.buckets import into_buckets
from flowstitch.normalize.scratch import Scratch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns, Ints, Words
    from flowstitch.join.buckets import Workers
    from flowstitch.normalize.scratch import Kept

_Things = TypeVar("_Things")
# So many rows are put into buckets at a time: of a bucket each such part has a piece, which is read by itself from the disk.
PART_ROWS = 1 << 20


class BucketRows:
    """Rows by the first bits of a hash, in each bucket in the order in which they came.

    Attributes
    ----------
    bits : of the hash that number the buckets.
    begins : shape (buckets + 1,), how many rows the buckets before each have; known once all rows have come.
    """

    def __init__(self, bits: int, scratch: Scratch, workers: Workers) -> None:
        self.begins: Ints = np.zeros((1 << bits) + 1, np.int64)
        self.bits, self._scratch, self._workers = bits, scratch, workers
        self._waiting: list[tuple[Columns, Words]] = []
        self._parts: list[tuple[Kept, Ints]] = []

    def __len__(self) -> int:
        return int(self.begins[-1])

    @property
    def buckets(self) -> range:
        """Numbers of the buckets."""
        return range(1 << self.bits)

    def put(self, columns: Columns, hashes: Words) -> None:
        """Add rows; ``hashes``, shape (rows,), say where they belong."""
        self._waiting.append((dict(columns), hashes))
        if sum(hashes.shape[0] for _, hashes in self._waiting) >= PART_ROWS:
            self._place()

    def close(self) -> BucketRows:
        """All rows have come."""
        if self._waiting:
            self._place()
        self.begins = np.sum([begins for _, begins in self._parts], axis=0)
        return self

    def _place(self) -> None:
        waiting, self._waiting = self._waiting, []
        buckets = into_buckets(_joined([hashes for _, hashes in waiting]), self.bits)

        def place(name: str) -> NDArray[Any]:
            # each column is forgotten as it came: all of them would stand in memory three times over
            values = _joined([columns.pop(name) for columns, _ in waiting])
            return buckets.move(values) if self.bits else values

        names = list(waiting[0][0])
        columns = dict(zip(names, self._workers.map(place, names), strict=True))
        self._parts.append((self._scratch.put(columns), buckets.begins))

    def of(self, bucket: int, names: Collection[str] | None = None) -> Columns:
        """Columns of a bucket, all of them or those of these names."""
        pieces = [
            self._scratch.get(kept, slice(*begins[bucket : bucket + 2].tolist()), names)
            for kept, begins in self._parts
        ]
        return {name: _joined([piece[name] for piece in pieces]) for name in pieces[0]}

    def take(self, rows: Ints) -> Columns:
        """Columns of chosen rows, ascending, by where they stand among those of all."""
        ends = np.searchsorted(rows, self.begins)
        found = [
            take_rows(self.of(bucket), rows[begin:end] - self.begins[bucket])
            for bucket, (begin, end) in enumerate(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))
            if end > begin or bucket == 0
        ]
        return {name: _joined([part[name] for part in found]) for name in found[0]}

    def keep(self, names: Collection[str]) -> None:
        """Nothing but columns of these names will be asked for."""
        self._parts = [(self._scratch.keep(kept, names), begins) for kept, begins in self._parts]


class BucketArrays(Generic[_Things]):
    """Arrays that a step makes of each bucket and another one asks for; each bucket is for one thread at a time."""

    def __init__(self, buckets: range, scratch: Scratch) -> None:
        self._scratch = scratch
        self._kept: list[Kept] = [{} for _ in buckets]
        # where the arrays are in memory they themselves, else what they stood in
        self._things: list[Any] = [None for _ in buckets]

    def put(self, bucket: int, things: _Things) -> None:
        """Keep arrays, see ``each_array``, in the place of those that the bucket had."""
        self._scratch.forget(self._kept[bucket])
        columns, shape = flat(things)
        kept = self._kept[bucket] = self._scratch.put(columns)
        self._things[bucket] = things if kept is columns else shape

    def of(self, bucket: int) -> _Things:
        """Arrays of a bucket; they are not to be written to."""
        kept, things = self._kept[bucket], self._things[bucket]
        return things if isinstance(kept, dict) else shaped(self._scratch.get(kept), things)

    def pop(self, bucket: int) -> _Things:
        """Arrays of a bucket, which are forgotten here."""
        things = self.of(bucket)
        self._scratch.forget(self._kept[bucket])
        self._kept[bucket], self._things[bucket] = {}, None
        return things


def in_one_bucket(columns: Columns, workers: Workers) -> BucketRows:
    """Rows that are few enough for one bucket."""
    rows = BucketRows(0, Scratch(), workers)
    rows.put(columns, np.zeros(next(iter(columns.values())).shape[0], np.uint64))
    return rows.close()


def _joined(parts: Iterable[NDArray[Any]]) -> NDArray[Any]:
    several = list(parts)
    return several[0] if len(several) == 1 else np.concatenate(several)
