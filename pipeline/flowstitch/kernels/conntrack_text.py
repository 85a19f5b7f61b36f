"""Lines of conntrack text to rows of numbers; the keywords come from ``schemas/dialects/conntrack.toml``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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
    import numpy as np
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

# Columns of a row, int64, -1 where the line does not say. Those of the original tuple are followed by those of the
# reply. A number that ends a torn file may have been cut: before TIMEOUT that spoils the row, from there on it is CUT.
(
    STATUS, LINE_AT, LINE_STOP, PROTOCOL_NUMBER, EVENT_CODE, SEEN_AT, STATE, FLAGS, EXTRAS, EXTRA_AT,
    SRC_PORT, DST_PORT, ICMP_TYPE, ICMP_CODE, ICMP_ID,
    REPLY_SRC_PORT, REPLY_DST_PORT, REPLY_ICMP_TYPE, REPLY_ICMP_CODE, REPLY_ICMP_ID,
    ZONE, ZONE_ORIG, ZONE_REPLY,
    TIMEOUT, PACKETS, BYTES, REPLY_PACKETS, REPLY_BYTES, MARK, DELTA_TIME, START, STOP, USE, CONNTRACK_ID,
) = range(34)  # fmt: skip
WIDTH = 34
CUT = -2
# Columns of the address halves: original source and destination, reply source and destination.
SRC_IP, DST_IP = 0, 1

_OPEN, _CLOSE, _ZERO, _NEWLINE, _CR = (ord(char) for char in "[]0\n\r")
_REPLY = REPLY_SRC_PORT - SRC_PORT
_U32, _U16, _U8 = 0xFFFFFFFF, 0xFFFF, 0xFF
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
def parse_lines(text, at, terminated, words, protocols, rows, high, low):
    """Parse lines of ``text`` from ``at`` until it ends or ``rows`` is full.

    Parameters
    ----------
    text : shape (n,), uint8, whole lines.
    at : where the first line begins.
    terminated : the last line is whole; else a number at its end may have been cut.
    words, protocols : of the ``Grammar``.
    rows : shape (m, WIDTH), int64, receives a row for each line, blank and rejected ones too.
    high, low : shape (m, 4), uint64, receive the halves of the addresses of parsed lines.

    Returns
    -------
    (number of rows, where the next line begins).
    """
    size = text.shape[0]
    count = 0
    while at < size and count < rows.shape[0]:
        stop = find_byte(text, at, size, _NEWLINE)
        row = rows[count]
        row[:] = -1
        row[LINE_AT] = at
        row[LINE_STOP] = stop
        cut = stop == size and not terminated
        at = min(stop + 1, size)
        if stop > row[LINE_AT] and text[stop - 1] == _CR:
            stop -= 1
            cut = False
        row[STATUS] = _parse_line(
            text, row[LINE_AT], stop, cut, words, protocols, row, high[count], low[count]
        )
        count += 1
    return count, at


@kernel
def _parse_line(text, at, stop, cut, words, protocols, row, high, low):
    row[FLAGS] = 0
    row[EXTRAS] = 0
    name = 0
    direction = -1
    seen = 0
    at = skip_blanks(text, at, stop)
    if at == stop:
        return BLANK
    while at < stop:
        begin = at
        opened = text[begin] == _OPEN
        if opened and name == 0 and row[SEEN_AT] < 0 and at + 1 < stop and _is_digit(text[at + 1]):
            at = find_byte(text, at, stop, _CLOSE)
            row[SEEN_AT] = parse_stamp(text, begin + 1, at)
            if at == stop or row[SEEN_AT] < 0:
                return TORN if at == stop else BAD_TIME
            at = skip_blanks(text, at + 1, stop)
            continue
        word, at = find_word(text, at, stop, words)
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
                return TORN
        # what breaks off is no foreign word
        foreign = TORN if cut and at == stop else FOREIGN

        if name == 0 and kind == EVENT and row[EVENT_CODE] < 0:
            row[EVENT_CODE] = code
        elif name == 0:
            if kind != NAME:
                return foreign
            name = code
        elif row[PROTOCOL_NUMBER] < 0:
            if not _is_digit(text[begin]):
                return foreign
            kind, code, target = DECIMAL, _U8, PROTOCOL_NUMBER
        elif name & FAMILY and kind == NAME and code & PROTOCOL and row[TIMEOUT] < 0 and row[STATE] < 0:
            name = code & ~FAMILY
            row[PROTOCOL_NUMBER] = -1
        elif not name & PROTOCOL:
            return foreign
        elif direction < 0 and bare and _is_digit(text[begin]):
            kind, code, target = DECIMAL, _U32, TIMEOUT
        elif direction < 0 and kind == STATE_NAME and row[STATE] < 0:
            row[STATE] = code
        elif direction < 0 and bare and protocols[row[PROTOCOL_NUMBER]] & HAS_STATES:
            return BAD_STATE
        elif kind == FLAG:
            row[FLAGS] |= code
        elif kind < TEXT:
            if row[EXTRAS] == 0:
                row[EXTRA_AT] = begin
            row[EXTRAS] += 1

        if kind == ADDRESS:
            direction += target == SRC_IP
            column = 2 * direction + target
            if direction < 0 or direction > 1:
                return FOREIGN
            if seen >> column & 1:
                return REPEATED
            if cut and at == stop:
                return TORN
            good, high[column], low[column] = parse_address(text, value_at, at)
            seen |= 1 << column
            if not good:
                return BAD_ADDRESS
        elif kind > ADDRESS:
            if word >= 0 and target != words[word, _TO_REPLY]:
                if direction < 0:
                    return FOREIGN
                target = words[word, _TO_REPLY] if direction == 1 else target
            if kind == ECHO and direction >= 0 and protocols[row[PROTOCOL_NUMBER]] & HAS_ECHO:
                # of up to three the first two are the echo identifiers of the tuples
                echo = ICMP_ID + _REPLY * direction
                if row[echo] < 0:
                    target, code = echo, _U16
            if row[target] != -1:
                return REPEATED
            if kind == TIME:
                value = parse_ctime(text, value_at, at - 1)
            elif kind == HEX16:
                value = parse_hex(text, value_at, at)
                value = value & _U16 if value >= 0 else value
            else:
                value = parse_decimal(text, value_at, at, code)
            if value < 0:
                return BAD_TIME if kind == TIME else BAD_NUMBER
            if cut and at == stop and not opened:
                if target < TIMEOUT:
                    return TORN
                value = CUT
            row[target] = value
        at = skip_blanks(text, at, stop)
    return check_tuples(protocols, row, name, direction, seen)


@kernel
def _is_digit(char):
    return _ZERO <= char <= _ZERO + 9


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
