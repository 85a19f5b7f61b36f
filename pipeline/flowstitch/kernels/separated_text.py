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
    from numpy.typing import NDArray

    from flowstitch.arrays import Words

# Lines that are read at once: their separators stay in the nearest cache.
ROWS = 256

_NEWLINE, _BLANK = ord("\n"), ord(" ")
_UNROLLED = 8
_ONE, _EIGHT, _BITS, _LAST = np.uint64(1), np.uint64(8), np.uint64(64), np.uint64(63)
_SIXTEEN, _THIRTY_TWO = np.uint64(16), np.uint64(32)
_TEN, _HUNDRED, _MYRIAD = np.uint64(10), np.uint64(100), np.uint64(10_000)
_ZEROS, _NINE_TO_HIGH, _HIGH = (np.uint64(byte * 0x0101010101010101) for byte in (0x30, 0x76, 0x80))
# Every second byte, pair and four.
_PAIRS, _FOURS, _LOWER = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF), np.uint64(0xFFFFFFFF)
# Bytes of a short number and its separator; a bit of no shift.
_MOST_SHORT, _OTHER = 9, np.uint64(64)
_TENS = 10 ** np.arange(9, dtype=np.int64)


class Separated(NamedTuple):
    """What ``read_separated`` takes in the place of literals.

    Attributes
    ----------
    separator : byte that stands behind each value but the last, behind which is a newline.
    values : how many there are, at least one.
    ends : shape (n,), int32. work : shape (4, ROWS), uint64. Room to work in.
    """

    separator: int
    values: int
    ends: NDArray[np.int32]
    work: Words


def make_separated(separator: int, values: int) -> Separated:
    """With room for so many values of ``ROWS`` lines."""
    ends = np.empty(1 + ROWS * values + MARKED + _UNROLLED, np.int32)
    return Separated(separator, values, ends, np.empty((4, ROWS), np.uint64))


@kernel
def read_separated(
    text,
    stop,
    state,
    separator,
    values,
    ends,
    work,
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
    separator, values, ends, work : ``Separated``.
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
                out = narrow[steps[step, tt.IN_NARROW], row : row + rows]
                _read_numbers(text, ends, values, work, rows, row, step, steps, nulls, memo, out, fits)
            elif steps[step, tt.KIND] == tt.NUMBER:
                more = wide[steps[step, tt.IN_WIDE], row : row + rows]
                _read_numbers(text, ends, values, work, rows, row, step, steps, nulls, memo, more, fits)
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
def _read_numbers(text, ends, values, work, rows, row, step, steps, nulls, memo, out, fits):
    """Numbers of a column to ``out``; a line is hard where there is none.

    They are read without a branch, several at once: as short ones or as long ones, by the first of them. The others come after.
    """
    limit, scale = np.uint64(steps[step, tt.LIMIT]), steps[step, tt.SCALE]
    place = np.uint64(step)
    behind = np.int64(8 if ends[place] - ends[place - _ONE] > _MOST_SHORT else 0)
    digits, shifts, heads, tens = work[0], work[1], work[2], work[3]
    for line in range(rows):
        at = np.int64(ends[place - _ONE]) + 1
        end = np.int64(ends[place])
        length = np.uint64(end - at - behind)
        place += np.uint64(values)
        fits_so = length - _ONE < _EIGHT
        digits[line] = load8(text, min(at + behind, end))
        shifts[line] = _BITS - _EIGHT * length if fits_so else _OTHER
        if behind > 0:
            heads[line] = load8(text, at)
            tens[line] = np.uint64(_TENS[length if fits_so else _ONE])
    if behind > 0:
        others = _join_long(digits, shifts, heads, tens, rows, limit, scale, out)
    else:
        others = _join_short(digits, shifts, rows, limit, scale, out)
    if others:
        _read_others(text, ends, values, shifts, rows, row, step, steps, nulls, memo, out, fits)


@inner_kernel
def _join_short(digits, shifts, rows, limit, scale, out):
    """Numbers of one to eight digits.

    Parameters
    ----------
    digits : eight bytes of which the lowest are those of the number.
    shifts : bits by which they move to the top, or ``_OTHER`` where it is no such number; receives 0 where it is one in range.
    out : receives the numbers.

    Returns
    -------
    Whether there are others.
    """
    some = np.uint64(0)
    for line in range(rows):
        value = (digits[line] ^ _ZEROS) << (shifts[line] & _LAST)
        other = _odd(value) | shifts[line] & _OTHER
        value = _join8(value)
        other |= np.uint64(value > limit)
        some |= other
        shifts[line] = other
        out[line] = np.int64(value) * scale
    return some != 0


@inner_kernel
def _join_long(digits, shifts, heads, tens, rows, limit, scale, out):
    """Numbers of nine to 16 digits: ``heads`` are their first eight, ``tens`` what those are multiplied with; ``_join_short``."""
    some = np.uint64(0)
    for line in range(rows):
        head = heads[line] ^ _ZEROS
        value = (digits[line] ^ _ZEROS) << (shifts[line] & _LAST)
        other = _odd(head) | _odd(value) | shifts[line] & _OTHER
        value = _join8(head) * (tens[line] & _LOWER) + _join8(value)
        other |= np.uint64(value > limit)
        some |= other
        shifts[line] = other
        out[line] = np.int64(value) * scale
    return some != 0


@inner_kernel
def _odd(value):
    """Not 0 where a byte is above nine."""
    return (value + _NINE_TO_HIGH | value) & _HIGH


@inner_kernel
def _join8(value):
    """Number of eight digits, each a byte: as ``wide.digits8``, by multiplications that vector registers have."""
    value = (value * _TEN + (value >> _EIGHT)) & _PAIRS
    value = (value * _HUNDRED + (value >> _SIXTEEN)) & _FOURS
    return (value & _LOWER) * _MYRIAD + (value >> _THIRTY_TWO)


@inner_kernel
def _read_others(text, ends, values, others, rows, row, step, steps, nulls, memo, out, fits):
    """Numbers of a column in the lines where ``others`` is not 0, null texts, and what is neither."""
    limit, scale, null = steps[step, tt.LIMIT], steps[step, tt.SCALE], steps[step, tt.NULL]
    for line in range(rows):
        if others[line] != 0:
            at = np.int64(ends[line * values + step - 1]) + 1
            length = np.int64(ends[line * values + step]) - at
            number = np.int64(-1)
            if 8 < length <= tt.MOST_DIGITS:
                head, tail = digits8(load8(text, at), 8), digits8(load8(text, at + 8), length - 8)
                if head >= 0 and tail >= 0:
                    number = head * _TENS[length - 8] + tail
            elif 0 < length <= 8:
                number = digits8(load8(text, at), length)
            if number >= 0 and number <= limit:
                out[line] = number * scale
            elif number < 0 and length >= steps[step, tt.LEAST] and _is_null(text, at, length, nulls):
                out[line] = null
                memo[step, tt.MEMO_NULLS] += 1
            else:
                fits[row + line] = tt.HARD


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
