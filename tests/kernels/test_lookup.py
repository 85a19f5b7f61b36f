"""What a table has for numbers, as numpy finds it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowstitch.kernels.lookup import look_up, mark_numbers


@pytest.mark.parametrize(
    ("table", "numbers", "out"),
    [(np.uint32, np.uint32, np.uint32), (np.uint32, np.uint32, np.uint8), (np.bool_, np.int32, np.bool_)],
)
@given(data=st.data())
def test_like_numpy(table, numbers, out, data):
    known = data.draw(st.lists(st.integers(0, 1 if table is np.bool_ else 255), min_size=1, max_size=9))
    least = 0 if numbers is np.uint32 else -1
    asked = np.array(data.draw(st.lists(st.integers(least, len(known) - 1), max_size=40)), numbers)
    found = np.empty(asked.shape[0], out)
    look_up(np.array(known, table), asked, found)
    assert found.tolist() == np.array(known, table)[asked].tolist()


@given(st.lists(st.integers(0, 40), max_size=60), st.sampled_from([np.uint8, np.uint32]))
def test_marked_is_what_occurs(numbers, kind):
    marks = np.zeros(41, np.bool_)
    mark_numbers(np.array(numbers, kind), marks)
    assert np.flatnonzero(marks).tolist() == sorted(set(numbers))
