"""Names, tags and white space of XML lines."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import kernel
from flowstitch.kernels.token_text import find_packed

_BLANK, _TAB, _NEWLINE, _CR, _OPEN, _CLOSE, _SLASH, _EQUALS = (ord(char) for char in " \t\n\r<>/=")
# White space, and what ends the name of an element and of an attribute.
_SPACES, NAME_STOPS, ATTRIBUTE_STOPS = (np.zeros(256, np.bool_) for _ in range(3))
_SPACES[[_BLANK, _TAB, _NEWLINE, _CR]] = True
NAME_STOPS[[_BLANK, _TAB, _NEWLINE, _CR, _OPEN, _CLOSE, _SLASH]] = True
ATTRIBUTE_STOPS[[_BLANK, _TAB, _NEWLINE, _CR, _OPEN, _CLOSE, _SLASH, _EQUALS]] = True


@kernel
def skip_inline(text, at, stop):
    """First place in ``[at, stop]`` that is no blank, tab or carriage return."""
    while at < stop and (text[at] == _BLANK or text[at] == _TAB or text[at] == _CR):
        at += 1
    return at


@kernel
def has_name(text, at, stop, word):
    """Whether the name at ``at`` is ``word``, uint8, the whole of it."""
    size = word.shape[0]
    if at + size > stop:
        return False
    for place in range(size):
        if text[at + place] != word[place]:
            return False
    return find_name_stop(text, at, stop) == at + size


@kernel
def skip_space(text, at, stop):
    """First place in ``[at, stop]`` that is no white space."""
    while at < stop and _SPACES[text[at]]:
        at += 1
    return at


@kernel
def find_in_tag(text, at, stop, byte):
    """First place that has the byte, ``stop`` when a tag begins before it."""
    while at < stop and text[at] != byte:
        if text[at] == _OPEN:
            return stop
        at += 1
    return at


@kernel
def find_name_stop(text, at, stop):
    """Where the name of an element that begins at ``at`` ends."""
    while at < stop and not NAME_STOPS[text[at]]:
        at += 1
    return at


@kernel
def find_name(text, at, stop, stops, words):
    """As ``find_word`` for a name, which ``stops`` end."""
    first, second, last, length = 0, 0, 0, 0
    while at < stop and not stops[text[at]]:
        if length == 8 or length == 16:
            first, second, last = second, last, 0
        last = last << 8 | np.int64(text[at])
        length += 1
        at += 1
    return find_packed(first, second, last, length, words), at
