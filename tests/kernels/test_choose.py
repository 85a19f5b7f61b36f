"""The first row of each key by ranks, as sorting finds it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive
from flowstitch.join.chains import first_of_each

EDGES = st.sampled_from([-(2**63), -1, 0, 1, 2, 2**63 - 1])


@given(st.integers(1, 3), st.data())
def test_like_sorting(width: int, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.tuples(st.integers(0, 5), *[EDGES] * width), max_size=40))
    keys = np.array([row[0] for row in rows], np.int64)
    ranks = [np.array([row[place] for row in rows], np.int64) for place in range(1, width + 1)]
    assert first_of_each(keys, 7, *ranks).tolist() == naive.first_of_each(rows, 7)
