"""Many lines of text at once: a layout is made once, columns of integers are put into it by a kernel."""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from isal import igzip_lib

from flowstitch.arrays import PADDING
from flowstitch.kernels.line_text import MOST_DIGITS, NOTHING, write_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from flowstitch.arrays import Ints

EVERY = slice(None)


@dataclass(frozen=True)
class Lines:
    """Lines one after the other.

    Attributes
    ----------
    text : uint8, longer than they are. ends : shape (n,), int64, where each ends.
    """

    text: NDArray[np.uint8]
    ends: Ints

    @property
    def content(self) -> memoryview:
        """All of them."""
        return self.text.data[: self.ends[-1] if self.ends.shape[0] else 0]

    @property
    def texts(self) -> pa.StringArray:
        """Each of them."""
        offsets = np.concatenate([np.zeros(1, np.int64), self.ends]).astype(np.int32)
        return pa.StringArray.from_buffers(
            self.ends.shape[0], pa.py_buffer(offsets), pa.py_buffer(self.content)
        )


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
        self._pool = np.frombuffer(pool + bytes(PADDING), np.uint8).copy()

    def _place(self, column: str | None) -> int:
        if column is None:
            return NOTHING
        if column not in self._columns:
            self._columns.append(column)
        return self._columns.index(column)

    def lines(
        self, columns: Mapping[str, NDArray[Any]], rows: slice = EVERY, form: Ints | None = None
    ) -> Lines:
        """Lines of rows.

        Parameters
        ----------
        columns : shape (n,), integers or bool, by the names that the forms have. form : shape (n,), which one a row has; the first by default.
        rows : which of them.
        """
        parts = [columns[name][rows] for name in self._columns]
        count = parts[0].shape[0]
        values = np.empty((len(parts), count), np.int64)
        for place, part in enumerate(parts):
            values[place] = part
        chosen = np.zeros(count, np.int64) if form is None else form[rows]
        text, ends = np.empty(count * self._longest + PADDING, np.uint8), np.empty(count, np.int64)
        write_lines(self._steps, self._forms, chosen, values, self._words, self._pool, text, ends)
        return Lines(text, ends)


def _digits(kind: str | None, words: Mapping[str, Sequence[str]]) -> int:
    return int(kind) if kind and kind not in words else 1


def runs(files: Ints) -> Iterator[tuple[int, slice]]:
    """Rows of each file; those of a file stand together."""
    heads = np.flatnonzero(np.diff(files, prepend=-1)).tolist()
    for begin, end in zip(heads, [*heads[1:], files.shape[0]], strict=True):
        yield int(files[begin]), slice(begin, end)


def append_gzip(path: Path, content: bytes | memoryview) -> None:
    """Append a member of its own to a gzip file, without a time, so that equal contents are equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as sink:
        sink.write(igzip_lib.compress(content, 1, igzip_lib.COMP_GZIP))
