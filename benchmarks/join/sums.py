"""What our join sums up for the answer: of each segment a row of words, of each path a column entry from the rows of its segments.

A row is two lines of the cache, which is what is read of a segment that lies anywhere: what is small shares a word with something else.
"""

from __future__ import annotations

import numpy as np

from flowstitch.arrays import Ints
from flowstitch.kernels._jit import inner_kernel, kernel

# Words of a row: both ends of its tuple, address and port each; its times, µs; how many entries and flow-log rows it has; the ENIs of two
# legs each, in the order of ``question.LEGS``; packets and bytes of each leg; and the segment that follows.
SRC, DST, FIRST, LAST, COUNTS, ENIS, LEGS, NEXT = 0, 1, 2, 3, 4, 5, 7, 15
KNOWN = 16
_LINE_BYTES = 64
_S16, _S32 = np.int64(16), np.int64(32)
_PORT, _LOW = np.int64(0xFFFF), np.int64(0xFFFFFFFF)
# Columns of what is told of a path. Small ones: its four ends, address and port each; how many segments, entries and rows; the ENI of each leg.
ENDS, SEGMENTS, ENTRIES, ROWS, LEG_ENIS, SMALL = 0, 8, 9, 10, 11, 15
# Large ones: its times, then packets and bytes of each leg.
TIMES, SUMS, LARGE = 0, 2, 10


def empty_rows(count: int) -> Ints:
    """Room for rows of so many segments, shape (count, KNOWN), each in lines of the cache of its own."""
    words = np.empty(count * KNOWN + _LINE_BYTES // 8, np.int64)
    begin = -words.ctypes.data % _LINE_BYTES // 8
    return words[begin : begin + count * KNOWN].reshape(count, KNOWN)


@kernel
def know_segments(src, src_port, dst, dst_port, first, last, next_segment, out):
    """Rows of segments, see ``empty_rows``, with their tuples, their times in µs, what follows and nothing summed up yet."""
    for segment in range(out.shape[0]):
        out[segment, SRC] = np.int64(src[segment]) << _S16 | src_port[segment]
        out[segment, DST] = np.int64(dst[segment]) << _S16 | dst_port[segment]
        out[segment, FIRST], out[segment, LAST] = first[segment], last[segment]
        for column in range(COUNTS, NEXT):
            out[segment, column] = 0
        out[segment, NEXT] = next_segment[segment]


@kernel
def count_entries(side_segment, out):
    """Count the entries, whose original sides are on ``side_segment``, shape (entries,), int32, in the rows of the segments, ``out``."""
    for side in range(side_segment.shape[0]):
        out[np.uint64(side_segment[side]), COUNTS] += 1


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
        way, crossing = 0 if forward[pair] else 1, 1 if direction[at] == inward else 0
        out[number, COUNTS] += np.int64(1) << _S32
        half = _S32 * crossing
        out[number, ENIS + way] = (
            out[number, ENIS + way] & (_LOW << (_S32 - half)) | np.int64(eni[at]) << half
        )
        leg = LEGS + 4 * way + 2 * crossing
        out[number, leg] += packets[at]
        out[number, leg + 1] += octets[at]


@inner_kernel
def _fetch(begin, end, root, rows):
    """Touch the second segments of paths, whose rows lie anywhere: all are under way at the same time then; what they say is of no use."""
    seen = np.int64(0)
    for path in range(begin, end):
        follower = rows[np.uint64(root[path]), NEXT]
        if follower >= 0:
            segment = np.uint64(follower)
            seen ^= rows[segment, SRC] ^ rows[segment, NEXT]
    return seen


@inner_kernel
def _tell_end(end, column, out):
    out[column], out[column + 1] = end >> _S16, end & _PORT


@inner_kernel
def _tell_path(segment, rows, small, large):
    """What the segments of a path, from ``segment`` on, say together, into its columns."""
    _tell_end(rows[segment, SRC], ENDS, small)
    _tell_end(rows[segment, DST], ENDS + 2, small)
    first, last, counts = rows[segment, FIRST], rows[segment, LAST], rows[segment, COUNTS]
    there, back = rows[segment, ENIS], rows[segment, ENIS + 1]
    for column in range(8):
        large[SUMS + column] = rows[segment, LEGS + column]
    count = 1
    while rows[segment, NEXT] >= 0:
        segment = np.uint64(rows[segment, NEXT])
        first, last = min(first, rows[segment, FIRST]), max(last, rows[segment, LAST])
        counts += rows[segment, COUNTS]
        there, back = there | rows[segment, ENIS], back | rows[segment, ENIS + 1]
        for column in range(8):
            large[SUMS + column] += rows[segment, LEGS + column]
        count += 1
    _tell_end(rows[segment, SRC], ENDS + 4, small)
    _tell_end(rows[segment, DST], ENDS + 6, small)
    small[SEGMENTS], small[ENTRIES], small[ROWS] = count, counts & _LOW, counts >> _S32
    small[LEG_ENIS], small[LEG_ENIS + 1] = there & _LOW, there >> _S32
    small[LEG_ENIS + 2], small[LEG_ENIS + 3] = back & _LOW, back >> _S32
    large[TIMES], large[TIMES + 1] = first, last


@kernel
def tell_paths(begin, end, root, rows, told_small, told_large, small, large):
    """What the segments of paths say together; a leg is on one of them.

    Parameters
    ----------
    begin, end : the paths in question. root : see ``join.chains.Chains``. rows : of all segments.
    told_small, told_large : shapes (b, SMALL) and (b, LARGE), int32 and int64, are overwritten: so many paths are told at a time, then put into
        their columns.
    small, large : shapes (SMALL, paths) and (LARGE, paths), int32 and int64, receive it.

    Returns
    -------
    A number that means nothing: the compiler would leave out fetching what nobody asks for.
    """
    seen = np.int64(0)
    for head in range(begin, end, told_small.shape[0]):
        stop = min(head + told_small.shape[0], end)
        seen ^= _fetch(head, stop, root, rows)
        for path in range(head, stop):
            _tell_path(np.uint64(root[path]), rows, told_small[path - head], told_large[path - head])
        for column in range(SMALL):
            for path in range(head, stop):
                small[column, path] = told_small[path - head, column]
        for column in range(LARGE):
            for path in range(head, stop):
                large[column, path] = told_large[path - head, column]
    return seen
