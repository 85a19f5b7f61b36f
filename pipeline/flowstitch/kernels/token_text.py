"""Words, numbers and times of log lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowstitch.kernels._jit import kernel
from flowstitch.kernels.address_text import digit_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_BLANK, _TAB, _EQUALS, _CLOSE, _ZERO, _COLON, _DOT = (ord(char) for char in " \t=]0:.")
_TENTH = np.iinfo(np.int64).max // 10
_MONTHS = np.frombuffer(b"JanFebMarAprMayJunJulAugSepOctNovDec", np.uint8)
# What ends a word: a blank before it ends, '=' and ']' with them.
_BLANK_BREAK, _INNER_BREAK = 1, 2
_BREAKS = np.zeros(256, np.uint8)
_BREAKS[[_BLANK, _TAB]] = _BLANK_BREAK
_BREAKS[[_EQUALS, _CLOSE]] = _INNER_BREAK
# the last second of the year 9999
_LAST_SECOND = 253402300799

# A keyword table has its words packed eight bytes to a number, the last one part-filled, and their length.
_FIRST, _SECOND, _LAST, _LENGTH = range(4)
MEANING = 4
MAX_WORD = 24


def make_words(meanings: Mapping[str, Sequence[int]]) -> NDArray[np.int64]:
    """Keyword table for ``find_word``.

    Parameters
    ----------
    meanings : numbers that each keyword stands for, as many for each; at most ``MAX_WORD`` bytes a keyword.

    Returns
    -------
    shape (m, MEANING + numbers), int64, open addressing, length 0 where free.
    """
    width = MEANING + max(map(len, meanings.values()))
    words = np.zeros((1 << (4 * len(meanings) - 1).bit_length(), width), np.int64)
    for word, numbers in meanings.items():
        raw = np.frombuffer(word.encode(), np.uint8)
        first, second, last, length, _ = pack_word(raw, 0, raw.shape[0])
        if length != raw.shape[0] or length > MAX_WORD:
            message = f"keyword {word!r}: got {length} bytes without a break, expected at most {MAX_WORD}."
            raise ValueError(message)
        place = hash_word(first, second, last) & (words.shape[0] - 1)
        while words[place, _LENGTH]:
            place = (place + 1) & (words.shape[0] - 1)
        words[place] = [first, second, last, length, *numbers]
    return words


@kernel
def hash_word(first, second, last):
    """Where a packed word is looked for first, int64, not negative."""
    seed = np.uint64(last) ^ np.uint64(first) << np.uint64(1) ^ np.uint64(second) << np.uint64(2)
    # Fibonacci hashing (Knuth, volume 3, 6.4): the upper bits are the good ones
    return np.int64(seed * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40))


@kernel
def pack_word(text, at, stop):
    """Pack the word that begins at ``at``: up to a blank or tab, or through the first '=' or ']'.

    Returns
    -------
    (eight bytes, eight bytes, the last one to eight, length, where the word ends), int64, the former 0 for shorter
    words; ``length`` tells longer ones than ``MAX_WORD``. A table of breaks and steps of eight take a third of the
    time that comparing each byte with each break takes.
    """
    first, second, last, length = 0, 0, 0, 0
    while True:
        begin = at
        end = min(at + 8, stop)
        while at < end and _BREAKS[text[at]] == 0:
            last = last << 8 | np.int64(text[at])
            at += 1
        length += at - begin
        if at == stop or _BREAKS[text[at]] == _BLANK_BREAK:
            break
        if at - begin == 8:
            first, second, last = second, last, 0
            continue
        last = last << 8 | np.int64(text[at])
        length += 1
        at += 1
        break
    return first, second, last, length, at


@kernel
def find_word(text, at, stop, words):
    """Look the word that begins at ``at`` up in a keyword table; whole words are compared.

    Returns
    -------
    (row of ``words``, -1 when it is no keyword; where the word ends).
    """
    first, second, last, length, at = pack_word(text, at, stop)
    return find_packed(first, second, last, length, words), at


@kernel
def find_packed(first, second, last, length, words):
    """Row of a packed word in a keyword table, -1 when it is no keyword."""
    mask = words.shape[0] - 1
    place = hash_word(first, second, last) & mask
    while words[place, _LENGTH] != 0:
        if (
            words[place, _LAST] == last
            and words[place, _LENGTH] == length
            and words[place, _FIRST] == first
            and words[place, _SECOND] == second
        ):
            return place
        place = (place + 1) & mask
    return -1


@kernel
def find_byte(text, at, stop, byte):
    """First place in ``[at, stop]`` that has the byte, ``stop`` when none has."""
    while at < stop and text[at] != byte:
        at += 1
    return at


@kernel
def skip_blanks(text, at, stop):
    """First place in ``[at, stop]`` that is no blank or tab."""
    while at < stop and (text[at] == _BLANK or text[at] == _TAB):
        at += 1
    return at


@kernel
def skip_word(text, at, stop):
    """First place in ``[at, stop]`` that is a blank or tab."""
    while at < stop and text[at] != _BLANK and text[at] != _TAB:
        at += 1
    return at


@kernel
def parse_decimal(text, at, stop, limit):
    """Decimal number in ``text[at:stop]``, int64; -1 when it is none or more than ``limit``."""
    if at >= stop:
        return -1
    value = 0
    for place in range(at, stop):
        digit = np.int64(text[place]) - _ZERO
        if digit < 0 or digit > 9 or value > _TENTH:
            return -1
        value = value * 10 + digit
        # past the largest int64 the sum wraps
        if value < 0 or value > limit:
            return -1
    return value


@kernel
def parse_hex(text, at, stop):
    """Number of at most 32 bits in ``text[at:stop]``, '0x' and hexadecimal digits; -1 when it is none."""
    if stop - at < 3 or stop - at > 10 or text[at] != _ZERO or text[at + 1] != ord("x"):
        return -1
    value = 0
    for place in range(at + 2, stop):
        digit = digit_value(np.int64(text[place]))
        if digit < 0:
            return -1
        value = value << 4 | digit
    return value


@kernel
def parse_stamp(text, at, stop):
    """Microseconds of ``<seconds>.<microseconds>`` in ``text[at:stop]``, int64; -1 when it is none.

    The part behind the dot is a number, not a fraction: conntrack(8) pads it with zeros or, in old versions, blanks.
    """
    seconds, micros, digits = 0, -1, 0
    for place in range(at, stop):
        char = np.int64(text[place])
        if char == _DOT and micros < 0 and digits > 0:
            micros, digits = 0, 0
        elif _ZERO <= char <= _ZERO + 9 and micros < 0 and seconds <= _LAST_SECOND:
            seconds = seconds * 10 + char - _ZERO
            digits += 1
        elif _ZERO <= char <= _ZERO + 9 and micros >= 0 and digits < 6 and text[place - 1] != _BLANK:
            micros = micros * 10 + char - _ZERO
            digits += 1
        elif char != _BLANK or micros < 0 or digits == 0:
            return -1
    return seconds * 1000000 + micros if micros >= 0 and digits > 0 and seconds <= _LAST_SECOND else -1


@kernel
def days_of(year, month, day):
    """Days of a Gregorian date since 1970-01-01; months from 1 to 13."""
    shifted = year - (month < 3)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


@kernel
def parse_ctime(text, at, stop):
    """Seconds since the epoch of ``Mon Nov 23 00:19:02 2026`` in ``text[at:stop]``, read as UTC; -1 when it is none.

    The form of ctime(3) in the C locale, from 1970 to 9999; the weekday is not looked at.
    """
    at += 4
    month = 0
    if at + 4 < stop and text[at - 1] == _BLANK and text[at + 3] == _BLANK:
        for number in range(12):
            if (
                text[at] == _MONTHS[3 * number]
                and text[at + 1] == _MONTHS[3 * number + 1]
                and text[at + 2] == _MONTHS[3 * number + 2]
            ):
                month = number + 1
    if month == 0:
        return -1
    day, hour, minute, second, year = 0, 0, 0, 0, 0
    part, value, digits = 0, 0, 0
    for place in range(at + 4, stop + 1):
        char = np.int64(text[place]) if place < stop else _BLANK
        if _ZERO <= char <= _ZERO + 9 and digits < 4:
            value = value * 10 + char - _ZERO
            digits += 1
            continue
        if digits == 0:
            if char != _BLANK or part == 2 or part == 3:
                return -1
            continue
        if char != (_COLON if part == 1 or part == 2 else _BLANK):
            return -1
        if part == 0:
            day = value
        elif part == 1:
            hour = value
        elif part == 2:
            minute = value
        elif part == 3:
            second = value
        elif part == 4:
            year = value
        part += 1
        value, digits = 0, 0
    if part != 5 or day < 1 or hour > 23 or minute > 59 or second > 59 or year < 1970:
        return -1
    begin = days_of(year, month, 1)
    if day > days_of(year, month + 1, 1) - begin:
        return -1
    return (((begin + day - 1) * 24 + hour) * 60 + minute) * 60 + second
