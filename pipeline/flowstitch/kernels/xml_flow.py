"""One flow in XML of conntrack(8) to a row of numbers; the names come from ``schemas/dialects/conntrack-xml.toml``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowstitch.kernels import conntrack_text as ct
from flowstitch.kernels._jit import kernel
from flowstitch.kernels.address_text import parse_address
from flowstitch.kernels.conntrack_text import check_tuples
from flowstitch.kernels.token_text import (
    MEANING,
    days_of,
    find_word,
    parse_decimal,
    parse_hex,
)
from flowstitch.kernels.xml_text import (
    ATTRIBUTE_STOPS,
    NAME_STOPS,
    find_in_tag,
    find_name,
    has_name,
    skip_space,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What a flow is, besides what a line of text can be.
BAD_MARKUP = len(ct.REASONS)
REASONS = (*ct.REASONS, "bad markup")

# Kinds of word, first those that are elements; UNKNOWN is no keyword.
(
    UNKNOWN,
    CONTAINER,
    FLAG,
    TEXT,
    ADDRESS,
    DECIMAL,
    HEX16,
    NANOSECONDS,
    STATE,
    ATTRIBUTE,
    VALUE,
    NAME,
    STATE_NAME,
) = range(13)
# What an attribute tells.
EVENT_TYPE, DIRECTION, PROTOCOL, PROTOCOL_NAME = range(4)
# Directions of a <meta>, and of what is in none.
ORIGINAL, REPLY, INDEPENDENT = range(3)

# A row has the columns of the text (START and STOP in µs, SEEN_AT in µs of local time) and the parts of <when>.
YEAR, MONTH, DAY, HOUR, MINUTE, SECOND = range(ct.WIDTH, ct.WIDTH + 6)
WIDTH = ct.WIDTH + 6

_NEWLINE, _OPEN, _CLOSE, _SLASH, _EQUALS, _F = (ord(char) for char in "\n<>/=f")
_QUOTES = (ord('"'), ord("'"))
_FLOW = np.frombuffer(b"flow", np.uint8)
# What ends the text of an element.
_TEXT_STOPS = np.zeros(256, np.bool_)
_TEXT_STOPS[[_OPEN, _NEWLINE]] = True
_U8 = 0xFF
# What a keyword stands for: its kind, its code (the largest number where it has one), the container it is in (0 is none),
# and where it goes by direction, -1 where it is not allowed.
_KIND, _CODE, _PARENT, _TO = range(MEANING, MEANING + 4)


class XmlGrammar(NamedTuple):
    """The dialect as arrays.

    Attributes
    ----------
    words : table of ``make_words``; one name for one thing. A word stands for kind, code, container, and
        column for the original, the reply and the independent part. Codes of containers are 1 to 255.
    protocols : shape (256,), int64, bits by protocol number.
    """

    words: NDArray[np.int64]
    protocols: NDArray[np.int64]


@kernel
def begins_flow(text, at, stop):
    """Whether a flow begins at ``at``."""
    return at + 1 < stop and text[at] == _OPEN and text[at + 1] == _F and has_name(text, at + 1, stop, _FLOW)


@kernel
def parse_flow(text, at, stop, words, protocols, row, high, low):
    """Parse the flow that begins at ``at``, until it ends or is none.

    Parameters
    ----------
    text : shape (n,), uint8. at, stop : where the flow begins, and where it ends at the latest.
    words, protocols : of the ``XmlGrammar``.
    row : shape (WIDTH,), int64, all -1. high, low : shape (4,), uint64. They receive the columns and the halves of the addresses.

    Returns
    -------
    (status, behind its end): where it is none, where that is seen.
    """
    row[ct.FLAGS] = 0
    row[ct.EXTRAS] = 0
    # codes of the open containers, eight bits each: with each in its own place there are at most three
    stack = 0
    direction = INDEPENDENT
    metas, seen, name = 0, 0, 0
    while True:
        begin = skip_space(text, at, stop)
        if begin == stop or text[begin] != _OPEN:
            return BAD_MARKUP, at
        closing = begin + 1 < stop and text[begin + 1] == _SLASH
        name_at = begin + 1 + closing
        word, name_stop = find_name(text, name_at, stop, NAME_STOPS, words)
        kind, code = UNKNOWN, 0
        if word >= 0 and words[word, _KIND] <= STATE:
            kind, code = words[word, _KIND], words[word, _CODE]
            if not closing and kind != TEXT and words[word, _PARENT] != stack & _U8:
                return BAD_MARKUP, at
        if closing and (kind != CONTAINER or code != stack & _U8):
            return BAD_MARKUP, at
        if kind == CONTAINER:
            if not closing:
                status, at, told, named = _parse_attributes(text, name_stop, stop, words, code, row)
                if status != ct.PARSED:
                    return status, at
                name = named if named >= 0 else name
                if told >= 0:
                    if metas >> told & 1:
                        return ct.REPEATED, at
                    metas |= 1 << told
                    direction = told
                closing = text[at - 2] == _SLASH
                stack = stack << 8 | code
            else:
                at = skip_space(text, name_stop, stop) + 1
                if at > stop or text[at - 1] != _CLOSE:
                    return BAD_MARKUP, at
            if closing:
                stack >>= 8
                if stack == 0:
                    break
                if stack >> 8 == 0:
                    direction = INDEPENDENT
            continue

        at = find_in_tag(text, name_stop, stop, _CLOSE) + 1
        if at > stop:
            return BAD_MARKUP, at
        value_at, value_stop = at, at
        if text[at - 2] != _SLASH:
            value_stop, at = _find_element_stop(text, at, stop, name_at, name_stop)
            if at > stop:
                return BAD_MARKUP, at
        if kind == UNKNOWN:
            if row[ct.EXTRAS] == 0:
                row[ct.EXTRA_AT] = begin
            row[ct.EXTRAS] += 1
        if kind == UNKNOWN or kind == TEXT:
            continue
        target = words[word, _TO + direction]
        if target < 0:
            return BAD_MARKUP, at
        if kind == FLAG:
            row[ct.FLAGS] |= code
        elif kind == ADDRESS:
            column = 2 * direction + target
            if seen >> column & 1:
                return ct.REPEATED, at
            seen |= 1 << column
            good, high[column], low[column] = parse_address(text, value_at, value_stop)
            if not good:
                return ct.BAD_ADDRESS, at
        else:
            if row[target] != -1:
                return ct.REPEATED, at
            row[target] = _parse_value(text, value_at, value_stop, words, kind, code)
            if row[target] < 0:
                return (ct.BAD_STATE if kind == STATE else ct.BAD_NUMBER), at

    if not _set_seen_at(row):
        return ct.BAD_TIME, at
    tuples = (metas & 1) * (1 + (metas >> REPLY & 1)) - 1
    return check_tuples(protocols, row, name, tuples, seen), at


@kernel
def _parse_value(text, at, stop, words, kind, limit):
    """Number that a value stands for, -1 when it is none of that kind."""
    if kind == STATE:
        return _find_meaning(text, at, stop, words, STATE_NAME, 0)
    if kind == HEX16:
        value = parse_hex(text, at, stop)
        return value & 0xFFFF if value >= 0 else value
    value = parse_decimal(text, at, stop, limit)
    return value // 1000 if kind == NANOSECONDS and value >= 0 else value


@kernel
def _find_meaning(text, at, stop, words, kind, container):
    """Code of the keyword of that kind and container that ``text[at:stop]`` is, -1 when it is none."""
    word, word_stop = find_word(text, at, stop, words)
    if word < 0 or word_stop != stop or words[word, _KIND] != kind or words[word, _PARENT] != container:
        return -1
    return words[word, _CODE]


@kernel
def _parse_attributes(text, at, stop, words, container, row):
    """Read the attributes of a container; what they tell of the protocol and of the event goes to ``row``.

    Returns
    -------
    (status, behind the tag, direction, bits of the protocol's name); the latter two -1 where not told.
    """
    direction, name = -1, -1
    while True:
        at = skip_space(text, at, stop)
        if at < stop and text[at] == _SLASH:
            at += 1
            if at < stop and text[at] != _CLOSE:
                return BAD_MARKUP, at, direction, name
        if at == stop:
            return BAD_MARKUP, at, direction, name
        if text[at] == _CLOSE:
            return ct.PARSED, at + 1, direction, name
        word, at = find_name(text, at, stop, ATTRIBUTE_STOPS, words)
        at = skip_space(text, at, stop)
        if at == stop or text[at] != _EQUALS:
            return BAD_MARKUP, at, direction, name
        value_at = skip_space(text, at + 1, stop)
        if value_at == stop or (text[value_at] != _QUOTES[0] and text[value_at] != _QUOTES[1]):
            return BAD_MARKUP, at, direction, name
        value_stop = find_in_tag(text, value_at + 1, stop, text[value_at])
        if value_stop == stop:
            return BAD_MARKUP, at, direction, name
        value_at += 1
        at = value_stop + 1
        if word < 0 or words[word, _KIND] != ATTRIBUTE or words[word, _PARENT] != container:
            continue
        tells = words[word, _CODE]
        if tells == PROTOCOL:
            number = parse_decimal(text, value_at, value_stop, _U8)
            if number < 0 or (row[ct.PROTOCOL_NUMBER] >= 0 and row[ct.PROTOCOL_NUMBER] != number):
                return ct.BAD_NUMBER, at, direction, name
            row[ct.PROTOCOL_NUMBER] = number
        elif tells == PROTOCOL_NAME:
            name = max(_find_meaning(text, value_at, value_stop, words, NAME, 0), 0)
        else:
            meaning = _find_meaning(text, value_at, value_stop, words, VALUE, container)
            if meaning < 0:
                return BAD_MARKUP, at, direction, name
            if tells == DIRECTION:
                direction = meaning
            else:
                row[ct.EVENT_CODE] = meaning


@kernel
def _find_element_stop(text, at, stop, name_at, name_stop):
    """Where the text of an element ends and where its closing tag does; behind ``stop`` when there is none.

    The text is whatever is before the tag, as labels and security contexts are not escaped, but neither the end of a line
    nor the begin of a flow: those come where the writer was cut off.
    """
    size = name_stop - name_at
    while True:
        while at < stop and not _TEXT_STOPS[text[at]]:
            at += 1
        if at + size + 2 >= stop or text[at] == _NEWLINE or begins_flow(text, at, stop):
            return stop, stop + 1
        if text[at + 1] == _SLASH and text[at + size + 2] == _CLOSE:
            place = 0
            while place < size and text[at + 2 + place] == text[name_at + place]:
                place += 1
            if place == size:
                return at, at + size + 3
        at += 1


@kernel
def _set_seen_at(row):
    """Set SEEN_AT from the parts of <when>; False when they are no time."""
    told = 0
    for column in range(YEAR, SECOND + 1):
        told += row[column] >= 0
    if told == 0:
        return True
    year, month, day = row[YEAR], row[MONTH], row[DAY]
    if told < 6 or year < 1970 or year > 9999 or month < 1 or month > 12 or day < 1:
        return False
    if row[HOUR] > 23 or row[MINUTE] > 59 or row[SECOND] > 59:
        return False
    begin = days_of(year, month, 1)
    if day > days_of(year, month + 1, 1) - begin:
        return False
    seconds = ((begin + day - 1) * 24 + row[HOUR]) * 3600 + row[MINUTE] * 60 + row[SECOND]
    row[ct.SEEN_AT] = seconds * 1_000_000
    return True
