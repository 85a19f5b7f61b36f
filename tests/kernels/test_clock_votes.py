"""Votes for a host's offset from UTC: the kernel counts what a loop over objects counts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flowstitch.kernels import clock_votes as cv

LISTED = 0
LAST = 253_402_300_799_999_999
TIMES = st.one_of(
    st.none(),
    st.integers(0, LAST),
    st.integers(-70, 70).map(lambda quarters: 1_795_394_843_000_000 + quarters * cv.QUARTER_HOUR),
    st.integers(-2, 2).map(lambda near: 1_795_394_843_000_000 + cv.QUARTER_HOUR // 2 + near),
)
ROWS = st.lists(
    st.tuples(TIMES, TIMES, TIMES, st.none() | st.integers(0, 2**32 - 1), st.integers(LISTED, 2)), max_size=12
)


def column(values, null):
    return np.array([null if value is None else value for value in values], np.int64)


def naive(rows, start_is_local):
    votes: dict[int, int] = {}
    latest = None
    for seen, start, stop, age, event in rows:
        aged = start is not None and age is not None
        if aged and (latest is None or start // cv.SECOND + age > latest[0] // cv.SECOND + latest[1]):
            latest = (start, age)
        own = stop if stop is not None else start + age * cv.SECOND if aged else None
        if seen is None or own is None or (not start_is_local and event == LISTED):
            continue
        ahead = seen - own if start_is_local else own - seen
        quarters = (ahead + cv.QUARTER_HOUR // 2) // cv.QUARTER_HOUR
        quarters = max(-cv.MOST_QUARTERS, min(cv.MOST_QUARTERS, quarters))
        votes[quarters] = votes.get(quarters, 0) + 1
    return votes, latest


@given(st.lists(ROWS, min_size=1, max_size=3), st.booleans())
def test_like_the_twin_part_by_part(parts, start_is_local):
    votes, latest = np.zeros(2 * cv.MOST_QUARTERS + 1, np.int64), np.zeros(3, np.int64)
    for rows in parts:
        seen, start, stop, age, event = zip(*rows, strict=True) if rows else ([], [], [], [], [])
        times = [column(values, cv.NULL_TIME) for values in (seen, start, stop)]
        cv.count_votes(
            *times, column(age, -1), np.array(event, np.uint8), LISTED, start_is_local, votes, latest
        )
    wanted, wanted_latest = naive([row for rows in parts for row in rows], start_is_local)
    assert {int(place) - cv.MOST_QUARTERS: int(votes[place]) for place in np.flatnonzero(votes)} == wanted
    assert (tuple(latest[:2].tolist()) if latest[cv.FOUND] else None) == wanted_latest


@given(st.lists(TIMES, max_size=9), st.integers(-60, 60))
def test_times_are_shifted_and_null_stays_null(times, quarters):
    found = column(times, cv.NULL_TIME)
    cv.shift_times(found, quarters * cv.QUARTER_HOUR, LAST)
    shifted = [None if time is None else time + quarters * cv.QUARTER_HOUR for time in times]
    assert (
        found.tolist()
        == column(
            [None if time is not None and time > LAST else time for time in shifted], cv.NULL_TIME
        ).tolist()
    )
