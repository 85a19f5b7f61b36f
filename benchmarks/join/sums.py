"""What our join sums up for the answer: paths over their segments, legs over flow-log rows."""

from __future__ import annotations

from flowstitch.kernels._jit import kernel


@kernel
def span_paths(path, first, last, out_first, out_last, out_segments):
    """Times of each path, and how many segments it has.

    Parameters
    ----------
    path, first, last : shape (segments,), int64, path of each segment and its times, µs.
    out_first, out_last, out_segments : shape (paths,), int64, the greatest, the smallest int64, and 0, or what other segments made of them.
    """
    for segment in range(path.shape[0]):
        number = path[segment]
        out_first[number] = min(out_first[number], first[segment])
        out_last[number] = max(out_last[number], last[segment])
        out_segments[number] += 1


@kernel
def count_entries(path, side_segment, out):
    """Entries of each path, ``out``, shape (paths,), int64, all 0; ``side_segment``, shape (entries,), int32, has the segment of the original side of each."""
    for side in range(side_segment.shape[0]):
        out[path[side_segment[side]]] += 1


@kernel
def sum_legs(path, segment, row, forward, direction, inward, eni, packets, octets, sums):
    """Rows, and ENI, packets and bytes of each leg, by path.

    Parameters
    ----------
    path : shape (segments,), int64. segment, row, forward : see ``join.windows.Windows``.
    direction, eni, packets, octets : columns of flow-log rows. inward : code of the direction that enters.
    sums : shape (paths, 13), int64, all 0, receives rows, then ENI, packets and bytes of each of ``LEGS``.
    """
    for pair in range(segment.shape[0]):
        number, at = path[segment[pair]], row[pair]
        leg = 1 + (0 if forward[pair] else 6) + (3 if direction[at] == inward else 0)
        sums[number, 0] += 1
        sums[number, leg] = eni[at]
        sums[number, leg + 1] += packets[at]
        sums[number, leg + 2] += octets[at]


@kernel
def turn(rows, columns):
    """Rows, shape (n, k), as columns, shape (k, n)."""
    for row in range(rows.shape[0]):
        for column in range(rows.shape[1]):
            columns[column, row] = rows[row, column]
