"""Tables as lines of text: as wide as they are, or fitted to a terminal."""

from __future__ import annotations

import re
import textwrap
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Cells = Sequence[str]

GAP = "  "
# Text that is folded further cannot be read.
_NARROWEST = 12
# A bar of eight letters, in eighths of a letter.
_BAR, _EIGHTHS = 8, " ▏▎▍▌▋▊▉█"
BARS = re.compile(f"[{_EIGHTHS[1:]}]+")
_PARTS = re.compile(r"[^_]*_|[^_]+")


def plain_table(names: Cells, rows: Sequence[Cells], numeric: Sequence[bool]) -> Iterator[str]:
    """Lines of a table, the names above, one line for each row.

    Parameters
    ----------
    names : of the columns. rows : their cells. numeric : by column, whether it is aligned to the right.
    """
    lines = [names, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return (_line(line, widths, numeric) for line in lines)


def fitted_table(
    names: Cells, rows: Sequence[Cells], numeric: Sequence[bool], width: int
) -> Iterator[tuple[str, bool]]:
    """Lines of a table that is no wider than a terminal, each with whether it is a head.

    Shares have bars where there is room for them. Text folds where it must, at hyphens and slashes if it can; numbers
    never do. Where even that is too wide, each row stands for itself, one column below the other.

    Parameters
    ----------
    width : of the terminal; the other parameters are as for ``plain_table``.
    """
    barred = _barred(names, rows)
    if _natural(names, barred) <= width:
        rows = barred
    widths = _fit(names, rows, numeric, width)
    if widths is None:
        yield from _records(names, rows)
        return
    heads = [_fold(_PARTS.findall(name), most) for name, most in zip(names, widths, strict=True)]
    for part in zip_longest(*heads, fillvalue=""):
        yield _line(part, widths, numeric), True
    yield "─" * (sum(widths) + len(GAP) * (len(widths) - 1)), False
    for row in rows:
        folded = [
            [cell] if right else _fold(_pieces(cell), most)
            for cell, right, most in zip(row, numeric, widths, strict=True)
        ]
        for part in zip_longest(*folded, fillvalue=""):
            yield _line(part, widths, numeric), False


def _barred(names: Cells, rows: Sequence[Cells]) -> Sequence[Cells]:
    """The same rows, their shares with bars."""
    shares = {place for place, name in enumerate(names) if name == "share" or name.endswith("_share")}
    return [
        [f"{cell} {_bar(cell)}" if place in shares else cell for place, cell in enumerate(row)]
        for row in rows
    ]


def _bar(share: str) -> str:
    """Bar of a share, 0 to 1, as long for every share; blank where there is none."""
    try:
        eighths = min(max(round(float(share) * _BAR * 8), 0), _BAR * 8)
    except ValueError:
        eighths = 0
    return (_EIGHTHS[8] * (eighths // 8) + _EIGHTHS[eighths % 8].strip()).ljust(_BAR)


def _natural(names: Cells, rows: Sequence[Cells]) -> int:
    """Width of a table that folds nothing."""
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _line(cells: Cells, widths: Sequence[int], numeric: Sequence[bool]) -> str:
    padded = [
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(cells, widths, numeric, strict=True)
    ]
    return GAP.join(padded).rstrip()


def _records(names: Cells, rows: Sequence[Cells]) -> Iterator[tuple[str, bool]]:
    width = max(map(len, names))
    for number, row in enumerate(rows, 1):
        yield f"row {number}", True
        for name, cell in zip(names, row, strict=True):
            yield f"{name.ljust(width)}{GAP}{cell}", False


def _fit(names: Cells, rows: Sequence[Cells], numeric: Sequence[bool], width: int) -> list[int] | None:
    """Width of each column, None when there is no fit; the widest ones give way first."""
    least, widths = [], []
    for place, (name, right) in enumerate(zip(names, numeric, strict=True)):
        content = max((len(row[place]) for row in rows), default=0)
        head = max(map(len, _PARTS.findall(name)), default=0)
        least.append(max(head, content if right else min(content, _NARROWEST)))
        widths.append(max(len(name), content))
    over = sum(widths) + len(GAP) * (len(widths) - 1) - width
    if over > sum(widths) - sum(least):
        return None
    for _ in range(over):
        widest = max(
            (place for place in range(len(widths)) if widths[place] > least[place]), key=widths.__getitem__
        )
        widths[widest] -= 1
    return widths


def _pieces(cell: str) -> list[str]:
    return re.findall(r"[^\s/-]*[/-]+|[^\s/-]+|\s+", cell)


def _fold(pieces: Sequence[str], width: int) -> list[str]:
    """Pieces put together to lines of at most ``width``; a longer piece is cut."""
    lines = [""]
    for piece in pieces:
        for part in textwrap.wrap(piece, width, drop_whitespace=False) or [""]:
            if len(lines[-1]) + len(part.rstrip()) <= width:
                lines[-1] += part
            elif part.strip():
                lines.append(part)
    return [line.rstrip() for line in lines]
