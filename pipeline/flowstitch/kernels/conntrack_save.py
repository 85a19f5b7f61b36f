"""Lines of ``conntrack -o save`` to rows of numbers; the options come from ``schemas/dialects/conntrack-save.toml``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flowstitch.kernels import conntrack_text as ct
from flowstitch.kernels._jit import kernel
from flowstitch.kernels.address_text import parse_address
from flowstitch.kernels.token_text import (
    MEANING,
    find_byte,
    find_word,
    parse_decimal,
    skip_blanks,
    skip_word,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# What a line is, besides what a line of text can be.
NO_STATUS = len(ct.REASONS)
REASONS = (*ct.REASONS, "no status")

# Kinds of word: first those that stand alone or are values, then options, which a value follows. UNKNOWN is no keyword.
(
    UNKNOWN,
    EVENT,
    NOTE,
    STATUS_WORD,
    PROTOCOL_NAME,
    STATE_NAME,
    TEXT,
    ADDRESS,
    DECIMAL,
    PROTOCOL,
    STATE,
    STATUS_WORDS,
) = range(12)
# What a STATUS_WORD tells, besides the bits of flags in text.
REPLIED = 16

_NEWLINE, _CR, _COMMA = (ord(char) for char in "\n\r,")
_REPLY = ct.REPLY_SRC_PORT - ct.SRC_PORT
_ORIGINAL, _U8 = 0b11, 0xFF
# What a keyword stands for: its kind, its code (the largest number of a DECIMAL), and the column or the place of the address.
_KIND, _CODE, _TO = range(MEANING, MEANING + 3)


class SaveGrammar(NamedTuple):
    """The dialect as arrays.

    Attributes
    ----------
    words : table of ``make_words``: kind, code and where the value goes, a column of the row or 0 to 3 for an address:
        original source and destination, source and destination of the reply.
    protocols : shape (256,), int64, bits by protocol number.
    """

    words: NDArray[np.int64]
    protocols: NDArray[np.int64]


@kernel
def parse_saved(text, at, terminated, words, protocols, rows, high, low):
    """Parse lines of ``text`` from ``at`` until it ends or ``rows`` is full.

    Parameters
    ----------
    text : shape (n,), uint8.
    at : where the first line begins.
    terminated : the last line is whole; else a line without end is torn: whatever ends it may have been longer.
    words, protocols : of the ``SaveGrammar``.
    rows : shape (m, ct.WIDTH), int64, receives the row of each line, with the columns of text and a status of ``REASONS``.
    high, low : shape (m, 4), uint64, receive the halves of the addresses.

    Returns
    -------
    (number of rows, where the next line begins).
    """
    size = text.shape[0]
    count = 0
    while at < size and count < rows.shape[0]:
        row = rows[count]
        row[:] = -1
        stop = find_byte(text, at, size, _NEWLINE)
        end = stop
        cut = stop == size and not terminated
        if end > at and text[end - 1] == _CR:
            end -= 1
        row[ct.STATUS] = _parse_line(text, at, end, cut, words, protocols, row, high[count], low[count])
        row[ct.LINE_AT], row[ct.LINE_STOP] = at, stop
        at = min(stop + 1, size)
        count += 1
    return count, at


@kernel
def _parse_line(text, at, stop, cut, words, protocols, row, high, low):
    """Parse a line without its end. Returns the status."""
    row[ct.FLAGS] = 0
    row[ct.EXTRAS] = 0
    at = skip_blanks(text, at, stop)
    if at == stop:
        return ct.BLANK
    word, word_stop = find_word(text, at, stop, words)
    if word < 0 or words[word, _KIND] != EVENT:
        # what breaks off is no foreign word
        return ct.TORN if cut and skip_word(text, at, stop) == stop else ct.FOREIGN
    if cut:
        return ct.TORN
    row[ct.EVENT_CODE] = words[word, _CODE]
    seen, told = 0, -1
    at = skip_blanks(text, word_stop, stop)
    while at < stop:
        begin = at
        word, word_stop = find_word(text, at, stop, words)
        kind = words[word, _KIND] if word >= 0 else UNKNOWN
        at = skip_word(text, at, stop)
        if kind < TEXT:
            if kind != NOTE:
                if row[ct.EXTRAS] == 0:
                    row[ct.EXTRA_AT] = begin
                row[ct.EXTRAS] += 1
            at = skip_blanks(text, at, stop)
            continue
        value_at = skip_blanks(text, at, stop)
        at = skip_word(text, value_at, stop)
        target = words[word, _TO]
        if kind == ADDRESS:
            if seen >> target & 1:
                return ct.REPEATED
            seen |= 1 << target
            good, high[target], low[target] = parse_address(text, value_at, at)
            if not good:
                return ct.BAD_ADDRESS
        elif kind == STATUS_WORDS:
            if told >= 0:
                return ct.REPEATED
            if value_at < at:
                told = _parse_status(text, value_at, at, words, row)
        elif kind != TEXT:
            if kind == PROTOCOL:
                target = ct.PROTOCOL_NUMBER
            elif kind == STATE:
                target = ct.STATE
            if row[target] != -1:
                return ct.REPEATED
            row[target] = _parse_value(text, value_at, at, kind, words[word, _CODE], words)
            if row[target] < 0:
                return ct.BAD_STATE if kind == STATE else ct.BAD_NUMBER
        at = skip_blanks(text, at, stop)
    if row[ct.PROTOCOL_NUMBER] < 0 or seen & _ORIGINAL != _ORIGINAL:
        return ct.INCOMPLETE
    if told < 0:
        return NO_STATUS
    row[ct.FLAGS] = told & ct.ASSURED | (0 if told & REPLIED else ct.UNREPLIED)
    return _complete(seen, protocols[row[ct.PROTOCOL_NUMBER]], row, high, low)


@kernel
def _parse_value(text, at, stop, kind, limit, words):
    """Number that a value stands for, -1 when it is none of that kind."""
    if kind == DECIMAL:
        return parse_decimal(text, at, stop, limit)
    word, word_stop = find_word(text, at, stop, words)
    if (
        word >= 0
        and word_stop == stop
        and words[word, _KIND] == (STATE_NAME if kind == STATE else PROTOCOL_NAME)
    ):
        return words[word, _CODE]
    return parse_decimal(text, at, stop, _U8) if kind == PROTOCOL else -1


@kernel
def _parse_status(text, at, stop, words, row):
    """Bits of words with commas between them; one that is not known is counted in ``row``."""
    told = 0
    while at < stop:
        end = find_byte(text, at, stop, _COMMA)
        word, word_stop = find_word(text, at, end, words)
        if word >= 0 and word_stop == end and words[word, _KIND] == STATUS_WORD:
            told |= words[word, _CODE]
        else:
            if row[ct.EXTRAS] == 0:
                row[ct.EXTRA_AT] = at
            row[ct.EXTRAS] += 1
        at = end + 1
    return told


@kernel
def _complete(seen, traits, row, high, low):
    """Complete the reply by what the original tuple has, see the dialect. Returns the status."""
    for place in range(2):
        reply = 2 + place
        if not seen >> reply & 1:
            high[reply], low[reply] = high[1 - place], low[1 - place]
    for place in range(2):
        column = ct.REPLY_SRC_PORT + place
        if row[column] < 0:
            row[column] = row[ct.DST_PORT - place]
    if traits & ct.HAS_PORTS:
        for column in range(ct.SRC_PORT, ct.DST_PORT + 1):
            if row[column] < 0 or row[column + _REPLY] < 0:
                return ct.INCOMPLETE
    if traits & ct.HAS_ECHO:
        for column in range(ct.ICMP_TYPE, ct.ICMP_ID + 1):
            if row[column] < 0:
                return ct.INCOMPLETE
        if high[0] == high[3] and low[0] == low[3] and high[1] == high[2] and low[1] == low[2]:
            row[ct.REPLY_ICMP_ID] = row[ct.ICMP_ID]
    return ct.PARSED
