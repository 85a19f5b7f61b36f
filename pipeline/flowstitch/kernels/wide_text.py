"""Values of tokens, eight bytes at a time.

Where a value begins is known, where it ends is not: some byte behind it ends the line, and ``PADDING`` more follow that.
Only the usual spelling of a value is read here, anything else is -1 and for the parsers of ``token_text``.
"""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import inner_kernel
from flowstitch.kernels.token_text import parse_ctime
from flowstitch.kernels.wide import below, count_digits, decimal8, first_byte, load8

# Bytes of a stamp and of a ctime, without what is around them.
STAMP_BYTES, CTIME_BYTES = 17, 24


def _everywhere(byte: int) -> np.uint64:
    return np.uint64(byte * 0x0101010101010101)


def _word(text: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(text, "little"))


# What ``read_ctime`` knows at first: the first day, which begins at 0.
FIRST_DAY = np.array([_word(b"Thu Jan "), _word(b" 1  1970"), 0], np.uint64)

_ABOVE_BLANK, _ZEROS = _everywhere(ord(" ") + 1), _everywhere(ord("0"))
_EIGHT, _TEN, _SIXTY = (np.uint64(value) for value in (8, 10, 60))
_BYTE, _DOT = np.uint64(0xFF), _word(b".")
_TENS = np.array([10**exponent for exponent in range(9)], np.int64)
# Where "hh:mm:ss" has its colons, "23 00:46" its day and ":52 2026" its year.
_CLOCK, _COLONS = _word(b"00:00:00"), _word(b"\0\0\xff\0\0\xff")
_DAY, _YEAR = _word(b"\xff" * 3), _word(b"\0" * 3 + b"\xff" * 5)


@inner_kernel
def find_blank8(text, at):
    """First place from ``at`` that has a blank or less: a tab, the end of a line."""
    marks = below(load8(text, at), _ABOVE_BLANK)
    while marks == 0:
        at += 8
        marks = below(load8(text, at), _ABOVE_BLANK)
    return at + first_byte(marks)


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
    value = decimal8(word, count)
    at += count
    if count == 8:
        word = load8(text, at)
        count = count_digits(word)
        if count == 8:
            return np.int64(-1), at
        if count > 0:
            value = value * _TENS[count] + decimal8(word, count)
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
    seconds = decimal8(head, head_digits) * 100 + decimal8(middle, digits)
    micros = load8(text, at + 11)
    digits = count_digits(micros)
    if digits != 6:
        return np.int64(-1)
    return seconds * 1_000_000 + decimal8(micros, digits)


@inner_kernel
def read_clock(word):
    """Seconds of the day of ``00:46:52``; -1 when it is none."""
    digits = word ^ _CLOCK
    if digits & _COLONS != 0 or count_digits(digits ^ _ZEROS) != 8:
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
