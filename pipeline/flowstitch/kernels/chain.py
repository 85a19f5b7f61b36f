"""Segments chained over the entries that translate one into the next."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import kernel


@kernel
def link_edges(source, target, entry, next_segment, next_entry, fed):
    """Set for each segment the one that follows it.

    Parameters
    ----------
    source, target : shape (edges,), int32, segment of the original and of the reply side of a translated entry.
    entry : shape (edges,), int32, that entry.
    next_segment, next_entry : shape (segments,), int32, all -1, receive the segment that follows and the entry that leads there, the last of several.
    fed : shape (segments,), bool, all false, receives whether a segment follows another.

    Returns
    -------
    How many edges were left out because their segment already had a follower or a feeder.
    """
    left_out = 0
    for edge in range(source.shape[0]):
        begin, end = np.uint64(source[edge]), np.uint64(target[edge])
        if next_segment[begin] >= 0 or fed[end] or begin == end:
            left_out += 1
        else:
            next_segment[begin] = target[edge]
            fed[end] = True
        if next_segment[begin] == target[edge]:
            next_entry[begin] = entry[edge]
    return left_out


@kernel
def walk_chains(begin, end, count, circles, next_segment, fed, path, position, root, tail):
    """Number the chains whose first segment is in [begin, end): one that nobody feeds; or what has no number yet, for then it is a circle.

    Parameters
    ----------
    count : how many chains have numbers already. circles : bool, which of the two.
    next_segment, fed : as ``link_edges`` leaves them.
    path : shape (segments,), int32, all -1, receives the chain of each segment.
    position : shape (segments,), int32, receives its place in the chain, from 0.
    root, tail : shape (segments,), int32, receive the first and the last segment of each chain.

    Returns
    -------
    How many chains have numbers now. Of two ranges of segments the chains that are no circles have no segment in common.
    """
    for first in range(begin, end):
        if (circles and path[first] >= 0) or (fed[first] and not circles):
            continue
        root[count] = first
        at, place = np.int64(first), 0
        while at >= 0 and path[np.uint64(at)] < 0:
            segment = np.uint64(at)
            path[segment], position[segment] = count, place
            tail[count] = at
            place += 1
            at = next_segment[segment]
        count += 1
    return count
