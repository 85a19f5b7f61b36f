"""What our join sums up for the answer: paths over their segments, legs over flow-log rows."""

from __future__ import annotations

from flowstitch.kernels._jit import kernel


@kernel
def span_paths(path, first, last, side_segment, out_first, out_last, out_segments, out_entries):
    """Times of each path, and how many segments and entries it has.

    Parameters
    ----------
    path, first, last : shape (segments,), int64, path of each segment and its times, µs.
    side_segment : shape (entries,), int64, segment of the original side of each entry.
    out_first, out_last, out_segments, out_entries : shape (paths,), int64, the greatest, the smallest int64, and all 0; receive them.
    """
    for segment in range(path.shape[0]):
        number = path[segment]
        out_first[number] = min(out_first[number], first[segment])
        out_last[number] = max(out_last[number], last[segment])
        out_segments[number] += 1
    for side in range(side_segment.shape[0]):
        out_entries[path[side_segment[side]]] += 1


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
