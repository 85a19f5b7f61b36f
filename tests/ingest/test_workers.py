"""Blocks worked on side by side give what they give one after the other."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowstitch.ingest.workers import in_order


def running_total(item: int, state: int) -> tuple[tuple[int, int], int]:
    """A state that changes whenever an item is odd."""
    time.sleep(0.001 * (item % 3))
    return (item, state), state + item % 2


@given(st.lists(st.integers(0, 9), max_size=30))
@settings(deadline=None, max_examples=30)
def test_results_are_those_of_one_after_the_other(items: list[int]) -> None:
    with ThreadPoolExecutor(3) as pool:
        assert list(in_order(running_total, items, 0, pool)) == list(in_order(running_total, items, 0, None))


def test_items_are_taken_a_few_ahead_only() -> None:
    taken = []

    def items():
        for item in range(100):
            taken.append(item)
            yield item

    with ThreadPoolExecutor(2) as pool:
        results = in_order(running_total, items(), 0, pool)
        next(results)
        next(results)
    assert len(taken) < 10


def test_what_fails_fails_where_the_results_are_taken() -> None:
    def work(item: int, state: None) -> tuple[int, None]:
        return 1 // item, state

    with ThreadPoolExecutor(2) as pool, pytest.raises(ZeroDivisionError):
        list(in_order(work, [1, 1, 0, 1], None, pool))
