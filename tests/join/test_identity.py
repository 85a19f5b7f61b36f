"""Ids of paths: unique, never 0, and in the order of the first wire key as far as their prefix goes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flowstitch.join.identity import PREFIX, unique_ids

WORDS = st.integers(0, 2**64 - 1)
FEW = st.sampled_from([0, 1, 5, 2**48, 2**48 + 5, 2**63, 2**64 - 1])


@given(st.lists(st.tuples(FEW | WORDS, FEW | WORDS), max_size=40))
def test_ids_are_unique_and_have_the_prefix_of_the_wire_key(rows: list[tuple[int, int]]) -> None:
    hashes, wire = (np.array([row[side] for row in rows], np.uint64) for side in (0, 1))
    ids = unique_ids(hashes, wire)
    assert np.unique(ids).shape == ids.shape
    assert (ids > 0).all()
    assert ((ids & PREFIX) == (wire & PREFIX)).all()


@given(st.lists(st.tuples(WORDS, WORDS), max_size=40, unique=True), st.randoms())
def test_the_order_of_rows_decides_no_id(rows: list[tuple[int, int]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    def ids_of(items: list[tuple[int, int]]) -> dict[tuple[int, int], int]:
        hashes, wire = (np.array([item[side] for item in items], np.uint64) for side in (0, 1))
        return dict(zip(items, unique_ids(hashes, wire).tolist(), strict=True))

    assert ids_of(rows) == ids_of(shuffled)
