"""How late a dump's stamp is: it can be seconds off, 4 to 19 s in a capture of a loaded host.

Where ``[start=]`` and delta-time do not tell when the kernel wrote a row (``kernels.lifetimes.row_times``), its file is as
late as the median of its rows in TIME_WAIT say: the event that put them there, and what has run of the timeout since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog import field
from flowstitch.kernels.lifetimes import SECOND, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowstitch.arrays import Columns, Ints

# The file's lateness is believed if so many of its rows tell it.
FEWEST = 8
# Nothing refreshes the timeout of an entry in this state without an event (nf_conntrack_proto_tcp.c).
QUIET_STATE = "TIME_WAIT"
# What samples are made of.
SAMPLED = ("state", "event", "start_at", "delta_time_s", "timeout_s", "seen_at", "source")


def late_samples(rows: Columns, tuple_number: Ints, case: Ints, full_timeout_s: Ints) -> tuple[Ints, Ints]:
    """Source and lateness in µs of each row of a dump that an event tells of, where the kernel does not.

    Parameters
    ----------
    rows : columns of the table ``conntrack``, all of a tuple or none.
    tuple_number : shape (rows,), equal for rows of one tuple of one node.
    case : shape (rows,), what decides the timeout of a row.
    full_timeout_s : shape (cases,), timeout of the rows' state, -1 if unknown.
    """
    quiet = rows["state"] == field("state").code(QUIET_STATE)
    listed = np.flatnonzero(quiet & (rows["event"] == field("event").code("list")))
    told = (rows["start_at"][listed] != UNKNOWN) & (rows["delta_time_s"][listed] >= 0)
    full, left = full_timeout_s[case[listed]], rows["timeout_s"][listed]
    usable = ~told & (rows["seen_at"][listed] != UNKNOWN) & (left >= 0) & (full >= 0)
    listed, run = listed[usable], (full - left)[usable]
    if listed.shape[0] == 0:
        return rows["source"][:0], rows["seen_at"][:0]
    events = np.flatnonzero(quiet & (rows["event"] == field("event").code("update")))
    events = events[rows["seen_at"][events] != UNKNOWN]
    if events.shape[0] == 0:
        return rows["source"][:0], rows["seen_at"][:0]
    events = events[np.lexsort((rows["seen_at"][events], tuple_number[events]))]
    # half a second: what is left of the timeout is cut to the second
    began = rows["seen_at"][listed] - run * SECOND + SECOND // 2
    order = np.lexsort((began, tuple_number[listed]))
    listed, began = listed[order], began[order]
    place = last_before(tuple_number[events], rows["seen_at"][events], tuple_number[listed], began + SECOND)
    found = place >= 0
    return rows["source"][listed[found]], began[found] - rows["seen_at"][events[place[found]]]


def join_lateness(samples: Sequence[tuple[Ints, Ints]], sources: int) -> Ints:
    """How late the stamp of each source is, by name code, shape (sources,), µs; 0 where too few rows tell or it is under a second."""
    told, gap = (np.concatenate(column) for column in zip(*samples, strict=True))
    late = np.zeros(sources, np.int64)
    for source in np.unique(told).tolist():
        gaps = gap[told == source]
        median = int(np.median(gaps))
        if gaps.shape[0] >= FEWEST and median >= SECOND:
            late[source] = median
    return late


def last_before(key: Ints, time: Ints, asked_key: Ints, asked_time: Ints) -> Ints:
    """Last row of the same key at or before a time, -1 if none; all sorted by (key, time)."""
    rank = np.lexsort((np.concatenate([time, asked_time]), np.concatenate([key, asked_key])))
    is_row = rank < key.shape[0]
    latest = np.maximum.accumulate(np.where(is_row, np.arange(rank.shape[0]), -1))
    asked = np.flatnonzero(~is_row)
    found = np.full(asked_key.shape[0], -1, np.int64)
    candidate = latest[asked]
    row = np.where(candidate >= 0, rank[np.maximum(candidate, 0)], -1)
    number = rank[asked] - key.shape[0]
    row, number = row[row >= 0], number[row >= 0]
    same = key[row] == asked_key[number]
    found[number[same]] = row[same]
    return found
