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
# Rows of ``Lines.codes``.
EVENT, STATE, REPLIED, ASSURED, OFFLOADED = range(5)
# Columns of ``Lines.odd``.
NUMBER, STATUS, AT, STOP = range(4)
# Places of ``Lines.tally``: number of the next line, rows, odd lines, blank lines, lines that were parsed word by word, unknown
# tokens, where the first of them is, and bits of what every row has but for that of a line without end.
NEXT_LINE, ROWS, ODD, BLANKS, PARSED, EXTRAS, EXTRA_AT, ALL_HAVE = range(8)
HAS_USE, HAS_ID = 1, 2

_NEWLINE, _CR = ord("\n"), ord("\r")
_CODES = 5
# The meaning of a shape: the codes, a byte each, the protocol, what of HAS_USE and HAS_ID it has, and its unknown tokens.
_PROTOCOL, _HAS, _EXTRAS = 8 * _CODES, 8 * _CODES + 8, 8 * _CODES + 10
_MOST_EXTRAS = (1 << 8) - 1
# Rows that are made null at a time, so that they are still near when they are filled.
_CLEARED = 128
# A line has four addresses. They are numbered again when it turns out that it has no known shape.
_LINE_ADDRESSES = 8


class Lines(NamedTuple):
    """What lines say.

    Attributes
    ----------
    cells : numbers of those that were parsed, from ``ct.SMALL`` and from ``ct.LARGE`` on, addresses by ``memo``. ZONE is the
        zone or else that of the original direction or else 0, and SEEN_AT of an entry of a list is the list's.
    codes : shape (5, n), uint8, codes of their event and state, 0 for no state, and flags, 255 for null.
    numbers : shape (n,), int64, which lines they are.
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


class Rest(NamedTuple):
    """What lines do not say: the code of the event of a list, and when the list was taken, ``NULL_TIME`` if not known."""

    listed: int
    taken_at: int


def make_known(shapes: Shapes | None = None) -> Known:
    """Nothing learnt so far."""
    return Known(
        make_shapes() if shapes is None else shapes,
        FIRST_DAY.copy(),
        np.empty((MAX_VALUES, 5), np.int64),
        np.empty(4, np.uint64),
        np.empty(4, np.uint64),
    )


def make_lines(rows: int, first_line: int, odd: int = 1 << 12, addresses: int = 1 << 14) -> Lines:
    """Room for at most so many rows, odd lines and addresses; what is not filled is not touched.

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
        np.empty((odd, 4), np.int64),
        np.empty(ct.WIDTH, np.int64),
        tally,
        make_memo(addresses),
    )


@kernel
def parse_lines(text, at, stop, terminated, words, protocols, known, rest, lines):
    """Parse lines until the text ends or ``lines`` is full.

    Parameters
    ----------
    text : shape (n,), uint8; with ``PADDING`` bytes behind ``stop`` every whole line can be read by its shape.
    at, stop : where the first line begins and the last one ends.
    terminated : the last line is whole; else a number at its end may have been cut.
    words, protocols : of the ``Grammar``.
    known : ``Known``, from what came before in the same text.
    rest : ``Rest``.
    lines : ``Lines``, new.

    Returns
    -------
    Where the next line begins.
    """
    tally, memo = lines.tally, lines.memo
    safe = _last_line_stop(text, at, min(stop, text.shape[0] - PADDING))
    rows, most_addresses = lines.numbers.shape[0], memo.high.shape[0] - _LINE_ADDRESSES
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
            else:
                tally[EXTRAS] += meaning >> _EXTRAS
        if meaning < 0:
            row = lines.last
            row[:] = -1
            newline = find_byte(text, at, stop, _NEWLINE)
            next_at = min(newline + 1, stop)
            end, cut = newline, newline == stop and not terminated
            if end > at and text[end - 1] == _CR:
                end, cut = end - 1, False
            row[ct.STATUS], count = ct.parse_line(
                text, at, end, cut, words, protocols, row, known.high, known.low, known.values
            )
            row[ct.LINE_AT], row[ct.LINE_STOP] = at, newline
            tally[PARSED] += 1
            meaning = _put_row(row, known.high, known.low, rest, lines, place, number)
            if meaning >= 0 and next_at <= safe and row[ct.EXTRAS] <= _MOST_EXTRAS:
                full = meaning | row[ct.EXTRAS] << _EXTRAS
                learn_shape(text, at, next_at, known.values, count, full, known.shapes)
        if meaning >= 0:
            _finish_row(meaning, rest, lines, place, number)
            if terminated or next_at < stop:
                tally[ALL_HAVE] &= meaning >> _HAS
            place += 1
        at = next_at
        number += 1
    tally[ROWS], tally[NEXT_LINE] = place, number
    return at


