"""The rows of a source, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from flowstitch.arrays import Columns
    from flowstitch.ingest.conntrack_times import FileTimes
    from flowstitch.normalize.scratch import Kept, Scratch


@dataclass
class Parts(Sequence["Columns"]):
    """Rows of one source in order.

    Attributes
    ----------
    scratch : keeps them.
    times : sets their times right once all have been put, None when there is nothing to set right.
    """

    scratch: Scratch
    times: FileTimes | None = None
    _kept: list[Kept] = field(default_factory=list)

    def put(self, columns: Columns) -> None:
        """Add the next part."""
        if self.times is not None:
            self.times.note(columns)
        self._kept.append(self.scratch.put(columns))

    def close(self) -> None:
        """Nothing more comes: what is in memory is set right now, the rest when it is read."""
        if self.times is not None:
            for part in self._kept:
                if isinstance(part, dict):
                    self.times.settle(part)

    def __len__(self) -> int:
        return len(self._kept)

    @overload
    def __getitem__(self, number: int) -> Columns: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Columns]: ...
    def __getitem__(self, number: int | slice) -> Columns | Sequence[Columns]:
        if isinstance(number, slice):
            return [self[place] for place in range(*number.indices(len(self)))]
        return self._read(self._kept[number])

    def with_columns(self, names: Collection[str]) -> Iterator[Columns]:
        """Parts in order, of which nothing but columns of these names is asked: no more is read from the disk."""
        asked = {*names} if self.times is None else {*names, *self.times.ASKED}
        return (self._read(part, asked) for part in self._kept)

    def _read(self, part: Kept, names: Collection[str] | None = None) -> Columns:
        if isinstance(part, dict):
            return part
        columns = self.scratch.get(part, names=names)
        if self.times is not None:
            self.times.settle(columns)
        return columns

    def drain(self) -> Iterator[Columns]:
        """Parts in order, each forgotten here as it is handed on."""
        for number in range(len(self)):
            columns = self[number]
            self._kept[number] = self.scratch.keep(self._kept[number], ())
            yield columns
