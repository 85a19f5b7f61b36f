"""Tables that are made while they are written, a piece at a time: whole they would be the largest thing in memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.normalize.columns import concat_columns, take_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from flowstitch.arrays import Columns, Ints

# A row group, and how many of them a file has.
PIECE_ROWS = 1 << 17
FILE_PIECES = 8


@dataclass(frozen=True)
class Span:
    """Rows ``begin`` to ``end`` of what ``make`` makes columns of, a slice at a time."""

    make: Callable[[slice], Columns]
    begin: int
    end: int


@dataclass(frozen=True)
class Pieces:
    """A table as pieces in order, by file; how it is cut follows from its rows alone."""

    files: Sequence[Sequence[Callable[[], Columns]]]

    def columns(self, name: str) -> Columns:
        """All of it at once, as columns of the table ``name``."""
        return concat_columns(name, [make() for file in self.files for make in file])


def sorted_pieces(order: Ints, make: Callable[[Ints], Columns]) -> Pieces:
    """Pieces of a table whose rows stand in ``order``, shape (rows,); ``make`` makes columns of chosen rows."""
    return cut([Span(lambda wanted: make(order[wanted]), 0, order.shape[0])])


def cut(spans: Iterable[Span]) -> Pieces:
    """Pieces of at most ``PIECE_ROWS``, in files of ``FILE_PIECES`` times as many rows; one file at least."""
    files: list[list[Callable[[], Columns]]] = [[]]
    rows = 0
    for span in spans:
        for begin in range(span.begin, span.end, PIECE_ROWS):
            end = min(begin + PIECE_ROWS, span.end)
            if rows + end - begin > PIECE_ROWS * FILE_PIECES:
                files.append([])
                rows = 0
            files[-1].append(partial(span.make, slice(begin, end)))
            rows += end - begin
    return Pieces(files)


def by_source(columns: Columns) -> Columns:
    """Rows with those of each source together, by line, as reading leaves them; sorted only if they are not so."""
    source, line = columns["source"], columns["line"]
    turns = source[1:] != source[:-1]
    heads = np.append(0, np.flatnonzero(turns) + 1)
    together = np.unique(source[heads[: source.shape[0]]]).shape[0] == heads.shape[0]
    if not source.shape[0] or (together and bool(((line[1:] >= line[:-1]) | turns).all())):
        return columns
    return take_columns(columns, np.lexsort((line, source)))


def source_spans(source: Ints, make: Callable[[slice], Columns]) -> list[tuple[int, Span]]:
    """Where the rows of each source stand, with the code of its name; those of a source are together."""
    heads = np.flatnonzero(np.diff(source.astype(np.int64), prepend=-1)).tolist()
    ends = [*heads[1:], source.shape[0]]
    # without a source there is no head, and the one end is of nothing
    return [(int(source[begin]), Span(make, begin, end)) for begin, end in zip(heads, ends, strict=False)]
