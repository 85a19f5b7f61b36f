"""How far a host's local time is from UTC, by rows that have one time in both."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import kernel

NULL_TIME = np.iinfo(np.int64).min
SECOND = 1_000_000
QUARTER_HOUR = 900 * SECOND
# Zones reach from -12 to +14 hours; one more stands for what is beyond them.
MOST_QUARTERS = 61
# Places of ``latest``: a start and an age, and whether there are any.
START, AGE, FOUND = range(3)


@kernel
def count_votes(seen, start, stop, age, event, listed, start_is_local, votes, latest):
    """Count by how many quarters of an hour UTC is ahead of local time, and find the latest start plus age.

    Parameters
    ----------
    seen, start, stop : shape (n,), int64, µs, ``NULL_TIME`` where not known. age : shape (n,), int64, s, negative where not known.
        An entry is seen when it stops, or else when it has its age.
    event, listed : shape (n,), uint8, and the code of the entries of a list, whose ``seen`` is never local time.
    start_is_local : whether start and stop are local time and ``seen`` is UTC; else it is the other way round.
    votes : shape (2 * MOST_QUARTERS + 1,), int64, added to; the middle one is 0, the outer ones are for what no zone has.
    latest : shape (3,), int64, START (µs), AGE (s) and FOUND of the row with the largest sum of whole seconds so far.
    """
    for row in range(seen.shape[0]):
        aged = start[row] != NULL_TIME and age[row] >= 0
        if aged and (
            latest[FOUND] == 0 or start[row] // SECOND + age[row] > latest[START] // SECOND + latest[AGE]
        ):
            latest[START], latest[AGE], latest[FOUND] = start[row], age[row], 1
        if seen[row] == NULL_TIME or not (aged or stop[row] != NULL_TIME):
            continue
        ahead = seen[row] - (stop[row] if stop[row] != NULL_TIME else start[row] + age[row] * SECOND)
        if not start_is_local:
            if event[row] == listed:
                continue
            ahead = -ahead
        quarters = (ahead + QUARTER_HOUR // 2) // QUARTER_HOUR
        votes[MOST_QUARTERS + min(max(quarters, -MOST_QUARTERS), MOST_QUARTERS)] += 1


@kernel
def shift_times(times, shift, last):
    """Add ``shift`` to each of ``times``, int64, in place; null stays null, and what would be beyond ``last`` becomes it."""
    for row in range(times.shape[0]):
        if times[row] != NULL_TIME:
            times[row] = times[row] + shift if times[row] <= last - shift else NULL_TIME
