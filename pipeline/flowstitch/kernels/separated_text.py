"""Lines of values with one byte between them, read column by column.

What ``template_text`` does with any template is done here with the plainest: separators are found 64 bytes at a time, then a
column is read for many lines at once. Where a value begins is then known before the one in front of it has been read, which a
processor makes more of than of anything that is done to a single value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowstitch.kernels import template_text as tt
from flowstitch.kernels._jit import inner_kernel, kernel
from flowstitch.kernels.intern import intern_word
from flowstitch.kernels.marks import MARKED, count_bits, find_marks
from flowstitch.kernels.wide import digits8, keep, load8, lowest_bit, same

if TYPE_CHECKING:
    from flowstitch.arrays import Ints

# Lines that are read at once: their separators stay in the nearest cache.
ROWS = 256

_NEWLINE, _BLANK = ord("\n"), ord(" ")
_UNROLLED = 8
_ONE, _EIGHT, _BITS, _LAST = np.uint64(1), np.uint64(8), np.uint64(64), np.uint64(63)
_TENS = 10 ** np.arange(9, dtype=np.int64)


class Separated(NamedTuple):
    """What ``read_separated`` takes in the place of literals.

    Attributes
    ----------
    separator : byte that stands behind each value but the last, behind which is a newline.
    values : how many there are, at least one.
    ends : shape (n,), int32, room to work in.
    """

    separator: int
    values: int
    ends: Ints


def make_separated(separator: int, values: int) -> Separated:
    """With room for so many values of ``ROWS`` lines."""
    return Separated(separator, values, np.empty(1 + ROWS * values + MARKED + _UNROLLED, np.int32))


@kernel
def read_separated(
    text,
    stop,
    state,
    separator,
    values,
    ends,
    steps,
    nulls,
    slots,
    keys,
    memo,
    wide,
    narrow,
    codes,
    begins,
    fits,
):
    """Read lines as ``read_lines`` does with one template, up to where there are others among the next ones.

    Parameters
    ----------
    text, stop, state : as for ``read_lines``, by which the lines are to be read that this one leaves; there are always some.
    separator, values, ends : ``Separated``.
    steps : shape (s, 17), int64, of the template: the empty literal, each value, what is absent. nulls : of ``Steps``.
    slots, keys, memo : ``Met``. wide, narrow, codes, begins, fits : ``Rows``.
    """
    words = ROWS * codes.shape[0]
    least = 0
    for step in range(1, values + 1):
        least = max(least, steps[step, tt.LEAST])
    while state[tt.CODES] + words <= keys.shape[0]:
        rows = _split(text, state[tt.AT], stop, separator, values, least, ends)
        if rows == 0:
            break
        row = state[tt.ROW]
        for line in range(rows):
            begins[row + line] = ends[line * values] + 1
            fits[row + line] = 0
        for step in range(1, steps.shape[0]):
            if step > values:
                _fill(rows, row, step, steps, memo, wide, narrow, codes)
            elif steps[step, tt.KIND] == tt.NUMBER and steps[step, tt.IN_NARROW] >= 0:
                _read_numbers(
                    text, ends, values, rows, row, step, steps, nulls, memo, narrow, tt.IN_NARROW, fits
                )
            elif steps[step, tt.KIND] == tt.NUMBER:
                _read_numbers(text, ends, values, rows, row, step, steps, nulls, memo, wide, tt.IN_WIDE, fits)
            else:
                if steps[step, tt.TRIMMED] and separator != _BLANK:
                    _check_ends(text, ends, values, rows, row, step, fits)
                if steps[step, tt.KIND] == tt.WORD:
                    _read_words(text, ends, values, rows, row, step, steps, slots, keys, memo, state, codes)
        for line in range(row, row + rows):
            if fits[line] == tt.HARD:
                _clear(line, wide, narrow, codes)
        state[tt.AT] = ends[rows * values] + 1
        state[tt.ROW] = row + rows


@inner_kernel
def _split(text, at, stop, separator, values, least, ends):
    """Find what ends the values of the next lines: ``ends[1 + n]`` for the n-th value, and ``ends[0]`` in front of the first.

    Returns
    -------
    How many lines there are, at most ``ROWS``; 0 where a line that begins near here has another number of values, one that is
    empty while ``least`` is not 0, or a byte that is not plain.
    """
    most = ROWS * values
    found = np.uint64(1)
    lines = 0
    odd = np.uint64(0)
    before = _ONE
    ends[0] = at - 1
    while at + MARKED <= stop and np.int64(found) <= most:
        marks, newlines, others = find_marks(text, at, separator)
        odd |= others
        if least > 0:
            odd |= marks & (marks << _ONE | before)
            before = marks >> _LAST
        lines += count_bits(newlines)
        following = found + np.uint64(count_bits(marks))
        place = np.int32(at)
        while marks != 0:
            # what is written too much is written over
            for _ in range(_UNROLLED):
                ends[found] = place + np.int32(lowest_bit(marks))
                marks &= marks - _ONE
                found += _ONE
        found = following
        at += MARKED
    rows = min((np.int64(found) - 1) // values, ROWS)
    for number in range(rows * values + 1, np.int64(found)):
        lines -= text[ends[number]] == _NEWLINE
    if odd != 0 or lines != rows:
        return 0
    for row in range(1, rows + 1):
        if text[ends[row * values]] != _NEWLINE:
            return 0
    return rows


@inner_kernel
def _read_numbers(text, ends, values, rows, row, step, steps, nulls, memo, out, goal, fits):
    """Numbers of a column to ``out[steps[step, goal]]``; a line is hard where there is none."""
    to = np.uint64(steps[step, goal])
    limit, scale, null = steps[step, tt.LIMIT], steps[step, tt.SCALE], steps[step, tt.NULL]
    place = np.uint64(step)
    known_head, known_tail, known = np.uint64(0), np.uint64(0), np.int64(-1)
    for line in range(row, row + rows):
        at = np.int64(ends[place - _ONE]) + 1
        length = np.int64(ends[place]) - at
        place += np.uint64(values)
        number = np.int64(-1)
        if length > 8:
            if length <= tt.MOST_DIGITS:
                # a time mostly is that of the line before
                head = load8(text, at)
                tail = load8(text, at + 8) << (_BITS - _EIGHT * np.uint64(length - 8))
                if head != known_head or tail != known_tail:
                    known_head, known_tail, known = head, tail, _join(head, tail, length - 8)
                number = known
        elif length > 0:
            number = digits8(load8(text, at), length)
        if number >= 0 and number <= limit:
            out[to, np.uint64(line)] = number * scale
        elif number < 0 and length >= steps[step, tt.LEAST] and _is_null(text, at, length, nulls):
            out[to, np.uint64(line)] = null
            memo[step, tt.MEMO_NULLS] += 1
        else:
            fits[line] = tt.HARD


@inner_kernel
def _join(head, tail, count):
    """Number of eight bytes and ``count`` more, which are the highest of ``tail``; -1 where one is no digit."""
    upper = digits8(head, 8)
    lower = digits8(tail >> (_BITS - _EIGHT * np.uint64(count)), count)
    return upper * _TENS[np.uint64(count)] + lower if upper >= 0 and lower >= 0 else np.int64(-1)


@inner_kernel
def _is_null(text, at, length, nulls):
    """Whether a text means null."""
    if length > 7:
        return False
    value = keep(load8(text, at), length)
    for row in range(nulls.shape[0]):
        if np.int64(nulls[row, 1]) == length and nulls[row, 0] == value:
            return True
    return False


@inner_kernel
def _read_words(text, ends, values, rows, row, step, steps, slots, keys, memo, state, codes):
    """Codes of the words of a column."""
    to = np.uint64(steps[step, tt.IN_CODES])
    group = steps[step, tt.GROUP]
    recurs = steps[step, tt.RECURS]
    before, known, code = memo[step, tt.MEMO_AT], memo[step, tt.MEMO_SPAN] - 1, memo[step, tt.MEMO_CODE]
    count = state[tt.CODES]
    place = np.uint64(step)
    for line in range(row, row + rows):
        at = np.int64(ends[place - _ONE]) + 1
        length = np.int64(ends[place]) - at
        place += np.uint64(values)
        if length != known or not same(text, at, text, before, length):
            code = intern_word(text, at, length, group, slots, keys, count)
            count = max(count, code + 1)
            if recurs:
                before, known = at, length
        codes[to, np.uint64(line)] = code
    state[tt.CODES] = count
    if recurs:
        memo[step, tt.MEMO_AT], memo[step, tt.MEMO_SPAN], memo[step, tt.MEMO_CODE] = before, known + 1, code


@inner_kernel
def _check_ends(text, ends, values, rows, row, step, fits):
    """A line is hard where a value has a blank at an end."""
    for line in range(rows):
        at = ends[line * values + step - 1] + 1
        end = ends[line * values + step]
        if end > at and (text[at] == _BLANK or text[end - 1] == _BLANK):
            fits[row + line] = tt.HARD


@inner_kernel
def _fill(rows, row, step, steps, memo, wide, narrow, codes):
    """What a column has that the lines do not."""
    null = steps[step, tt.NULL]
    memo[step, tt.MEMO_NULLS] += rows
    for line in range(row, row + rows):
        if steps[step, tt.IN_NARROW] >= 0:
            narrow[steps[step, tt.IN_NARROW], line] = null
        elif steps[step, tt.IN_WIDE] >= 0:
            wide[steps[step, tt.IN_WIDE], line] = null
        elif steps[step, tt.IN_CODES] >= 0:
            codes[steps[step, tt.IN_CODES], line] = null


@inner_kernel
def _clear(line, wide, narrow, codes):
    for number in range(wide.shape[0]):
        wide[number, line] = -1
    for number in range(narrow.shape[0]):
        narrow[number, line] = -1
    for word in range(codes.shape[0]):
        codes[word, line] = 0
