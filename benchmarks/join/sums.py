"""What our join sums up for the answer: of each segment a row of numbers, of each path a column entry from the rows of its segments."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import inner_kernel, kernel

# Columns of what is known of a segment: its tuple, its times, its entries, then what flow logs show of it.
SRC, SRC_PORT, DST, DST_PORT, FIRST, LAST, ENTRIES, LEGS = range(8)
# From rows on come ENI, packets and bytes of each of ``question.LEGS``.
KNOWN = LEGS + 1 + 4 * 3
# Columns of what is told of a path: four ends, times, and how many segments, entries and rows it has; then the legs.
TOLD = 8 + 2 + 3 + 4 * 3


@kernel
def know_segments(src, src_port, dst, dst_port, first, last, out):
    """Rows of segments, shape (segments, KNOWN), int64, with their tuples, their times in µs and nothing summed up yet."""
    for segment in range(out.shape[0]):
        out[segment, SRC], out[segment, SRC_PORT] = src[segment], src_port[segment]
        out[segment, DST], out[segment, DST_PORT] = dst[segment], dst_port[segment]
        out[segment, FIRST], out[segment, LAST] = first[segment], last[segment]
        for column in range(ENTRIES, KNOWN):
            out[segment, column] = 0


@kernel
def count_entries(side_segment, out):
    """Count the entries, whose original sides are on ``side_segment``, shape (entries,), int32, in the rows of the segments, ``out``."""
    for side in range(side_segment.shape[0]):
        out[np.uint64(side_segment[side]), ENTRIES] += 1


@kernel
def sum_legs(segment, row, forward, direction, inward, eni, packets, octets, out):
    """Rows, and ENI, packets and bytes of each leg, in the rows of the segments, ``out``.

    Parameters
    ----------
    segment, row, forward : see ``join.windows.Windows``.
    direction, eni, packets, octets : columns of flow-log rows. inward : code of the direction that enters.
    """
    for pair in range(segment.shape[0]):
        number, at = np.uint64(segment[pair]), np.uint64(row[pair])
        leg = LEGS + 1 + (0 if forward[pair] else 6) + (3 if direction[at] == inward else 0)
        out[number, LEGS] += 1
        out[number, leg] = eni[at]
        out[number, leg + 1] += packets[at]
        out[number, leg + 2] += octets[at]


@inner_kernel
def _fetch(begin, end, root, next_segment, rows):
    """Touch the second segments of paths, whose rows lie anywhere: all are under way at the same time then; what they say is of no use."""
    seen = np.int64(0)
    for path in range(begin, end):
        follower = next_segment[np.uint64(root[path])]
        if follower >= 0:
            segment = np.uint64(follower)
            seen ^= (
                rows[segment, SRC]
                ^ rows[segment, LEGS + 1]
                ^ rows[segment, KNOWN - 1]
                ^ next_segment[segment]
            )
    return seen


@inner_kernel
def _tell_path(segment, next_segment, rows, out):
    """What the segments of a path, from ``segment`` on, say together, into ``out``, shape (TOLD,)."""
    for column in range(4):
        out[column] = rows[segment, column]
    first, last = rows[segment, FIRST], rows[segment, LAST]
    count = 1
    for column in range(ENTRIES, KNOWN):
        out[column + TOLD - KNOWN] = rows[segment, column]
    while next_segment[segment] >= 0:
        segment = np.uint64(next_segment[segment])
        first, last = min(first, rows[segment, FIRST]), max(last, rows[segment, LAST])
        count += 1
        for column in range(ENTRIES, KNOWN):
            out[column + TOLD - KNOWN] += rows[segment, column]
    for column in range(4):
        out[4 + column] = rows[segment, column]
    out[8], out[9], out[10] = first, last, count


@kernel
def tell_paths(begin, end, root, next_segment, rows, told, out):
    """What the segments of paths say together; a leg is on one of them.

    Parameters
    ----------
    begin, end : the paths in question. root, next_segment : see ``join.chains.Chains``. rows : of all segments.
    told : shape (b, TOLD), int64, is overwritten: so many paths are told at a time, then put into their columns.
    out : shape (TOLD, paths), int64, receives it.

    Returns
    -------
    A number that means nothing: the compiler would leave out fetching what nobody asks for.
    """
    seen = np.int64(0)
    for head in range(begin, end, told.shape[0]):
        stop = min(head + told.shape[0], end)
        seen ^= _fetch(head, stop, root, next_segment, rows)
        for path in range(head, stop):
            _tell_path(np.uint64(root[path]), next_segment, rows, told[path - head])
        for column in range(TOLD):
            for path in range(head, stop):
                out[column, path] = told[path - head, column]
    return seen
