"""Room for columns: in memory as far as it goes, beyond that in a file without a name."""

from __future__ import annotations

import math
import os
import sys
import tempfile
import threading
from bisect import bisect
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

import numpy as np

from flowstitch.errors import FlowstitchError
from flowstitch.normalize.narrowed import Form, form_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns

# So many values are narrowed, or widened, at a time: they stay in the cache, and take no memory beside the column.
AT_ONCE = 1 << 16


class Place(NamedTuple):
    """Where the columns of a part lie in the file: name, form, shape, offset in bytes."""

    columns: tuple[tuple[str, Form, tuple[int, ...], int], ...]


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
        self._free = FreeSpace()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def put(self, columns: Columns) -> Kept:
        """Keep columns, or write them down, narrowed, when there is no room.

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
            return self._write(columns)
        except OSError as error:
            raise self._failed(error) from error

    def _write(self, columns: Columns) -> Place:
        flat = {name: np.ascontiguousarray(values).reshape(-1) for name, values in columns.items()}
        forms = {name: form_of(values) for name, values in flat.items()}
        with self._lock:
            self._file = self._file or tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115 - lives as long as the rows
            offset = self._free.claim(sum(form.size(flat[name].size) for name, form in forms.items()))
        places = []
        for name, form in forms.items():
            places.append((name, form, columns[name].shape, offset))
            for begin in range(0, flat[name].size, AT_ONCE):
                narrowed = form.narrow(flat[name][begin : begin + AT_ONCE])
                _write_all(self._file.fileno(), narrowed, offset)
                offset += narrowed.nbytes
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
        for name, form, (count, *each), offset in kept.columns:
            if names is None or name in names:
                begin, end, _ = (rows or slice(None)).indices(count)
                before, values = (some * math.prod(each) for some in (begin, end - begin))
                flat = self._read(form, offset + form.size(before), values)
                found[name] = flat.reshape(end - begin, *each)
        return found

    def _read(self, form: Form, offset: int, values: int) -> NDArray[Any]:
        out = np.empty(values, form.dtype)
        for begin in range(0, values, AT_ONCE):
            some = out[begin : begin + AT_ONCE]
            narrowed = form.room(some.size)
            _read_all(self._file.fileno(), narrowed, offset + form.size(begin))
            form.widen(narrowed, some)
        return out

    def keep(self, kept: Kept, names: Collection[str]) -> Kept:
        """What was put without columns that nobody asks for any more: there is room again where they were."""
        with self._lock:
            if isinstance(kept, dict):
                left = {name: values for name, values in kept.items() if name in names}
                if self._room is not None:
                    self._room += _size(kept) - _size(left)
                return left
            for name, form, shape, offset in kept.columns:
                if name not in names:
                    self._free.release(offset, form.size(math.prod(shape)))
            return Place(tuple(column for column in kept.columns if column[0] in names))

    def forget(self, kept: Kept) -> None:
        """Nobody asks for what was put any more."""
        self.keep(kept, ())


class FreeSpace:
    """Which stretches of a file are free, so that it grows only where none is large enough; offsets and sizes in bytes."""

    def __init__(self) -> None:
        # begin and end of each, ascending; the last is all that is behind the file
        self._stretches = [(0, sys.maxsize)]

    def claim(self, size: int) -> int:
        """Offset of the first free stretch that is so large; its begin is not free any more."""
        place = next(place for place, (begin, end) in enumerate(self._stretches) if end - begin >= size)
        begin, end = self._stretches[place]
        self._stretches[place : place + 1] = [(begin + size, end)] if begin + size < end else []
        return begin

    def release(self, offset: int, size: int) -> None:
        """What was claimed is free again, together with what is free before and behind it."""
        if not size:
            return
        begin, end = offset, offset + size
        place = bisect(self._stretches, (begin, end))
        first, last = place, place
        if place and self._stretches[place - 1][1] == begin:
            first, begin = place - 1, self._stretches[place - 1][0]
        if self._stretches[place][0] == end:
            last, end = place + 1, self._stretches[place][1]
        self._stretches[first:last] = [(begin, end)]


def _size(columns: Columns) -> int:
    return sum(values.nbytes for values in columns.values())


def _write_all(descriptor: int, values: NDArray[Any], offset: int) -> None:
    rest = values.data.cast("B") if values.nbytes else memoryview(b"")
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written


def _read_all(descriptor: int, values: NDArray[Any], offset: int) -> None:
    rest = values.data.cast("B") if values.nbytes else memoryview(b"")
    while rest:
        count = os.preadv(descriptor, [rest], offset)
        if count == 0:
            raise OSError("the scratch file is shorter than what was written to it")
        rest, offset = rest[count:], offset + count
