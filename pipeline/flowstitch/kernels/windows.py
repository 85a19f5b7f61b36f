"""Flow-log windows and the segments they cover."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import kernel

SECOND = 1_000_000


@kernel
def _cover(row, begin, end, first, last, held, reach, window_start, window_end, opens, slack, linger, found):
    """Segments of [begin, end) that the window of ``row`` covers, into ``found``; returns how many."""
    count = 0
    low, high = begin, end
    while low < high:
        middle = (low + high) // 2
        if first[middle] <= window_end[row] + SECOND + slack:
            low = middle + 1
        else:
            high = middle
    at = low - 1
    while at >= begin and reach[at] >= window_start[row] - slack:
        if last[at] >= window_start[row] - slack:
            if count < found.shape[0]:
                found[count] = at
            count += 1
        at -= 1
    if count > 0:
        return count
    best = -1
    best_gap = linger + 1
    for at in (low - 1, low):
        if begin <= at < end:
            gap = first[at] - window_end[row] if first[at] > window_end[row] else window_start[row] - last[at]
            kept = first[at] <= window_end[row] and window_start[row] <= held[at] + slack
            if kept or (gap < best_gap and not opens[row]):
                best, best_gap = at, gap
                if kept:
                    break
    if best < 0:
        return 0
    if found.shape[0] > 0:
        found[0] = best
    return 1


@kernel
def cover_windows(
    key, window_start, window_end, opens, pointer, first, last, held, reach, slack, linger, offsets, pairs
):
    """Segments that each flow-log row covers, many to many.

    A row covers every segment of its wire key that had packets in its window, within ``slack``. A row that covers none
    belongs to the segment whose entry was still held: packets that conntrack does not count, such as repeated SYNs.
    Else, unless it opens a connection, it is what came late for the nearest one, within ``linger``.

    Parameters
    ----------
    key : shape (n,), int64, wire key of each row, -1 where no segment has it.
    window_start, window_end : shape (n,), int64, µs; the second of the end belongs to the window.
    opens : shape (n,), bool, the row has the first packet of a TCP connection.
    pointer : shape (keys + 1,), int64, segments of key k stand at [pointer[k], pointer[k + 1]).
    first, last : shape (segments,), int64, µs, ascending by first within a key.
    held : shape (segments,), int64, until when conntrack kept the entry, µs.
    reach : shape (segments,), int64, running maximum of ``last`` within a key.
    slack, linger : µs.
    offsets : shape (n + 1,), int64, receives where the pairs of each row begin.
    pairs : shape (m,), int64, receives the segments, as many as there is room for.

    Returns
    -------
    How many pairs there are; where that is more than ``pairs`` has room for, call again with room for so many.
    """
    total = 0
    for row in range(key.shape[0]):
        offsets[row] = total
        if key[row] < 0:
            continue
        begin, end = pointer[key[row]], pointer[key[row] + 1]
        found = pairs[min(total, pairs.shape[0]) :]
        total += _cover(
            row, begin, end, first, last, held, reach, window_start, window_end, opens, slack, linger, found
        )
    offsets[key.shape[0]] = total
    return total


@kernel
def running_maximum(pointer, values, out):
    """Running maximum of ``values`` within each run of ``pointer``, both shape (n,), int64."""
    for run in range(pointer.shape[0] - 1):
        best = np.iinfo(np.int64).min
        for at in range(pointer[run], pointer[run + 1]):
            best = max(best, values[at])
            out[at] = best