@kernel
def put_rows(rows, high, low, rest, lines):
    """Put rows that have the columns of those of ``parse_line`` into ``lines``, which has room for them.

    Parameters
    ----------
    rows : shape (n, WIDTH or more), int64. high, low : shape (n, 4), uint64, halves of their addresses.
    rest : ``Rest``.
    lines : ``Lines``, new.
    """
    _clear(lines.cells, 0, rows.shape[0])
    place, number = lines.tally[ROWS], lines.tally[NEXT_LINE]
    for row in range(rows.shape[0]):
        meaning = _put_row(rows[row], high[row], low[row], rest, lines, place, number)
        if meaning >= 0:
            _finish_row(meaning, rest, lines, place, number)
            place += 1
        number += 1
    lines.tally[ROWS], lines.tally[NEXT_LINE] = place, number


@inner_kernel
def _put_row(row, high, low, rest, lines, place, number):
    """Put a row of ``parse_line`` where it belongs, unfinished.

    Returns
    -------
    What it means without its values and unknown tokens, -1 when it gives no row.
    """
    cells, tally = lines.cells, lines.tally
    if row[ct.STATUS] == ct.BLANK:
        tally[BLANKS] += 1
        return np.int64(-1)
    if row[ct.STATUS] != ct.PARSED:
        odd = tally[ODD]
        lines.odd[odd, NUMBER], lines.odd[odd, STATUS] = number, row[ct.STATUS]
        lines.odd[odd, AT], lines.odd[odd, STOP] = row[ct.LINE_AT], row[ct.LINE_STOP]
        tally[ODD] = odd + 1
        return np.int64(-1)
    for column in range(ct.SMALL, ct.LARGE):
        cells.small[column - ct.SMALL, place] = row[column]
    for column in range(ct.LARGE, ct.WIDTH):
        if row[column] >= 0:
            cells.large[column - ct.LARGE, place] = row[column]
    for column in range(4):
        cells.numbers[column, place] = add_address(high[column], low[column], lines.memo)
    if tally[EXTRAS] == 0:
        tally[EXTRA_AT] = row[ct.EXTRA_AT]
    tally[EXTRAS] += row[ct.EXTRAS]
    event, flags = row[ct.EVENT_CODE], row[ct.FLAGS]
    offloaded = np.int64(flags & ct.OFFLOADED != 0)
    # the flag of an offloaded entry stands in the place of [ASSURED]
    assured = 0xFF if offloaded else np.int64(flags & ct.ASSURED != 0)
    return (
        (event if event >= 0 else rest.listed) << 8 * EVENT
        | max(row[ct.STATE], 0) << 8 * STATE
        | np.int64(flags & ct.UNREPLIED == 0) << 8 * REPLIED
        | assured << 8 * ASSURED
        | offloaded << 8 * OFFLOADED
        | row[ct.PROTOCOL_NUMBER] << _PROTOCOL
        | np.int64(row[ct.USE] != -1) << _HAS
        | np.int64(row[ct.CONNTRACK_ID] != -1) << (_HAS + 1)
    )


@inner_kernel
def _finish_row(meaning, rest, lines, place, number):
    """Add to a row what its values do not say."""
    small, seen_at = lines.cells.small, lines.cells.large[ct.SEEN_AT - ct.LARGE]
    for code in range(_CODES):
        lines.codes[code, place] = meaning >> 8 * code & 0xFF
    small[ct.PROTOCOL_NUMBER - ct.SMALL, place] = meaning >> _PROTOCOL & 0xFF
    if small[ct.ZONE - ct.SMALL, place] < 0:
        small[ct.ZONE - ct.SMALL, place] = max(small[ct.ZONE_ORIG - ct.SMALL, place], 0)
    if meaning & 0xFF == rest.listed and seen_at[place] == NULL_TIME:
        seen_at[place] = rest.taken_at
    lines.numbers[place] = number


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
