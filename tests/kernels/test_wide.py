"""Eight bytes at a time find what one at a time finds."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flowstitch.arrays import PADDING
from flowstitch.kernels.wide import (
    below,
    count_digits,
    decimal8,
    find_byte8,
    first_byte,
    keep,
    load8,
    same,
    spread,
    store8,
    zero_bytes,
)


def _text(data: bytes) -> np.ndarray:
    return np.frombuffer(data + bytes(PADDING), np.uint8)


def _word(data: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(data[:8], "little"))


@given(st.binary(min_size=1, max_size=40), st.data())
def test_a_load_is_the_eight_bytes_first_lowest(data: bytes, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(data)))
    assert int(load8(_text(data), at)) == int.from_bytes((data + bytes(PADDING))[at : at + 8], "little")


@given(st.binary(min_size=8, max_size=40), st.integers(0, 2**64 - 1), st.data())
def test_a_store_is_eight_bytes_and_no_other(data: bytes, value: int, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(data) - 8))
    text = np.frombuffer(data, np.uint8).copy()
    store8(text, at, np.uint64(value))
    assert bytes(text) == data[:at] + value.to_bytes(8, "little") + data[at + 8 :]


@given(st.binary(max_size=64), st.data())
def test_the_first_byte_found_is_the_first_there_is(data: bytes, draw: st.DataObject) -> None:
    stop = draw.draw(st.integers(0, len(data)))
    at = draw.draw(st.integers(0, stop))
    byte = draw.draw(st.sampled_from([*data[:4], 0, 1, 10, 255]))
    found = data.find(bytes([byte]), at, stop)
    assert find_byte8(_text(data), at, stop, byte) == (stop if found < 0 else found)


@given(st.binary(min_size=8, max_size=8), st.integers(0, 255))
def test_the_lowest_mark_is_the_first_byte_that_is_equal(data: bytes, byte: int) -> None:
    marks = zero_bytes(np.uint64(int.from_bytes(data, "little")) ^ spread(byte))
    found = data.find(bytes([byte]))
    assert first_byte(np.uint64(marks)) == (8 if found < 0 else found)


@given(st.binary(min_size=8, max_size=8), st.integers(0, 7))
def test_the_lowest_bytes_are_kept(data: bytes, count: int) -> None:
    assert int(keep(_word(data), count)) == int.from_bytes(data[:count], "little")


@given(st.binary(max_size=40), st.binary(max_size=40), st.data())
def test_texts_are_the_same_when_their_bytes_are(left: bytes, right: bytes, draw: st.DataObject) -> None:
    at, place = draw.draw(st.integers(0, len(left))), draw.draw(st.integers(0, len(right)))
    right = right[:place] + left[at:] + right[place:] if draw.draw(st.booleans()) else right
    length = draw.draw(st.integers(0, min(len(left) - at, len(right) - place)))
    wanted = left[at : at + length] == right[place : place + length]
    assert same(_text(left), at, _text(right), place, length) == wanted


@given(st.binary(min_size=8, max_size=8), st.integers(0, 128))
def test_the_lowest_mark_is_the_first_byte_below_a_bound(data: bytes, bound: int) -> None:
    marks = below(_word(data), np.uint64(spread(bound)))
    assert first_byte(np.uint64(marks)) == next((at for at, byte in enumerate(data) if byte < bound), 8)


@given(st.one_of(st.binary(min_size=8, max_size=8), st.from_regex(rb"[0-9]{0,8}[ -~]{8}", fullmatch=True)))
def test_digits_are_counted_and_make_a_number(data: bytes) -> None:
    digits = re.match(rb"[0-9]{0,8}", data)[0]
    assert count_digits(_word(data[:8])) == len(digits)
    assert decimal8(_word(data[:8]), len(digits)) == int(digits or b"0")
