"""Integers come back from the few bytes that their values need."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive
from flowstitch.kernels.narrow import narrow_values, span_values, widen_values
from flowstitch.normalize.narrowed import form_of

INTS = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64)
LEAST = np.iinfo(np.int64).min


@st.composite
def columns(draw: st.DrawFn) -> np.ndarray:
    """A column of any type, of any values or of a few bytes' worth of them, some not known."""
    dtype = draw(st.sampled_from(INTS))
    least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    low = draw(st.integers(least, most))
    high = min(most, low + draw(st.sampled_from([0, 1, 254, 255, 65534, 65535, 2**32 - 2, 2**32 - 1, most])))
    value = st.integers(low, high) | st.sampled_from([low, high, least])
    return np.array(draw(st.lists(value, max_size=30)), dtype)


@given(st.lists(st.sampled_from([LEAST, LEAST + 1, -1, 0, 7]) | st.integers(LEAST, -LEAST - 1), max_size=20))
def test_span_values(values: list[int]) -> None:
    found = span_values(np.array(values, np.int64), np.int64(LEAST), np.int64(-LEAST - 1))
    assert found == naive.span_values(values, LEAST, -LEAST - 1)


@given(st.lists(st.none() | st.integers(1, 255), max_size=20), st.integers(LEAST, -LEAST - 256))
def test_narrow_values(above: list[int | None], below: int) -> None:
    values = np.array([LEAST if code is None else below + code for code in above], np.int64)
    codes, back = np.empty(len(above), np.uint8), np.empty_like(values)
    narrow_values(values, np.int64(LEAST), below, codes)
    assert codes.tolist() == naive.narrow_values(values.tolist(), LEAST, below)
    widen_values(codes, np.int64(LEAST), below, back)
    assert back.tolist() == values.tolist()


@given(columns())
def test_a_column_comes_back(values: np.ndarray) -> None:
    form = form_of(values)
    kept = form.narrow(values)
    assert kept.nbytes == form.size(values.shape[0]) <= values.nbytes
    back = np.empty_like(values)
    form.widen(kept, back)
    assert back.tolist() == values.tolist()


@pytest.mark.parametrize(
    ("values", "size"),
    [
        (np.full(3, 7), 0), (np.full(3, LEAST), 0), (np.zeros(0, np.int32), 0), (np.array([True, False]), 2), (np.ones(3, bool), 0),
        (np.array([LEAST, 1_700_000_000_000_000, 1_700_000_000_000_254]), 3),
        (np.array([0, 255]), 4), (np.array([-1, 65533], np.int32), 4), (np.array([0, 2**32 - 1]), 16), (np.array([2**64 - 1, 1], np.uint64), 2),
    ],
)  # fmt: skip
def test_as_many_bytes_as_values_need(values: np.ndarray, size: int) -> None:
    form = form_of(values)
    assert form.size(values.shape[0]) == size
    back = np.empty_like(values)
    form.widen(form.narrow(values), back)
    assert back.tolist() == values.tolist()
