"""Eight bytes at a time find what one at a time finds."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flowstitch.arrays import PADDING
from flowstitch.kernels.wide import find_byte8, first_byte, load8, spread, zero_bytes


def _text(data: bytes) -> np.ndarray:
    return np.frombuffer(data + bytes(PADDING), np.uint8)


@given(st.binary(min_size=1, max_size=40), st.data())
def test_a_load_is_the_eight_bytes_first_lowest(data: bytes, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(data)))
    assert int(load8(_text(data), at)) == int.from_bytes((data + bytes(PADDING))[at : at + 8], "little")


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
