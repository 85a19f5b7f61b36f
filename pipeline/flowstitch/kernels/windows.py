"""Flow-log windows and the segments they cover."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import kernel
from flowstitch.kernels.runs import sort_run

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
    key,
    usable,
    window_start,
    window_end,
    opens,
    pointer,
    first,
    last,
    held,
    reach,
    slack,
    linger,
    offsets,
    pairs,
):
    """Segments that each flow-log row covers, many to many.

    A row covers every segment of its wire key that had packets in its window, within ``slack``. A row that covers none
    belongs to the segment whose entry was still held: packets that conntrack does not count, such as repeated SYNs.
    Else, unless it opens a connection, it is what came late for the nearest one, within ``linger``.

    Parameters
    ----------
    key : shape (n,), int64, wire key of each row.
    usable : shape (n,), bool, the row can cover segments.
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
        begin, end = pointer[key[row]], pointer[key[row] + 1]
        if begin == end or not usable[row]:
            continue
        found = pairs[min(total, pairs.shape[0]) :]
        total += _cover(
            row, begin, end, first, last, held, reach, window_start, window_end, opens, slack, linger, found
        )
    offsets[key.shape[0]] = total
    return total


@kernel
def settle_pairs(
    found_offsets, found, order, lone, known, src, src_port, dst, client, client_port, first_segment,
    numbers, offsets, segment, row, forward, scratch,
):  # fmt: skip
    """Put together the segments that rows cover and those of rows of their own, and tell which way each row goes.

    Parameters
    ----------
    found_offsets, found : pairs as ``cover_windows`` leaves them. order : shape (known,), int64, the segments by the place they have there.
    lone : shape (n,), int64, the segment of a row of its own, counted from 0, else -1.
    known : how many segments conntrack saw here; those of rows of their own follow.
    src, src_port, dst : columns of the table ``flows``.
    client, client_port : shape (segments,), source of the tuple of each segment.
    numbers : shape (1, known), int64, ascending. first_segment : number of the first segment that conntrack saw among those of all buckets.
    offsets : shape (n + 1,), int64, receives where the pairs of each row begin.
    segment : shape (pairs,), int64, receives them as they are numbered among all, but those of rows of their own as counted from 0.
    row : shape (pairs,), int64, receives the row.
    forward : shape (pairs,), bool, receives whether the row goes the way of the segment's tuple.
    scratch : shape (pairs,), int64, is overwritten.
    """
    total = 0
    for at in range(lone.shape[0]):
        offsets[at] = total
        begin, end = found_offsets[at], found_offsets[at + 1]
        if lone[at] >= 0:
            segment[total] = known + lone[at]
            total += 1
        for place in range(begin, end):
            # they are found from the last one on
            segment[total] = order[found[end - 1 - (place - begin)]]
            total += 1
        if end - begin > 1:
            sort_run(segment, offsets[at], total, numbers, scratch)
        for place in range(offsets[at], total):
            number = segment[place]
            row[place] = at
            if src[at] == dst[at]:
                forward[place] = max(src_port[at], 0) == client_port[number]
            else:
                forward[place] = src[at] == client[number]
            segment[place] = number - known if number >= known else first_segment + number
    offsets[lone.shape[0]] = total


@kernel
def running_maximum(pointer, values, out):
    """Running maximum of ``values`` within each run of ``pointer``, both shape (n,), int64."""
    for run in range(pointer.shape[0] - 1):
        best = np.iinfo(np.int64).min
        for at in range(pointer[run], pointer[run + 1]):
            best = max(best, values[at])
            out[at] = best
