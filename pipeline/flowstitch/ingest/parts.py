"""The rows of a source, part by part: in memory as far as there is room, beyond that in a file without a name."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self, overload

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns
    from flowstitch.ingest.conntrack_times import FileTimes


class _Place(NamedTuple):
    """Where the columns of a part lie in the file: name, dtype, rows, offset in bytes."""

    columns: tuple[tuple[str, np.dtype[Any], int, int], ...]


class Scratch:
    """Room for rows of all sources; safe to use from several threads; a context manager, behind which no row is asked for.

    Parameters
    ----------
    memory_bytes : rows that stay in memory; None for all.
    directory : where the file for the others is, the system's own without.
    """

    def __init__(self, memory_bytes: int | None = None, directory: Path | None = None) -> None:
        self._room = memory_bytes
        self._directory = directory
        self._lock = threading.Lock()
        self._file: Any = None
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def put(self, columns: Columns) -> Columns | _Place:
        """Keep columns, or write them down when there is no room; ``OSError`` when the disk has none either."""
        size = sum(values.nbytes for values in columns.values())
        with self._lock:
            if self._room is None or size <= self._room:
                self._room = None if self._room is None else self._room - size
                return columns
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115 - lives as long as the rows
            offset, self._end = self._end, self._end + size
        places = []
        for name, values in columns.items():
            _write_all(self._file.fileno(), np.ascontiguousarray(values), offset)
            places.append((name, values.dtype, values.shape[0], offset))
            offset += values.nbytes
        return _Place(tuple(places))

    def get(self, place: _Place) -> Columns:
        """Columns that were written down."""
        return {
            name: _read_all(self._file.fileno(), np.empty(rows, dtype), offset)
            for name, dtype, rows, offset in place.columns
        }


def _write_all(descriptor: int, values: NDArray[Any], offset: int) -> None:
    rest = values.data.cast("B") if values.nbytes else memoryview(b"")
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written


def _read_all(descriptor: int, values: NDArray[Any], offset: int) -> NDArray[Any]:
    rest = values.data.cast("B") if values.nbytes else memoryview(b"")
    while rest:
        count = os.preadv(descriptor, [rest], offset)
        if count == 0:
            raise OSError("the scratch file is shorter than what was written to it")
        rest, offset = rest[count:], offset + count
    return values


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
    _kept: list[Columns | _Place] = field(default_factory=list)

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
        part = self._kept[number]
        if isinstance(part, dict):
            return part
        columns = self.scratch.get(part)
        if self.times is not None:
            self.times.settle(columns)
        return columns
