"""Sixty-four bytes at a time find what one at a time finds."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flowstitch.kernels.marks import MARKED, count_bits, find_marks
from flowstitch.kernels.newlines import count_newlines
from flowstitch.kernels.wide import lowest_bit

BYTES = st.one_of(st.sampled_from(b'\n\r\t ,|"\\\x00\x1f\x7f\x80\xff0a'), st.integers(0, 255))


def bits(flags: list[bool]) -> int:
    return sum(flag << place for place, flag in enumerate(flags))


@given(st.lists(BYTES, min_size=MARKED, max_size=MARKED + 9), st.sampled_from(b" ,|\t;"), st.data())
def test_marks_are_where_the_bytes_are(text, separator, draw):
    at = draw.draw(st.integers(0, len(text) - MARKED))
    found = find_marks(np.array(text, np.uint8), at, separator)
    part = text[at : at + MARKED]
    plain = [32 <= byte < 128 and byte not in b'"\\' for byte in part]
    ends = [byte in {separator, 10} for byte in part]
    wanted = (
        bits(ends),
        bits([byte == 10 for byte in part]),
        bits([not (a or b) for a, b in zip(plain, ends, strict=True)]),
    )
    assert tuple(int(marks) for marks in found) == wanted
    assert [count_bits(np.uint64(marks)) for marks in wanted] == [marks.bit_count() for marks in wanted]


@given(st.integers(0, 63), st.integers(0, 2**64 - 1))
def test_the_lowest_bit(bit, above):
    assert lowest_bit(np.uint64((above << bit | 1 << bit) & (2**64 - 1))) == bit


@given(st.binary(max_size=300).map(lambda text: text.replace(b"\x01", b"\n")), st.integers(1, 9))
def test_newlines_are_counted(text, times):
    assert count_newlines(np.frombuffer(text * times, np.uint8)) == (text * times).count(b"\n")
    assert count_newlines(np.full(len(text), 10, np.uint8)) == len(text)
