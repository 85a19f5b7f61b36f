"""A line of conntrack text to a row of numbers, word by word; the keywords come from ``schemas/dialects/conntrack.toml``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowstitch.kernels import shapes
from flowstitch.kernels._jit import kernel
from flowstitch.kernels.address_text import parse_address
from flowstitch.kernels.token_text import (
    MEANING,
    find_byte,
    find_word,
    parse_ctime,
    parse_decimal,
    parse_hex,
    parse_stamp,
    skip_blanks,
    skip_word,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What a line is; REASONS has the words for it.
(
    PARSED,
    BLANK,
    FOREIGN,
    TORN,
    BAD_ADDRESS,
    BAD_NUMBER,
    BAD_STATE,
    BAD_TIME,
    REPEATED,
    INCOMPLETE,
    ONE_TUPLE,
) = range(11)
REASONS = (
    "parsed", "blank", "foreign line", "torn line", "bad address", "bad number", "bad state", "bad time",
    "repeated token", "incomplete tuple", "no reply tuple",
)  # fmt: skip

# Kinds of word: those that stand alone, then those that a value follows. UNKNOWN is no keyword.
UNKNOWN, NAME, EVENT, STATE_NAME, FLAG, TEXT, ADDRESS, DECIMAL, ECHO, HEX16, TIME = range(11)
# Bits of a NAME: it can stand before the family's number, before the protocol's, and says which protocol it is.
FAMILY, PROTOCOL, NAMED = 1, 2, 4
# Bits of a FLAG.
UNREPLIED, ASSURED, OFFLOADED, NOTE = 1, 2, 4, 8
# Bits of a protocol.
HAS_PORTS, HAS_ECHO, HAS_STATES = 1, 2, 4

# Columns of a row, int64, -1 where the line does not say: what the line is, words by their code, then numbers, first
# those of at most 16 bits. Those of the original tuple are followed by those of the reply. A number that ends a torn file
# may have been cut: before TIMEOUT that spoils the row, from there on it is CUT.
(
    STATUS, LINE_AT, LINE_STOP, EXTRAS, EXTRA_AT, EVENT_CODE, STATE, FLAGS,
    PROTOCOL_NUMBER, SRC_PORT, DST_PORT, ICMP_TYPE, ICMP_CODE, ICMP_ID,
    REPLY_SRC_PORT, REPLY_DST_PORT, REPLY_ICMP_TYPE, REPLY_ICMP_CODE, REPLY_ICMP_ID,
    ZONE, ZONE_ORIG, ZONE_REPLY,
    SEEN_AT, TIMEOUT, PACKETS, BYTES, REPLY_PACKETS, REPLY_BYTES, MARK, DELTA_TIME, START, STOP, USE, CONNTRACK_ID,
) = range(34)  # fmt: skip
WIDTH = 34
SMALL, LARGE = PROTOCOL_NUMBER, SEEN_AT
CUT = -2
# Columns of the address halves: original source and destination, reply source and destination.
SRC_IP, DST_IP = 0, 1

_OPEN, _CLOSE, _ZERO, _EQUALS = (ord(char) for char in "[]0=")
_REPLY = REPLY_SRC_PORT - SRC_PORT
_U32, _U16, _U8 = 0xFFFFFFFF, 0xFFFF, 0xFF
# numba compiles a function again for every int that is written in a call of it
_STAMP, _SEEN_AT = np.int64(shapes.STAMP), np.int64(SEEN_AT)
# What a keyword stands for: its kind, its code (the largest number where it has one), and where the value goes in the
# original tuple and in the reply (SRC_IP or DST_IP for an ADDRESS), equal for what belongs to no tuple.
_KIND, _CODE, _TO, _TO_REPLY = range(MEANING, MEANING + 4)


class Grammar(NamedTuple):
    """The dialect as arrays.

    Attributes
    ----------
    words : table of ``make_words``; a keyword is spelt with its '[', ']' and '='. It stands for kind, code, column
        and column of the reply. ECHO is a DECIMAL that goes to ICMP_ID within a tuple with echo identifiers.
    protocols : shape (256,), int64, bits by protocol number.
    """

    words: NDArray[np.int64]
    protocols: NDArray[np.int64]


@kernel
def parse_line(text, at, stop, cut, words, protocols, row, high, low, values):
    """Parse a line.

    Parameters
    ----------
    text : shape (n,), uint8, the line at ``[at, stop)``, without its end.
    cut : no end of line follows: a number at the end may have been cut.
    words, protocols : of the ``Grammar``.
    row : shape (WIDTH,), int64, all -1, receives what the line says; START and STOP in µs.
    high, low : shape (4,), uint64, receive the halves of its addresses.
    values : shape (MAX_VALUES, 5), int64, receives where it has which values, see ``learn_shape``.

    Returns
    -------
    (status, number of values).
    """
    row[FLAGS] = 0
    row[EXTRAS] = 0
    count = 0
    name = 0
    direction = -1
    seen = 0
    # whether the number of a family came last, behind which the protocol can be named
    is_family = False
    at = skip_blanks(text, at, stop)
    if at == stop:
        return BLANK, count
    while at < stop:
        begin = at
        opened = text[begin] == _OPEN
        if opened and name == 0 and row[SEEN_AT] < 0 and at + 1 < stop and _is_digit(text[at + 1]):
            at = find_byte(text, at, stop, _CLOSE)
            row[SEEN_AT] = parse_stamp(text, begin + 1, at)
            if at == stop or row[SEEN_AT] < 0:
                return (TORN if at == stop else BAD_TIME), count
            count = _note(values, count, begin + 1, at, _STAMP, np.int64(0), _SEEN_AT)
            at = skip_blanks(text, at + 1, stop)
            continue
        follows_family, is_family = is_family, False
        word, word_stop = find_word(text, at, stop, words)
        at = word_stop
        kind, code, target = UNKNOWN, 0, -1
        if word >= 0:
            kind, code, target = words[word, _KIND], words[word, _CODE], words[word, _TO]
        bare = not opened and kind <= STATE_NAME
        value_at = at if kind > FLAG else begin
        if not opened:
            at = skip_word(text, at, stop)
        elif kind != FLAG and kind != EVENT:
            # what is within brackets can hold blanks
            at = find_byte(text, at - 1, stop, _CLOSE) + 1
            if at > stop:
                return TORN, count
        # what breaks off is no foreign word
        foreign = TORN if cut and at == stop else FOREIGN

        if name == 0 and kind == EVENT and row[EVENT_CODE] < 0:
            row[EVENT_CODE] = code
        elif name == 0:
            if kind != NAME:
                return foreign, count
            name = code
        elif row[PROTOCOL_NUMBER] < 0:
            if not _is_digit(text[begin]):
                return foreign, count
            kind, code, target = DECIMAL, _U8, PROTOCOL_NUMBER
            is_family = name & FAMILY != 0
        elif follows_family and kind == NAME and code & PROTOCOL:
            name = code & ~FAMILY
            row[PROTOCOL_NUMBER] = -1
        elif not name & PROTOCOL:
            return foreign, count
        elif direction < 0 and bare and _is_digit(text[begin]):
            kind, code, target = DECIMAL, _U32, TIMEOUT
        elif direction < 0 and kind == STATE_NAME and row[STATE] < 0:
            row[STATE] = code
        elif direction < 0 and bare and protocols[row[PROTOCOL_NUMBER]] & HAS_STATES:
            return BAD_STATE, count
        elif kind == FLAG:
            row[FLAGS] |= code
        elif kind < TEXT:
            if row[EXTRAS] == 0:
                row[EXTRA_AT] = begin
            row[EXTRAS] += 1

        value_stop, form = at, shapes.END
        if kind == ADDRESS:
            direction += target == SRC_IP
            column = 2 * direction + target
            if direction < 0 or direction > 1:
                return FOREIGN, count
            if seen >> column & 1:
                return REPEATED, count
            if cut and at == stop:
                return TORN, count
            good, high[column], low[column] = parse_address(text, value_at, at)
            seen |= 1 << column
            if not good:
                return BAD_ADDRESS, count
            form, target = shapes.ADDRESS, column
        elif kind > ADDRESS:
            if word >= 0 and target != words[word, _TO_REPLY]:
                if direction < 0:
                    return FOREIGN, count
                target = words[word, _TO_REPLY] if direction == 1 else target
            if kind == ECHO and direction >= 0 and protocols[row[PROTOCOL_NUMBER]] & HAS_ECHO:
                # of up to three the first two are the echo identifiers of the tuples
                echo = ICMP_ID + _REPLY * direction
                if row[echo] < 0:
                    target, code = echo, _U16
            if row[target] != -1:
                return REPEATED, count
            form = shapes.LARGE
            if kind == TIME:
                value_stop, form = at - 1, shapes.TIME
                value = parse_ctime(text, value_at, value_stop)
                value = value * shapes.SECOND if value >= 0 else value
            elif kind == HEX16:
                form = shapes.HEX16
                value = parse_hex(text, value_at, at)
                value = value & _U16 if value >= 0 else value
            else:
                value = parse_decimal(text, value_at, at, code)
            if value < 0:
                return (BAD_TIME if kind == TIME else BAD_NUMBER), count
            if cut and at == stop and not opened:
                if target < TIMEOUT:
                    return TORN, count
                value = CUT
            row[target] = value
            if target == PROTOCOL_NUMBER:
                form = shapes.END
        elif (kind == TEXT or kind == UNKNOWN) and not opened and text[word_stop - 1] == _EQUALS:
            value_at, form = word_stop, shapes.TEXT
        if form != shapes.END:
            count = _note(values, count, value_at, value_stop, form, code, target)
        at = skip_blanks(text, at, stop)
    return check_tuples(protocols, row, name, direction, seen), count


@kernel
def _is_digit(char):
    return _ZERO <= char <= _ZERO + 9


@kernel
def _note(values, count, begin, stop, form, limit, target):
    """Note a value, where there is room. Returns how many there are."""
    if count < shapes.MAX_VALUES:
        value = values[count]
        value[shapes.BEGIN], value[shapes.STOP], value[shapes.LIMIT] = begin, stop, limit
        value[shapes.FORM], value[shapes.COLUMN] = form, target
        if form != shapes.ADDRESS and target >= LARGE:
            value[shapes.COLUMN] = target - LARGE
        elif form != shapes.ADDRESS and target >= SMALL:
            value[shapes.FORM] = shapes.SMALL if form == shapes.LARGE else form
            value[shapes.COLUMN] = target - SMALL
    return count + 1


@kernel
def check_tuples(protocols, row, name, direction, seen):
    """Whether both tuples are what their protocol needs. Returns the status."""
    if row[PROTOCOL_NUMBER] < 0:
        return INCOMPLETE
    traits = protocols[row[PROTOCOL_NUMBER]] if name & NAMED else 0
    for side in range(2):
        if side > direction:
            return ONE_TUPLE if side == 1 else INCOMPLETE
        shift = _REPLY * side
        if (seen >> (2 * side)) & 3 != 3:
            return INCOMPLETE
        if traits & HAS_PORTS and (row[SRC_PORT + shift] < 0 or row[DST_PORT + shift] < 0):
            return INCOMPLETE
        if traits & HAS_ECHO:
            for column in range(ICMP_TYPE, ICMP_ID + 1):
                if row[column + shift] < 0:
                    return INCOMPLETE
    return PARSED
