"""Values of tokens, eight bytes at a time.

Where a value begins is known, where it ends is not: some byte behind it ends the line, and ``PADDING`` more follow that.
Only the usual spelling of a value is read here, anything else is -1 and for the parsers of ``token_text``.
"""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import inner_kernel
from flowstitch.kernels.token_text import parse_ctime
from flowstitch.kernels.wide import first_byte, load8

# Bytes of a stamp and of a ctime, without what is around them.
STAMP_BYTES, CTIME_BYTES = 17, 24


def _everywhere(byte: int) -> np.uint64:
    return np.uint64(byte * 0x0101010101010101)


def _word(text: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(text, "little"))


# What ``read_ctime`` knows at first: the first day, which begins at 0.
FIRST_DAY = np.array([_word(b"Thu Jan "), _word(b" 1  1970"), 0], np.uint64)

_HIGH = _everywhere(0x80)
_ABOVE_BLANK = _everywhere(ord(" ") + 1)
_ZEROS = _everywhere(ord("0"))
# what added to the value of a byte reaches its highest bit when it is more than 9
_ABOVE_NINE = _everywhere(0x80 - 10)
_ONE, _SEVEN, _EIGHT, _TEN, _SIXTY = (np.uint64(value) for value in (1, 7, 8, 10, 60))
_BYTE, _COLON, _DOT = np.uint64(0xFF), _word(b":"), _word(b".")
_TENS = np.array([10**exponent for exponent in range(9)], np.int64)
# Neighbours joined: digits to numbers of two, those to numbers of four, those to one of eight.
_JOIN_1, _JOIN_2, _JOIN_4 = (np.uint64(factor) for factor in (10 << 8 | 1, 100 << 16 | 1, 10000 << 32 | 1))
_MASK_1, _MASK_2, _MASK_4 = (
    np.uint64(mask) for mask in (0x0F0F0F0F0F0F0F0F, 0x00FF00FF00FF00FF, 0x0000FFFF0000FFFF)
)
# Where "hh:mm:ss" has its colons, "23 00:46" its day and ":52 2026" its year.
_CLOCK, _COLONS = _word(b"00:00:00"), _word(b"\0\0\xff\0\0\xff")
_DAY, _YEAR = _word(b"\xff" * 3), _word(b"\0" * 3 + b"\xff" * 5)


@inner_kernel
def blank_bytes(word):
    """The highest bit of each byte that is a blank or less (tab, end of line), up to the lowest such byte exactly, uint64."""
    return (word - _ABOVE_BLANK) & ~word & _HIGH


@inner_kernel
def bytes_before(word, marks):
    """``word`` with zeros from the lowest marked byte on; ``marks`` is not 0."""
    return word & (((marks & (~marks + _ONE)) >> _SEVEN) - _ONE)


@inner_kernel
def find_blank8(text, at):
    """First place from ``at`` that has a blank or less."""
    marks = blank_bytes(load8(text, at))
    while marks == 0:
        at += 8
        marks = blank_bytes(load8(text, at))
    return at + first_byte(marks)


@inner_kernel
def count_digits(word):
    """How many of the bytes, from the lowest, are decimal digits before the first that is none: 0 to 8."""
    values = word ^ _ZEROS
    return first_byte((values + _ABOVE_NINE | values) & _HIGH)


@inner_kernel
def join_digits(word, count):
    """Number of the lowest ``count`` bytes, 1 to 8 decimal digits."""
    # the digits go to the top, zeros are put before them
    digits = word << np.uint64(64 - 8 * count) & _MASK_1
    pairs = digits * _JOIN_1 >> np.uint64(8) & _MASK_2
    fours = pairs * _JOIN_2 >> np.uint64(16) & _MASK_4
    return np.int64(fours * _JOIN_4 >> np.uint64(32))


@inner_kernel
def read_decimal(text, at):
    """Decimal number of 1 to 15 digits at ``at``.

    Returns
    -------
    (number, -1 when it is none; where its digits end).
    """
    word = load8(text, at)
    count = count_digits(word)
    if count == 0:
        return np.int64(-1), at
    value = join_digits(word, count)
    at += count
    if count == 8:
        word = load8(text, at)
        count = count_digits(word)
        if count == 8:
            return np.int64(-1), at
        if count > 0:
            value = value * _TENS[count] + join_digits(word, count)
        at += count
    return value, at


@inner_kernel
def read_stamp(text, at):
    """Microseconds of ``1795394843.000005``, ten digits and six; -1 when it is not that."""
    head = load8(text, at)
    head_digits = count_digits(head)
    if head_digits != 8:
        return np.int64(-1)
    middle = load8(text, at + 8)
    digits = count_digits(middle)
    if digits != 2 or middle >> np.uint64(16) & _BYTE != _DOT:
        return np.int64(-1)
    seconds = join_digits(head, head_digits) * 100 + join_digits(middle, digits)
    micros = load8(text, at + 11)
    digits = count_digits(micros)
    if digits != 6:
        return np.int64(-1)
    return seconds * 1_000_000 + join_digits(micros, digits)


@inner_kernel
def read_clock(word):
    """Seconds of the day of ``00:46:52``; -1 when it is none."""
    digits = word ^ _CLOCK
    if digits & _COLONS != 0 or (digits + _ABOVE_NINE | digits) & _HIGH != 0:
        return np.int64(-1)
    # tens are in the lower byte of a pair
    pairs = digits * _TEN + (digits >> _EIGHT)
    hour, minute, second = pairs & _BYTE, pairs >> np.uint64(24) & _BYTE, pairs >> np.uint64(48) & _BYTE
    if hour > 23 or minute > 59 or second > 59:
        return np.int64(-1)
    return np.int64((hour * _SIXTY + minute) * _SIXTY + second)


@inner_kernel
def read_ctime(text, at, day):
    """Seconds since the epoch of ``Mon Nov 23 00:19:02 2026``, read as UTC; -1 when it is none.

    Parameters
    ----------
    day : shape (3,), uint64, the bytes of the date that came last, and its midnight; at first a copy of ``FIRST_DAY``.
    """
    if at + CTIME_BYTES > text.shape[0]:
        return np.int64(-1)
    head, middle, tail = load8(text, at), load8(text, at + 8), load8(text, at + 16)
    clock = read_clock(load8(text, at + 11))
    if clock < 0:
        return clock
    date = middle & _DAY | tail & _YEAR
    if head == day[0] and date == day[1]:
        return np.int64(day[2]) + clock
    value = parse_ctime(text, at, at + CTIME_BYTES)
    if value >= 0:
        day[0], day[1], day[2] = head, date, np.uint64(value - clock)
    return value
