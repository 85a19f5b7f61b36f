"""Shapes of lines, learnt from lines that a parser has understood.

The lines of a source are few texts with ever other values in them. A shape is a line without its values: literals, and
between them values of a form. A line that has the literals of a known shape, and where its values are some of those
forms, means what the shape means; eight bytes at a time are compared and no word is looked up. What fits no shape is
left to the parser, which stays the one to judge.

Shapes form a tree, as most begin alike. A node is a literal and the value behind it; its children go on behind that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowstitch.kernels._jit import inner_kernel
from flowstitch.kernels.address_memo import number_address
from flowstitch.kernels.token_text import parse_hex
from flowstitch.kernels.wide import load8, same
from flowstitch.kernels.wide_text import (
    CTIME_BYTES,
    STAMP_BYTES,
    find_blank8,
    read_ctime,
    read_decimal,
    read_stamp,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Forms of a value: SMALL and LARGE are decimal numbers, HEX16 the low 16 bits of a hexadecimal one, TIME a ctime of which
# the column gets µs, STAMP seconds, a dot and µs; TEXT is passed over, and END has no value behind the literal.
SMALL, LARGE, ADDRESS, END, TIME, STAMP, HEX16, TEXT = range(8)
# Columns of a value: where it is in the line, its form, the largest number that it may be, its column.
BEGIN, STOP, FORM, LIMIT, COLUMN = range(5)
MAX_VALUES = 40

# Columns of a node: the first eight bytes of its literal, as far as it is long, where the literal is and its length; the
# value, LIMIT is the meaning where there is none; the first child and the next of its parent's.
_HEAD, _MASK, _AT, _LENGTH, _FORM, _LIMIT, _COLUMN, _CHILD, _SIBLING = range(9)
_MAX_SIBLINGS = 64
_NODES = 1 << 12
SECOND = 1_000_000
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


class Shapes(NamedTuple):
    """The tree of the shapes of one text.

    Attributes
    ----------
    nodes : shape (n, 9), int64; the first is the root, 0 no node.
    count : shape (1,), int64, the next free node.
    """

    nodes: NDArray[np.int64]
    count: NDArray[np.int64]


class Cells(NamedTuple):
    """Where values go, a column behind the other.

    Attributes
    ----------
    small : shape (columns, n), int32.
    large : shape (columns, n), int64.
    numbers : shape (columns, n), uint32, addresses by their number in an ``AddressMemo``.
    """

    small: NDArray[np.int32]
    large: NDArray[np.int64]
    numbers: NDArray[np.uint32]


def make_shapes(nodes: int = _NODES) -> Shapes:
    """Tree without shapes; it takes no more than so many nodes."""
    shapes = Shapes(np.empty((nodes, 9), np.int64), np.ones(1, np.int64))
    shapes.nodes[0] = 0
    return shapes


@inner_kernel
def read_line(text, at, shapes, cells, row, memo, day):
    """Read the line that begins at ``at``, if it has a known shape.

    Parameters
    ----------
    text : shape (n,), uint8; the line ends with a newline and has ``PADDING`` bytes or more behind it.
    cells : get its values at ``row``; some even if it has no known shape.
    memo : ``AddressMemo`` with room for the addresses of a line.
    day : see ``read_ctime``.

    Returns
    -------
    (meaning of its shape, -1 when it has none; where the next line begins).
    """
    nodes = shapes.nodes
    node = nodes[0, _CHILD]
    begin = at
    while node != 0:
        if _has_literal(text, begin, nodes, node):
            at = begin + nodes[node, _LENGTH]
            form, column = nodes[node, _FORM], nodes[node, _COLUMN]
            value = np.int64(-1)
            if form <= LARGE:
                value, at = read_decimal(text, at)
                if value > nodes[node, _LIMIT]:
                    value = np.int64(-1)
                elif form == LARGE:
                    cells.large[column, row] = value
                else:
                    cells.small[column, row] = value
            elif form == ADDRESS:
                number, at = number_address(text, at, memo)
                cells.numbers[column, row] = number
                value = number - 1
            elif form == END:
                return nodes[node, _LIMIT], at
            elif form == TIME:
                value = read_ctime(text, at, day)
                cells.large[column, row] = value * SECOND
                at += CTIME_BYTES
            elif form == STAMP:
                value = read_stamp(text, at)
                cells.large[column, row] = value
                at += STAMP_BYTES
            elif form == HEX16:
                value_at, at = at, find_blank8(text, at)
                value = parse_hex(text, value_at, at)
                cells.small[column, row] = value & 0xFFFF
            else:
                value, at = np.int64(0), find_blank8(text, at)
            if value >= 0:
                begin, node = at, nodes[node, _CHILD]
                continue
        node = nodes[node, _SIBLING]
    return np.int64(-1), at


@inner_kernel
def _has_literal(text, at, nodes, node):
    if np.int64(load8(text, at)) & nodes[node, _MASK] != nodes[node, _HEAD]:
        return False
    known, rest = nodes[node, _AT], nodes[node, _LENGTH] - 8
    if rest <= 0:
        return True
    # the last eight bytes overlap with those before them
    middle = rest <= 8 or same(text, at + 8, text, known + 8, rest - 8)
    return middle and load8(text, at + rest) == load8(text, known + rest)


@inner_kernel
def learn_shape(text, at, stop, values, count, meaning, shapes):
    """Add the shape of a line; nothing where it is more than the tree takes.

    Parameters
    ----------
    text : shape (n,), uint8, the line at ``[at, stop)`` with its newline, ``PADDING`` bytes or more behind it.
    values : shape (MAX_VALUES, 5), int64, BEGIN, STOP, FORM, LIMIT and COLUMN of its values, in order.
    count : how many there are; more than ``MAX_VALUES`` if not all found room.
    meaning : what the line says without its values, not negative.
    """
    nodes = shapes.nodes
    if count > MAX_VALUES or shapes.count[0] + count >= nodes.shape[0]:
        return
    parent = np.int64(0)
    for number in range(count + 1):
        literal_stop, form, limit, column = stop, np.int64(END), meaning, np.int64(0)
        if number < count:
            literal_stop, form = values[number, BEGIN], values[number, FORM]
            limit, column = values[number, LIMIT], values[number, COLUMN]
        if number > 0:
            at = values[number - 1, STOP]
        length = literal_stop - at
        place, link, siblings = parent, _CHILD, 0
        node = nodes[place, link]
        while node != 0 and (
            nodes[node, _FORM] != form
            or nodes[node, _LIMIT] != limit
            or nodes[node, _COLUMN] != column
            or nodes[node, _LENGTH] != length
            or not _has_literal(text, at, nodes, node)
        ):
            place, link, siblings = node, _SIBLING, siblings + 1
            node = nodes[place, link]
        if node == 0:
            if siblings >= _MAX_SIBLINGS:
                return
            node = shapes.count[0]
            shapes.count[0] = node + 1
            nodes[place, link] = node
            mask = _ALL >> np.uint64(64 - 8 * min(length, 8))
            nodes[node, _HEAD], nodes[node, _MASK] = np.int64(load8(text, at) & mask), np.int64(mask)
            nodes[node, _AT], nodes[node, _LENGTH] = at, length
            nodes[node, _FORM], nodes[node, _LIMIT], nodes[node, _COLUMN] = form, limit, column
            nodes[node, _CHILD] = nodes[node, _SIBLING] = 0
        parent = node
