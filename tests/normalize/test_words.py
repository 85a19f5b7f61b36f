"""Addresses as text, many at once as one at a time; codes that are used, counted as sorted."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from flowstitch.normalize.address import AddressBook, format_address
from flowstitch.normalize.columns import renumber

ADDRESSES = (
    st.integers(0, 2**32 - 1).map(lambda v4: 0xFFFF << 32 | v4)
    | st.integers(0, 2**128 - 2)
    | st.sampled_from([0, 1, 0xFFFF << 32, 0xFFFF << 33, (0xFFFF << 32) - 1, 1 << 48, 0xFFFF << 32 | 1 << 96])
)


@given(st.lists(ADDRESSES, max_size=30, unique=True))
def test_texts_are_those_of_each_address(values: list[int]) -> None:
    book = AddressBook()
    hi, lo = (np.array([value >> shift & (1 << 64) - 1 for value in values], np.uint64) for shift in (64, 0))
    numbers = book.intern(hi, lo).astype(np.int64)
    assert book.texts(numbers).to_pylist() == [format_address(value) for value in values]


@given(st.lists(st.sampled_from([0, 1, 2, 3, 7, 400, 5000]), max_size=30))
@example([5000])
@example([])
def test_codes_are_renumbered_alike_whether_they_are_few_or_go_far(codes: list[int]) -> None:
    used, numbers = renumber(np.array(codes, np.uint32))
    assert used.tolist() == sorted(set(codes))
    assert used[numbers].tolist() == codes
