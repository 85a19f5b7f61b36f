"""A shape is a regular expression: literals, and between them what a form allows."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive_text as naive
from flowstitch.arrays import PADDING
from flowstitch.kernels import shapes as sh
from flowstitch.kernels.address_memo import make_memo
from flowstitch.kernels.wide_text import FIRST_DAY

COLUMNS = 4
PATTERNS = {
    sh.SMALL: rb"[0-9]{1,15}(?![0-9])",
    sh.LARGE: rb"[0-9]{1,15}(?![0-9])",
    sh.ADDRESS: rb"[^\0-\x20]*(?=[\0-\x20])",
    sh.HEX16: rb"[^\0-\x20]*(?=[\0-\x20])",
    sh.TIME: rb".{11}\d\d:\d\d:\d\d .{4}",
    sh.STAMP: rb"[0-9]{10}\.[0-9]{6}(?![0-9])",
    sh.TEXT: rb"[^\0-\x20]*(?=[\0-\x20])",
}
VALUES = {
    sh.SMALL: st.integers(0, 500).map(str) | st.sampled_from(["65535", "65536"]),
    sh.LARGE: st.integers(0, 10**16).map(str),
    sh.ADDRESS: st.ip_addresses().map(str) | st.just("10.0.0.256"),
    sh.HEX16: st.integers(0, 2**33).map(hex) | st.just("8c0e"),
    sh.TIME: st.datetimes().map(lambda at: at.strftime("%a %b %e %H:%M:%S %Y")),
    sh.STAMP: st.decimals(10**9, 10**10, places=6).map(str),
    sh.TEXT: st.sampled_from(["", "ftp", "a,b=c", "[x]"]),
}
# literals begin where a value cannot go on, and may begin alike
LITERALS = st.sampled_from([" ", " src=", " [ASSURED] mark=", " [ASSURED] use=1 zone-reply=", "] ", "\t"])
LIMITS = {sh.SMALL: [0xFF, 0xFFFF], sh.LARGE: [0xFFFFFFFF, 10**15 - 2]}


@dataclass
class Shape:
    """A line in pieces: (literal, form, limit, column, value), and what is behind the last value."""

    pieces: list[tuple[str, int, int, int, str]]
    end: str
    meaning: int

    def values(self) -> list[list[int]]:
        """Its values as a parser notes them."""
        at, noted = 0, []
        for literal, form, limit, column, value in self.pieces:
            at += len(literal)
            noted.append([at, at + len(value), form, limit, column])
            at += len(value)
        return noted

    def line(self) -> bytes:
        return ("".join(literal + value for literal, *_, value in self.pieces) + self.end + "\n").encode()

    def read(self, line: bytes) -> dict[tuple[int, int], int] | None:
        """Values of a line of this shape by (kind of column, column), None when it is not of it."""
        pattern = b"".join(
            re.escape(literal.encode()) + b"(" + PATTERNS[form] + b")" for literal, form, *_ in self.pieces
        )
        match = re.match(pattern + re.escape(self.end.encode()) + b"\n", line, re.DOTALL)
        found: dict[tuple[int, int], int] = {}
        for (_, form, limit, column, _), raw in zip(
            self.pieces, match.groups() if match else (), strict=False
        ):
            value = read_value(form, limit, raw)
            if value is None:
                return None
            kind = {sh.SMALL: 0, sh.HEX16: 0, sh.ADDRESS: 2, sh.TEXT: 3}.get(form, 1)
            if kind < 3:
                found[kind, column] = value
        return found if match else None


def read_value(form: int, limit: int, raw: bytes) -> int | None:
    if form == sh.TEXT:
        return 0
    if form == sh.ADDRESS:
        return naive.address(raw)
    if form == sh.HEX16:
        value = naive.hexadecimal(raw)
        return value & 0xFFFF if value >= 0 else None
    if form == sh.TIME:
        value = naive.ctime(raw) * 1_000_000
    elif form == sh.STAMP:
        value = naive.stamp(raw)
    else:
        value = naive.decimal(raw, limit)
    return value if value >= 0 else None


@st.composite
def shapes(draw, meaning):
    forms = draw(st.lists(st.sampled_from(list(PATTERNS)), max_size=5))
    pieces = []
    for form in forms:
        limit, column = draw(st.sampled_from(LIMITS.get(form, [0]))), draw(st.integers(0, COLUMNS - 1))
        pieces.append((draw(LITERALS), form, limit, column, draw(VALUES[form])))
    return Shape(pieces, draw(LITERALS), meaning)


@st.composite
def texts(draw):
    """Shapes, and lines that have them or nearly."""
    known = [draw(shapes(number)) for number in range(draw(st.integers(1, 4)))]
    lines = []
    for _ in range(draw(st.integers(1, 6))):
        shape = draw(st.sampled_from(known))
        pieces = [(*piece, draw(VALUES[piece[1]])) for *piece, _ in shape.pieces]
        line = Shape(pieces, shape.end, 0).line()
        if draw(st.booleans()):
            place = draw(st.integers(0, len(line) - 1))
            other = draw(st.binary(max_size=2)).replace(b"\n", b"")
            line = line[:place] + other + line[place + draw(st.integers(0, 1)) :]
            line = line.replace(b"\n", b"") + b"\n"
        lines.append(line)
    return known, lines


@given(texts())
def test_a_line_is_read_as_a_shape_says(case):
    known, lines = case
    text = b"".join([*(shape.line() for shape in known), *lines])
    data = np.frombuffer(text + bytes(PADDING), np.uint8)
    tree = sh.make_shapes(100)
    at = 0
    for shape in known:
        noted = np.zeros((sh.MAX_VALUES, 5), np.int64)
        values = shape.values()
        noted[: len(values)] = values or 0
        noted[:, [sh.BEGIN, sh.STOP]] += at
        stop = at + len(shape.line())
        sh.learn_shape(data, at, stop, noted, len(values), shape.meaning, tree)
        at = stop
    memo, day = make_memo(200), FIRST_DAY.copy()
    cells = sh.Cells(
        np.full((COLUMNS, 1), 77, np.int32), np.full((COLUMNS, 1), 77, np.int64), np.full((COLUMNS, 1), 77, np.uint32)
    )  # fmt: skip
    for line in lines:
        meaning, stop = sh.read_line(data, at, tree, cells, 0, memo, day)
        expected = [shape.read(line) for shape in known]
        if meaning >= 0:
            assert stop == at + len(line)
            for (kind, column), value in (expected[meaning] or {}).items():
                found = int(cells[kind][column, 0])
                if kind == 2:
                    found = int(memo.high[found]) << 64 | int(memo.low[found])
                # a column that two pieces have holds the last
                assert found == value
            assert expected[meaning] is not None
        elif len({str(shape.pieces) for shape in known}) == 1 and known[0].read(known[0].line()) is not None:
            # with one shape nothing can be taken for another
            assert expected[0] is None
        at += len(line)


def test_a_tree_takes_no_more_than_it_has_room_for():
    shape = Shape([(" src=", sh.TEXT, 0, 0, "x")] * 30, " ", 1)
    data = np.frombuffer(shape.line() + bytes(PADDING), np.uint8)
    noted = np.array([*shape.values(), *[[0] * 5] * 10], np.int64)
    memo, day = make_memo(4), FIRST_DAY.copy()
    cells = sh.Cells(np.zeros((4, 1), np.int32), np.zeros((4, 1), np.int64), np.zeros((4, 1), np.uint32))
    for room, meaning in ((31, -1), (32, 1)):
        tree = sh.make_shapes(room)
        sh.learn_shape(data, 0, len(shape.line()), noted, 30, 1, tree)
        assert sh.read_line(data, 0, tree, cells, 0, memo, day)[0] == meaning


def test_many_lines_that_begin_alike_are_given_up():
    lines = [f" {number:07}x y=\n".encode() for number in range(100)]
    text = np.frombuffer(b"".join(lines) + bytes(PADDING), np.uint8)
    tree, values = sh.make_shapes(), np.zeros((sh.MAX_VALUES, 5), np.int64)
    at = 0
    for line in lines:
        sh.learn_shape(text, at, at + len(line), values, 0, 1, tree)
        at += len(line)
    assert tree.count[0] <= 65
