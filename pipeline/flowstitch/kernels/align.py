"""Lifetimes of one wire key as several observers saw them, matched into segments."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import allocating_kernel, inner_kernel, kernel
from flowstitch.kernels.lifetimes import UNKNOWN, start_gap

# Alignment by dynamic programming is quadratic; past this many cells a wire key is aligned greedily.
MAX_CELLS = 1 << 22


@kernel
def _overlap(lo, last, held, side, other, slack):
    """Whether each of two lifetimes began and had its last packet before the entry of the other was gone."""
    for one, two in ((side, other), (other, side)):
        gone = held[two]
        if gone == UNKNOWN:
            continue
        if (lo[one] != UNKNOWN and lo[one] > gone + slack) or last[one] > gone + slack:
            return False
    return True


@kernel
def _cost(lo, hi, last, held, side, other, alone, near, far):
    """Cost of matching two lifetimes, -1 if they cannot be the same.

    Starts must agree within ``near``; a lone lifetime on each side need only overlap, within ``far``, because
    then nothing else could be meant and the clocks may be off.
    """
    gap = start_gap(lo[side], hi[side], lo[other], hi[other])
    if gap > near and not (alone and gap <= far):
        return -1
    if not _overlap(lo, last, held, side, other, near):
        return -1
    return min(gap, near)


@kernel
def _match_greedy(left, right, lo, hi, last, held, alone, near, far, partner):
    place = 0
    for item in range(left.shape[0]):
        at = place
        while at < right.shape[0]:
            if _cost(lo, hi, last, held, left[item], right[at], alone, near, far) >= 0:
                partner[item] = at
                place = at + 1
                break
            if hi[right[at]] > hi[left[item]] + far:
                break
            at += 1


@allocating_kernel
def _match(left, right, lo, hi, last, held, near, far, partner):
    """Order-preserving alignment of two sequences of lifetimes with the least total difference of starts.

    Leaving a lifetime alone costs ``near``, so a pair is taken apart only where both find a nearer partner.
    """
    n, m = left.shape[0], right.shape[0]
    alone = n == 1 and m == 1
    if n * m > MAX_CELLS:
        _match_greedy(left, right, lo, hi, last, held, alone, near, far, partner)
        return
    total = np.empty((n + 1, m + 1), np.int64)
    for i in range(n + 1):
        total[i, 0] = i * near
    for j in range(m + 1):
        total[0, j] = j * near
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            best = min(total[i - 1, j], total[i, j - 1]) + near
            cost = _cost(lo, hi, last, held, left[i - 1], right[j - 1], alone, near, far)
            if cost >= 0:
                best = min(best, total[i - 1, j - 1] + cost)
            total[i, j] = best
    i, j = n, m
    while i > 0 and j > 0:
        cost = _cost(lo, hi, last, held, left[i - 1], right[j - 1], alone, near, far)
        if cost >= 0 and total[i, j] == total[i - 1, j - 1] + cost:
            partner[i - 1] = j - 1
            i -= 1
            j -= 1
        elif total[i, j] == total[i - 1, j] + near:
            i -= 1
        else:
            j -= 1


@kernel
def _count_fitting(side, others, lo, hi, last, held, jitter):
    count = 0
    for other in others:
        close = start_gap(lo[side], hi[side], lo[other], hi[other]) <= jitter
        if close and _overlap(lo, last, held, side, other, jitter):
            count += 1
    return count


@allocating_kernel
def _part(order, begin, end):
    rows = np.empty(end - begin, np.int64)
    for place in range(begin, end):
        rows[place - begin] = order[place]
    return rows


@kernel
def _longest_first(starts, order):
    """Runs by length, the first of equals first: an insertion sort, there are few (numba's argsort takes 2 s to compile)."""
    for run in range(order.shape[0]):
        length = starts[run + 1] - starts[run]
        place = run
        while place > 0 and starts[order[place - 1] + 1] - starts[order[place - 1]] < length:
            order[place] = order[place - 1]
            place -= 1
        order[place] = run


@allocating_kernel
def _merge(left, right, chosen, hi):
    """Rows of ``left`` and the chosen rows of ``right``, both ascending by start, as one."""
    size = left.shape[0]
    for item in range(right.shape[0]):
        size += chosen[item]
    merged = np.empty(size, np.int64)
    i = j = 0
    for place in range(size):
        while j < right.shape[0] and not chosen[j]:
            j += 1
        if j >= right.shape[0] or (i < left.shape[0] and hi[left[i]] <= hi[right[j]]):
            merged[place] = left[i]
            i += 1
        else:
            merged[place] = right[j]
            j += 1
    return merged


@allocating_kernel
def align_observers(order, pointer, observer, lo, hi, last, held, near, far, jitter, segment, candidates):
    """Number the segments of each wire key and give each side the number of its own.

    The observer with the most lifetimes comes first; each next one is aligned to the segments found so far;
    what finds no partner is a segment of its own.

    Parameters
    ----------
    order : shape (n,), int64, sides of one wire key together, those of an observer ascending by hi.
    pointer : shape (keys + 1,), int64, where the sides of each wire key begin there.
    observer : shape (n,), int64, of each side, ascending within a key; one observer sees each segment once.
    lo, hi, last, held : shape (n,), int64, bounds of the start, last packet and end of the entry of each side, µs, by a common clock;
        the smallest int64 if unknown.
    near, far, jitter : µs; how far starts of one lifetime may differ, the same where only one lifetime is on either
        side, and how near another start must be to count as a candidate.
    segment : shape (n,), int64, receives the segment of each side.
    candidates : shape (n,), int64, receives how many lifetimes of the joined observer would have fitted.

    Returns
    -------
    How many segments there are; the segments of a wire key are numbered together.
    """
    count = 0
    for key in range(pointer.shape[0] - 1):
        first, end = pointer[key], pointer[key + 1]
        runs = 0
        for place in range(first, end):
            candidates[order[place]] = 1
            if place == first or observer[order[place]] != observer[order[place - 1]]:
                runs += 1
        if runs <= 1:
            for place in range(first, end):
                segment[order[place]] = count
                count += 1
            continue
        if end - first == 2:
            # most wire keys: either end saw it once
            one, two = order[first], order[first + 1]
            same = _cost(lo, hi, last, held, one, two, True, near, far) >= 0
            segment[one] = count
            segment[two] = count if same else count + 1
            count += 1 if same else 2
            continue
        starts = np.empty(runs + 1, np.int64)
        run = 0
        for place in range(first, end):
            if place == first or observer[order[place]] != observer[order[place - 1]]:
                starts[run] = place
                run += 1
        starts[runs] = end
        longest = np.empty(runs, np.int64)
        _longest_first(starts, longest)
        head = _part(order, starts[longest[0]], starts[longest[0] + 1])
        for row in head:
            segment[row] = count
            count += 1
        for place in range(1, runs):
            right = _part(order, starts[longest[place]], starts[longest[place] + 1])
            partner = np.empty(head.shape[0], np.int64)
            partner[:] = -1
            _match(head, right, lo, hi, last, held, near, far, partner)
            alone = np.ones(right.shape[0], np.bool_)
            for item in range(head.shape[0]):
                if partner[item] >= 0:
                    row = right[partner[item]]
                    alone[partner[item]] = False
                    segment[row] = segment[head[item]]
                    there = _count_fitting(head[item], right, lo, hi, last, held, jitter)
                    back = _count_fitting(row, head, lo, hi, last, held, jitter)
                    candidates[row] = max(there, back, 1)
            for item in range(right.shape[0]):
                if alone[item]:
                    segment[right[item]] = count
                    count += 1
            head = _merge(head, right, alone, hi)
    return count


@inner_kernel
def _earlier(at, by):
    return at if at == UNKNOWN else at - by


@kernel
def read_sides(entry, rank, node, zone, lo, hi, surely, last, held, ahead, out):
    """Observer and times of each side, by the common clock.

    Parameters
    ----------
    entry : shape (n,), int64, entry of each side.
    rank : shape (names,), int64, place of each name code in sorted order.
    node, zone, lo, hi, surely, last, held : by entry, see ``join.entries.Entries``.
    ahead : by rank of a node, int64, how far its clock is ahead, µs.
    out : shape (6, n), int64, receives observer, hi, last, lo, surely and held.
    """
    for side in range(entry.shape[0]):
        row = entry[side]
        number = rank[node[row]]
        out[0, side] = number << 16 | max(zone[row], 0)
        by = ahead[number]
        out[1, side], out[2, side] = _earlier(hi[row], by), _earlier(last[row], by)
        out[3, side], out[4, side] = _earlier(lo[row], by), _earlier(surely[row], by)
        out[5, side] = _earlier(held[row], by)


@kernel
def pair_starts(order, pointer, entry, rank, node, start, out):
    """What wire keys tell that exactly two nodes saw, once each: the ranks of the nodes, and how much later the second one saw the start.

    Parameters
    ----------
    order, pointer : see ``align_observers``. entry, rank, node : see ``read_sides``.
    start : by entry, int64, when it began, the smallest int64 where that is not known well.
    out : shape (keys, 3), int64, receives the lower rank, the higher one and the difference in µs.

    Returns
    -------
    How many there are.
    """
    count = 0
    for key in range(pointer.shape[0] - 1):
        if pointer[key + 1] - pointer[key] != 2:
            continue
        one, two = entry[order[pointer[key]]], entry[order[pointer[key] + 1]]
        if rank[node[one]] > rank[node[two]]:
            one, two = two, one
        if node[one] == node[two] or start[one] == UNKNOWN or start[two] == UNKNOWN:
            continue
        out[count, 0], out[count, 1] = rank[node[one]], rank[node[two]]
        out[count, 2] = start[two] - start[one]
        count += 1
    return count


@kernel
def summarize_segments(segment, sure, lo, hi, last, held, lead, first, end, until, since):
    """What the sides of each segment say together.

    Parameters
    ----------
    segment : shape (n,), int64, segment of each side.
    sure : shape (n,), bool, the side knows who began.
    lo, hi, last, held : as ``align_observers`` takes them.
    lead : shape (segments,), int64, all -1, receives the side that says the direction: one that knows, of several the earliest.
    first, end, until, since : shape (segments,), int64, receive the earliest start, the last packet, the end of the last entry
        and the latest lower bound of the start, but none of the last before, and not the bound behind, the first.
    """
    for side in range(segment.shape[0]):
        number = segment[side]
        best = lead[number]
        if best < 0:
            lead[number] = side
            first[number], end[number] = hi[side], last[side]
            until[number], since[number] = held[side], lo[side]
            continue
        if sure[side] > sure[best] or (sure[side] == sure[best] and hi[side] < hi[best]):
            lead[number] = side
        first[number] = min(first[number], hi[side])
        end[number] = max(end[number], last[side])
        until[number] = max(until[number], held[side])
        since[number] = max(since[number], lo[side])
    for number in range(lead.shape[0]):
        end[number] = max(end[number], first[number])
        until[number] = max(until[number], first[number])
        since[number] = min(since[number], first[number])
