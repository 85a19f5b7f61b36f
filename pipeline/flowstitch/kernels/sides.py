"""What entries say of the segments that their sides are on: before sides are aligned, and after."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import inner_kernel, kernel
from flowstitch.kernels.lifetimes import NEW, UNKNOWN

# Columns of what a side tells: one row, for it is read in the order of wire keys, which is none in memory. By the first three sides of a key are in order.
OBSERVER, HI, LAST, LO, SURELY, HELD, SURE = range(7)
ORDERED, SIDE = LAST + 1, SURE + 1
# How sure a side is of who began the connection: it is not; it is, for its entry translates; it is, and saw the NEW.
_TRANSLATES, _BEGAN = 1, 2


@inner_kernel
def _earlier(at, by):
    return at if at == UNKNOWN else at - by


@kernel
def read_sides(rank, node, zone, lo, hi, surely, last, held, seen, translated, ahead, out):
    """Observer and times of each side, by the common clock, and how sure it is of who began.

    Parameters
    ----------
    rank : shape (names,), int64, place of each name code in sorted order.
    node, zone, lo, hi, surely, last, held, seen, translated : shape (n,), of the entry of each side, see ``join.entries.Entries``.
    ahead : by rank of a node, int64, how far its clock is ahead, µs.
    out : shape (n, 7), int64, receives observer, hi, last, lo, surely and held, the smallest int64 where one is not known, and how sure it is.
    """
    for side in range(node.shape[0]):
        number = rank[node[side]]
        by = ahead[number]
        out[side, OBSERVER] = number << 16 | max(zone[side], 0)
        out[side, HI], out[side, LAST] = _earlier(hi[side], by), _earlier(last[side], by)
        out[side, LO], out[side, SURELY] = _earlier(lo[side], by), _earlier(surely[side], by)
        out[side, HELD] = _earlier(held[side], by)
        out[side, SURE] = _BEGAN if seen[side] & (1 << NEW) else _TRANSLATES if translated[side] else 0


@kernel
def settle_sides(segment, candidates, numbers, first, replies, begin, out_segment, out_candidates):
    """Put the sides of a bucket among those of all.

    Parameters
    ----------
    segment, candidates : shape (n,), int32, of original sides, then of reply sides.
    numbers : shape (k,), int32, of the reply sides, counted from 0. first : number of the first original side.
    replies : number of the first reply side of all. begin : number of the first segment of the bucket.
    out_segment, out_candidates : shape (sides,), int32, receive them.
    """
    own = segment.shape[0] - numbers.shape[0]
    for side in range(segment.shape[0]):
        number = first + side if side < own else replies + numbers[side - own]
        out_segment[number] = begin + segment[side]
        out_candidates[number] = candidates[side]


@kernel
def pair_starts(order, pointer, node, start, out):
    """What wire keys tell that exactly two nodes saw, once each: the nodes, and how much later the second one saw the start.

    Parameters
    ----------
    order, pointer : see ``align_observers``. node : shape (n,), int64, of each side.
    start : shape (n,), int64, when it began, the smallest int64 where that is not known well.
    out : shape (keys, 3), int64, receives the lower node, the higher one and the difference in µs.

    Returns
    -------
    How many there are.
    """
    count = 0
    for key in range(pointer.shape[0] - 1):
        if pointer[key + 1] - pointer[key] != 2:
            continue
        one, two = order[pointer[key]], order[pointer[key] + 1]
        if node[one] > node[two]:
            one, two = two, one
        if node[one] == node[two] or start[one] == UNKNOWN or start[two] == UNKNOWN:
            continue
        out[count, 0], out[count, 1] = node[one], node[two]
        out[count, 2] = start[two] - start[one]
        count += 1
    return count


@kernel
def summarize_segments(segment, sides, lead, first, end, until, since, exact):
    """What the sides of each segment say together.

    Parameters
    ----------
    segment : shape (n,), int32, segment of each side.
    sides : see ``read_sides``.
    lead : shape (segments,), int64, all -1, receives the side that says the direction: one that knows, of several the earliest.
    first, end, until, since : shape (segments,), int64, receive the earliest start, the last packet, the end of the last entry
        and the latest lower bound of the start, but none of the last before, and not the bound behind, the first.
    exact : shape (segments,), bool, receives whether that side saw the NEW.
    """
    for side in range(segment.shape[0]):
        number = np.uint64(segment[side])
        if lead[number] < 0:
            lead[number] = side
            first[number], end[number] = sides[side, HI], sides[side, LAST]
            until[number], since[number] = sides[side, HELD], sides[side, LO]
            continue
        best = np.uint64(lead[number])
        sure, surer = sides[best, SURE] > 0, sides[side, SURE] > 0
        if surer > sure or (surer == sure and sides[side, HI] < sides[best, HI]):
            lead[number] = side
        first[number] = min(first[number], sides[side, HI])
        end[number] = max(end[number], sides[side, LAST])
        until[number] = max(until[number], sides[side, HELD])
        since[number] = max(since[number], sides[side, LO])
    for number in range(lead.shape[0]):
        end[number] = max(end[number], first[number])
        until[number] = max(until[number], first[number])
        since[number] = min(since[number], first[number])
        exact[number] = sides[np.uint64(lead[number]), SURE] == _BEGAN


@kernel
def lead_tuples(
    lead, protocol, src, src_port, dst, dst_port, scope,
    reply_protocol, reply_src, reply_src_port, reply_dst, reply_dst_port, reply_scope,
    out_protocol, out_src, out_src_port, out_dst, out_dst_port, out_scope,
):  # fmt: skip
    """Tuple of the leading side of each segment.

    Parameters
    ----------
    lead : see ``summarize_segments``; the reply sides come behind the original ones.
    protocol, src, src_port, dst, dst_port, scope : of the original sides, see ``join.keys.Tuples``. reply_protocol, … reply_scope : of the reply sides.
    out_protocol, … out_scope : shape (segments,), of the same types, receive them.
    """
    originals = protocol.shape[0]
    for segment in range(lead.shape[0]):
        if lead[segment] < originals:
            side = np.uint64(lead[segment])
            out_protocol[segment], out_scope[segment] = protocol[side], scope[side]
            out_src[segment], out_src_port[segment] = src[side], src_port[side]
            out_dst[segment], out_dst_port[segment] = dst[side], dst_port[side]
        else:
            side = np.uint64(lead[segment] - originals)
            out_protocol[segment], out_scope[segment] = reply_protocol[side], reply_scope[side]
            out_src[segment], out_src_port[segment] = reply_src[side], reply_src_port[side]
            out_dst[segment], out_dst_port[segment] = reply_dst[side], reply_dst_port[side]
