"""XML of conntrack(8) to rows of numbers.

A file is a series of units: a flow (``kernels/xml_flow.py``), a piece of markup around them, or a line of something else. It is
read unit by unit and never as one document, which a stream that was ended does not become.
"""

from __future__ import annotations

import numpy as np

from flowstitch.kernels import conntrack_text as ct
from flowstitch.kernels import xml_flow as xf
from flowstitch.kernels._jit import kernel
from flowstitch.kernels.token_text import find_byte
from flowstitch.kernels.xml_flow import begins_flow, parse_flow
from flowstitch.kernels.xml_text import has_name, skip_inline

# What a unit is, besides what a flow can be.
MARKUP, DECLARATION, LONG = range(len(xf.REASONS), len(xf.REASONS) + 3)
REASONS = (*xf.REASONS, "markup", "declaration", "long flow")
# Most bytes of a flow; conntrack(8) writes at most 4096.
MAX_FLOW_BYTES = 1 << 16

_NEWLINE, _OPEN, _CLOSE, _SLASH, _BRACKET, _QUESTION, _BANG, _F, _C = (ord(char) for char in "\n<>/[?!fc")
_FLOW, _CONNTRACK, _XML = (np.frombuffer(word, np.uint8) for word in (b"flow", b"conntrack", b"xml"))


@kernel
def parse_flows(text, at, final, words, protocols, rows, high, low):
    """Parse units of ``text`` from ``at`` until it ends, ``rows`` is full, or a flow goes on behind the end.

    Parameters
    ----------
    text : shape (n,), uint8.
    at : where the first unit begins.
    final : nothing comes behind ``text``.
    words, protocols : of the ``XmlGrammar``.
    rows : shape (m, ``xml_flow.WIDTH``), int64, receives a row for each unit: LINE_AT and LINE_STOP bound it.
    high, low : shape (m, 4), uint64, receive the halves of the addresses of parsed flows.

    Returns
    -------
    (number of rows, where the next unit begins); no rows where a flow goes on behind the end.
    """
    size = text.shape[0]
    count = 0
    while at < size and count < rows.shape[0]:
        begin = skip_inline(text, at, size)
        row = rows[count]
        row[:] = -1
        if begin == size or text[begin] == _NEWLINE:
            # what is left of the line of a unit is none
            fresh = at == 0 or text[at - 1] == _NEWLINE
            row[ct.STATUS], row[ct.LINE_AT], row[ct.LINE_STOP] = ct.BLANK, at, begin
            count += fresh
            at = min(begin + 1, size)
            continue
        if begins_flow(text, begin, size):
            limit = min(size, begin + MAX_FLOW_BYTES)
            status, stop = parse_flow(text, begin, limit, words, protocols, row, high[count], low[count])
            if status == ct.PARSED:
                stop = _skip_note(text, stop, size)
            else:
                whole, stop = _find_flow_stop(text, begin, size, final)
                status = status if whole == ct.PARSED else whole
            if status == ct.BLANK:
                return count, begin
        else:
            status, stop = _find_unit(text, begin, size, final)
        row[ct.STATUS], row[ct.LINE_AT], row[ct.LINE_STOP] = status, begin, stop
        at = stop
        count += 1
    return count, at


@kernel
def _find_unit(text, at, size, final):
    """What begins at ``at`` and is no flow, as a status, and where it ends."""
    if text[at] != _OPEN:
        return ct.FOREIGN, _find_line_stop(text, at, size)
    named = at + 1 + (at + 1 < size and text[at + 1] == _SLASH)
    declared = at + 1 < size and text[at + 1] == _QUESTION and has_name(text, at + 2, size, _XML)
    stop = _find_line_stop(text, at + 1, size)
    if declared or has_name(text, named, size, _CONNTRACK):
        close = find_byte(text, at, stop, _CLOSE)
        if close < stop:
            return MARKUP, close + 1
    elif at + 1 < size and (text[at + 1] == _BANG or text[at + 1] == _QUESTION):
        return DECLARATION, stop
    return ct.TORN if final and stop == size and text[size - 1] != _NEWLINE else ct.FOREIGN, stop


@kernel
def _find_line_stop(text, at, size):
    """End of the line, or of what is before a flow on the same line."""
    while at < size and text[at] != _NEWLINE and not begins_flow(text, at, size):
        at += 1
    return at


@kernel
def _find_flow_stop(text, at, size, final):
    """Whether the flow that begins at ``at`` is whole, and where it ends: where something else begins if it is torn.

    Returns
    -------
    (status, end): PARSED if it is whole, BLANK if it goes on behind ``size``.
    """
    limit = min(size, at + MAX_FLOW_BYTES)
    place = at + 1
    while True:
        place = find_byte(text, place, limit, _OPEN)
        if place + 1 >= limit:
            break
        following = text[place + 1]
        if following == _SLASH:
            if has_name(text, place + 2, limit, _FLOW):
                close = find_byte(text, place, limit, _CLOSE)
                if close == limit:
                    break
                return ct.PARSED, _skip_note(text, close + 1, size)
            if has_name(text, place + 2, limit, _CONNTRACK):
                return ct.TORN, place
        elif (
            following == _QUESTION
            or following == _BANG
            or (
                (following == _F or following == _C)
                and (begins_flow(text, place, limit) or has_name(text, place + 1, limit, _CONNTRACK))
            )
        ):
            return ct.TORN, place
        place += 1
    if limit < size:
        return LONG, _find_line_stop(text, at + 1, size)
    return (ct.TORN if final else ct.BLANK), size


@kernel
def _skip_note(text, at, size):
    """Where a bracket note behind a flow ends, ``at`` when there is none."""
    place = skip_inline(text, at, size)
    if place == size or text[place] != _BRACKET:
        return at
    while place < size and text[place] != _NEWLINE and text[place] != _OPEN:
        place += 1
    return place
