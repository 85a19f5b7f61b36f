"""Room for columns: in memory as far as it goes, beyond that in a file without a name."""

from __future__ import annotations

import math
import os
import tempfile
import threading
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

import numpy as np

from flowstitch.errors import FlowstitchError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns


class Place(NamedTuple):
    """Where the columns of a part lie in the file: name, dtype, shape, offset in bytes."""

    columns: tuple[tuple[str, np.dtype[Any], tuple[int, ...], int], ...]


# What was put: the columns themselves, or where they lie.
Kept: TypeAlias = "Columns | Place"


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

    def put(self, columns: Columns) -> Kept:
        """Keep columns, or write them down when there is no room.

        Raises
        ------
        FlowstitchError when the disk has none either.
        """
        size = _size(columns)
        with self._lock:
            if self._room is None or size <= self._room:
                self._room = None if self._room is None else self._room - size
                return columns
            try:
                self._file = self._file or tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115 - lives as long as the rows
            except OSError as error:
                raise self._failed(error) from error
            offset, self._end = self._end, self._end + size
        places = []
        for name, values in columns.items():
            try:
                _write_all(self._file.fileno(), np.ascontiguousarray(values), offset)
            except OSError as error:
                raise self._failed(error) from error
            places.append((name, values.dtype, values.shape, offset))
            offset += values.nbytes
        return Place(tuple(places))

    def _failed(self, error: OSError) -> FlowstitchError:
        where = self._directory or tempfile.gettempdir()
        return FlowstitchError(
            f"{where}: rows for which memory has no room could not be written here ({error.strerror or error}); "
            "more of --memory, or another place, --scratch."
        )

    def get(self, kept: Kept, rows: slice | None = None, names: Collection[str] | None = None) -> Columns:
        """Columns that were put, all of them and whole, or rows of some."""
        if isinstance(kept, dict):
            chosen = rows or slice(None)
            return {name: values[chosen] for name, values in kept.items() if names is None or name in names}
        found = {}
        for name, dtype, (count, *each), offset in kept.columns:
            if names is None or name in names:
                begin, end, _ = (rows or slice(None)).indices(count)
                room = np.empty((end - begin, *each), dtype)
                before = begin * dtype.itemsize * math.prod(each)
                found[name] = _read_all(self._file.fileno(), room, offset + before)
        return found

    def keep(self, kept: Kept, names: Collection[str]) -> Kept:
        """What was put without columns that nobody asks for any more: there is room again for what was in memory."""
        if not isinstance(kept, dict):
            return kept
        left = {name: values for name, values in kept.items() if name in names}
        with self._lock:
            if self._room is not None:
                self._room += _size(kept) - _size(left)
        return left

    def forget(self, kept: Kept) -> None:
        """Nobody asks for what was put any more."""
        self.keep(kept, ())


def _size(columns: Columns) -> int:
    return sum(values.nbytes for values in columns.values())


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
