"""Lines of conntrack text to columns: a line of a known shape by its shape, any other by ``parse_line``, which judges."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowstitch.arrays import PADDING
from flowstitch.kernels import conntrack_text as ct
from flowstitch.kernels._jit import inner_kernel, kernel
from flowstitch.kernels.address_memo import AddressMemo, add_address, make_memo
from flowstitch.kernels.shapes import MAX_VALUES, Cells, Shapes, learn_shape, make_shapes, read_line
from flowstitch.kernels.token_text import find_byte
from flowstitch.kernels.wide_text import FIRST_DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

NULL_TIME = np.iinfo(np.int64).min
# What stands in the columns of ``Cells.large`` where a line does not say, from SEEN_AT on; in ``Cells.small`` it is -1.
LARGE_NULLS = np.full(ct.WIDTH - ct.LARGE, -1, np.int64)
LARGE_NULLS[[column - ct.LARGE for column in (ct.SEEN_AT, ct.START, ct.STOP)]] = NULL_TIME
LARGE_NULLS[ct.CONNTRACK_ID - ct.LARGE] = 0
# Rows of ``Lines.codes``: in the order of the columns of a row from PROTOCOL_NUMBER on.
PROTOCOL_NUMBER, EVENT_CODE, STATE, FLAGS = range(4)
# Columns of ``Lines.odd``.
NUMBER, STATUS, AT, STOP = range(4)
# Places of ``Lines.tally``: number of the next line, rows, odd lines, blank lines, lines that were parsed word by word, unknown
# tokens, where the first of them is, and bits of what every row has but for that of a line without end.
NEXT_LINE, ROWS, ODD, BLANKS, PARSED, EXTRAS, EXTRA_AT, ALL_HAVE = range(8)
HAS_USE, HAS_ID = 1, 2

_NEWLINE, _CR = ord("\n"), ord("\r")
# The meaning of a shape: the codes, a byte each, what of HAS_USE and HAS_ID it has, and how many unknown tokens.
_CODES = 4
_HAS_SHIFT, _EXTRAS_SHIFT = 8 * _CODES, 8 * _CODES + 2
# Rows that are made null at a time, so that they are still near when they are filled.
_CLEARED = 128
_MAX_ODD = 1 << 12
_MAX_ADDRESSES = 1 << 14


class Lines(NamedTuple):
    """What is known of lines.

    Attributes
    ----------
    cells : values of the parsed ones, from ``ct.SMALL`` and from ``ct.LARGE`` on, addresses by ``memo``.
    codes : shape (4, n), uint8, PROTOCOL_NUMBER, EVENT_CODE, STATE and FLAGS of the parsed ones, 0 where they do not say.
    numbers : shape (n,), int64, numbers of the parsed ones.
    odd : shape (m, 4), int64, NUMBER, STATUS, AT and STOP of those that are neither parsed nor blank.
    last : shape (WIDTH,), int64, the row of the line that was parsed word by word last.
    tally : shape (8,), int64.
    memo : the addresses.
    """

    cells: Cells
    codes: NDArray[np.uint8]
    numbers: NDArray[np.int64]
    odd: NDArray[np.int64]
    last: NDArray[np.int64]
    tally: NDArray[np.int64]
    memo: AddressMemo


class Known(NamedTuple):
    """What has been learnt from the lines of one text, and room to work in."""

    shapes: Shapes
    day: NDArray[np.uint64]
    values: NDArray[np.int64]
    high: NDArray[np.uint64]
    low: NDArray[np.uint64]


def make_known(shapes: Shapes | None = None) -> Known:
    """Nothing learnt so far."""
    return Known(
        make_shapes() if shapes is None else shapes,
        FIRST_DAY.copy(),
        np.empty((MAX_VALUES, 5), np.int64),
        np.empty(4, np.uint64),
        np.empty(4, np.uint64),
    )


def make_lines(rows: int, first_line: int) -> Lines:
    """Room for at most so many rows; what is not filled is not touched.

    Parameters
    ----------
    first_line : number of the first line.
    """
    cells = Cells(
        np.empty((ct.LARGE - ct.SMALL, rows), np.int32),
        np.empty((ct.WIDTH - ct.LARGE, rows), np.int64),
        np.empty((4, rows), np.uint32),
    )
    tally = np.zeros(8, np.int64)
    tally[NEXT_LINE], tally[ALL_HAVE] = first_line, HAS_USE | HAS_ID
    return Lines(
        cells,
        np.empty((_CODES, rows), np.uint8),
        np.empty(rows, np.int64),
        np.empty((_MAX_ODD, 4), np.int64),
        np.empty(ct.WIDTH, np.int64),
        tally,
        make_memo(_MAX_ADDRESSES),
    )


@kernel
def parse_lines(text, at, stop, terminated, words, protocols, known, lines):
    """Parse lines until the text ends or ``lines`` is full.

    Parameters
    ----------
    text : shape (n,), uint8; with ``PADDING`` bytes behind ``stop`` every whole line can be read by its shape.
    at, stop : where the first line begins and the last one ends.
    terminated : the last line is whole; else a number at its end may have been cut.
    words, protocols : of the ``Grammar``.
    known : ``Known``, from what came before in the same text.
    lines : ``Lines``, new.

    Returns
    -------
    Where the next line begins.
    """
    tally, memo, codes = lines.tally, lines.memo, lines.codes
    rows = lines.numbers.shape[0]
    safe = _last_line_stop(text, at, min(stop, text.shape[0] - PADDING))
    # a line has four addresses, and they are numbered again when it has no known shape
    most_addresses = memo.high.shape[0] - 8
    place, number = tally[ROWS], tally[NEXT_LINE]
    cleared = place
    while at < stop and place < rows and tally[ODD] < lines.odd.shape[0] and memo.count[0] < most_addresses:
        if place == cleared:
            cleared = min(place + _CLEARED, rows)
            _clear(lines.cells, place, cleared)
        meaning = np.int64(-1)
        if at < safe:
            meaning, next_at = read_line(text, at, known.shapes, lines.cells, place, memo, known.day)
            if meaning < 0:
                _clear(lines.cells, place, place + 1)
        if meaning < 0:
            row = lines.last
            row[:] = -1
            newline = find_byte(text, at, stop, _NEWLINE)
            next_at = min(newline + 1, stop)
            end, cut = newline, newline == stop and not terminated
            if end > at and text[end - 1] == _CR:
                end, cut = end - 1, False
            status, count = ct.parse_line(
                text, at, end, cut, words, protocols, row, known.high, known.low, known.values
            )
            row[ct.STATUS], row[ct.LINE_AT], row[ct.LINE_STOP] = status, at, newline
            tally[PARSED] += 1
            if status == ct.PARSED:
                meaning = _put_row(row, known.high, known.low, lines, place)
                if next_at <= safe:
                    learn_shape(text, at, next_at, known.values, count, meaning, known.shapes)
            elif status == ct.BLANK:
                tally[BLANKS] += 1
            else:
                odd = lines.odd[tally[ODD]]
                odd[NUMBER], odd[STATUS], odd[AT], odd[STOP] = number, status, at, newline
                tally[ODD] += 1
        if meaning >= 0:
            for code in range(_CODES):
                codes[code, place] = meaning >> 8 * code & 0xFF
            lines.numbers[place] = number
            tally[EXTRAS] += meaning >> _EXTRAS_SHIFT
            if terminated or next_at < stop:
                tally[ALL_HAVE] &= meaning >> _HAS_SHIFT
            place += 1
        at = next_at
        number += 1
    tally[ROWS], tally[NEXT_LINE] = place, number
    return at


@inner_kernel
def _put_row(row, high, low, lines, place):
    """Put a row of ``parse_line`` into its place in the columns. Returns what it means without its values."""
    cells, tally = lines.cells, lines.tally
    for column in range(ct.SMALL, ct.LARGE):
        cells.small[column - ct.SMALL, place] = row[column]
    for column in range(ct.LARGE, ct.WIDTH):
        if row[column] >= 0:
            cells.large[column - ct.LARGE, place] = row[column]
    for column in range(4):
        cells.numbers[column, place] = add_address(high[column], low[column], lines.memo)
    if row[ct.EXTRAS] > 0 and tally[EXTRAS] == 0:
        tally[EXTRA_AT] = row[ct.EXTRA_AT]
    has = HAS_USE * (row[ct.USE] != -1) | HAS_ID * (row[ct.CONNTRACK_ID] != -1)
    meaning = row[ct.EXTRAS] << _EXTRAS_SHIFT | has << _HAS_SHIFT
    for code in range(_CODES):
        meaning |= max(row[ct.PROTOCOL_NUMBER + code], 0) << 8 * code
    return meaning


@inner_kernel
def _clear(cells, begin, end):
    """Make rows null."""
    small, large = cells.small, cells.large
    for column in range(small.shape[0]):
        for row in range(begin, end):
            small[column, row] = -1
    for column in range(large.shape[0]):
        for row in range(begin, end):
            large[column, row] = LARGE_NULLS[column]


@inner_kernel
def _last_line_stop(text, at, stop):
    """Where the last whole line before ``stop`` ends, ``at`` when there is none."""
    while stop > at and text[stop - 1] != _NEWLINE:
        stop -= 1
    return max(stop, at)
