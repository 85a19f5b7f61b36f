"""Segments chained over the entries that translate one into the next."""

from __future__ import annotations

from flowstitch.kernels._jit import kernel


@kernel
def link_edges(source, target, next_segment, fed):
    """Set for each segment the one that follows it.

    Parameters
    ----------
    source, target : shape (edges,), int64, segment of the original and of the reply side of a translated entry.
    next_segment : shape (segments,), int64, all -1, receives the segment that follows.
    fed : shape (segments,), bool, all false, receives whether a segment follows another.

    Returns
    -------
    How many edges were left out because their segment already had a follower or a feeder.
    """
    left_out = 0
    for edge in range(source.shape[0]):
        if next_segment[source[edge]] >= 0 or fed[target[edge]] or source[edge] == target[edge]:
            left_out += 1
            continue
        next_segment[source[edge]] = target[edge]
        fed[target[edge]] = True
    return left_out


@kernel
def walk_chains(next_segment, fed, path, position, root, tail):
    """Number the chains from the segments that nobody feeds, then whatever is left in circles.

    Parameters
    ----------
    next_segment, fed : as ``link_edges`` leaves them.
    path : shape (segments,), int64, all -1, receives the chain of each segment.
    position : shape (segments,), int64, receives its place in the chain, from 0.
    root, tail : shape (segments,), int64, receive the first and the last segment of each chain.

    Returns
    -------
    How many chains there are.
    """
    count = 0
    for circles in (False, True):
        for first in range(next_segment.shape[0]):
            if path[first] >= 0 or (fed[first] and not circles):
                continue
            root[count] = first
            at = first
            place = 0
            while at >= 0 and path[at] < 0:
                path[at] = count
                position[at] = place
                tail[count] = at
                place += 1
                at = next_segment[at]
            count += 1
    return count
