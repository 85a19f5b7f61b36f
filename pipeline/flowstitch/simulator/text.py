"""Many lines of text at once: a layout is made once, columns of integers are put into it by a kernel."""

from __future__ import annotations

from string import Formatter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from isal import isal_zlib

from flowstitch.kernels.line_text import MOST_DIGITS, NOTHING, SLACK, write_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from flowstitch.arrays import Ints

EVERY = slice(None)
# Rows at a time, so that their text is near when it is packed.
BLOCK = 1 << 12


class Layout:
    """What lines look like, in one or several forms.

    Parameters
    ----------
    forms : texts with fields as of ``str.format``: ``{column}`` is a number, ``{column:06}`` one with zeros in front up to six digits,
        ``{column:name}`` a word of the list ``name``. A number or word below 0 is left out.
    words : lists of words by name; a column has the places of its words.
    """

    def __init__(self, *forms: str, **words: Sequence[str]) -> None:
        texts: list[str] = []
        first: dict[str, int] = {}
        for name, known in words.items():
            first[name] = len(texts)
            texts += known
        self._words = np.cumsum([0, *(len(text.encode()) for text in texts)])
        pool = "".join(texts).encode()
        longest = {
            name: max((len(text.encode()) for text in known), default=0) for name, known in words.items()
        }
        steps: list[tuple[int, int, int, int, int]] = []
        self._columns: list[str] = []
        self._forms, self._longest = np.zeros(len(forms) + 1, np.int64), 0
        for number, form in enumerate(forms):
            room = 0
            for literal, column, kind, _ in Formatter().parse(form):
                place, length = len(pool), len(literal.encode())
                pool += literal.encode()
                room += length + longest.get(kind or "", MOST_DIGITS if column else 0)
                steps.append(
                    (place, length, self._place(column), first.get(kind or "", NOTHING), _digits(kind, words))
                )
            self._forms[number + 1] = len(steps)
            self._longest = max(self._longest, room)
        self._steps = np.array(steps, np.int64)
        self._pool = np.frombuffer(pool + bytes(SLACK), np.uint8).copy()

    def _place(self, column: str | None) -> int:
        if column is None:
            return NOTHING
        if column not in self._columns:
            self._columns.append(column)
        return self._columns.index(column)

    def write(
        self, columns: Mapping[str, NDArray[Any]], rows: slice = EVERY, form: Ints | None = None
    ) -> Iterator[tuple[memoryview, Ints]]:
        """Lines of rows, block by block: what they are, until the next block is asked for, and where each ends.

        Parameters
        ----------
        columns : shape (n,), integers or bool, by the names that the forms have. form : shape (n,), which one a row has; the first by default.
        rows : which of them.
        """
        parts = [columns[name][rows] for name in self._columns]
        count = parts[0].shape[0]
        forms = np.zeros(count, np.int64) if form is None else form[rows]
        size = min(BLOCK, count)
        values = np.empty((len(parts), size), np.int64)
        text, ends = np.empty(size * self._longest + SLACK, np.uint8), np.empty(size, np.int64)
        for begin in range(0, count, BLOCK):
            chosen = forms[begin : begin + BLOCK]
            size = chosen.shape[0]
            for place, part in enumerate(parts):
                values[place, :size] = part[begin : begin + size]
            write_lines(self._steps, self._forms, chosen, values, self._words, self._pool, text, ends)
            yield text.data[: ends[size - 1]], ends[:size]

    def texts(self, columns: Mapping[str, NDArray[Any]], form: Ints | None = None) -> pa.StringArray:
        """Lines of rows as texts, see ``write``."""
        blocks = [_texts(lines, ends) for lines, ends in self.write(columns, form=form)]
        return pa.chunked_array(blocks, pa.string()).combine_chunks()


def _texts(lines: memoryview, ends: Ints) -> pa.StringArray:
    offsets = np.append(0, ends).astype(np.int32)
    return pa.StringArray.from_buffers(ends.shape[0], pa.py_buffer(offsets), pa.py_buffer(bytes(lines)))


def _digits(kind: str | None, words: Mapping[str, Sequence[str]]) -> int:
    return int(kind) if kind and kind not in words else 1


def runs(files: Ints) -> Iterator[tuple[int, slice]]:
    """Rows of each file; those of a file stand together."""
    heads = np.flatnonzero(np.diff(files, prepend=-1)).tolist()
    for begin, end in zip(heads, [*heads[1:], files.shape[0]], strict=True):
        yield int(files[begin]), slice(begin, end)


def append_gzip(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Append a member of its own to a gzip file, without a time, so that equal contents are equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    packer = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31)
    with path.open("ab") as sink:
        for part in parts:
            sink.write(packer.compress(part))
        sink.write(packer.flush())
