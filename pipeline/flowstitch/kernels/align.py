"""Lifetimes of one wire key as several observers saw them, matched into segments."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import allocating_kernel, inner_kernel, kernel
from flowstitch.kernels.lifetimes import UNKNOWN, start_gap
from flowstitch.kernels.runs import before, sort_run
from flowstitch.kernels.sides import HELD, HI, LO, OBSERVER, ORDERED, SURELY

# Alignment by dynamic programming is quadratic; past this many cells lifetimes that may all be one another are aligned greedily, and each is
# compared with so many.
MAX_CELLS, REACH = 1 << 22, 256
FOREVER = np.iinfo(np.int64).max // 2


@inner_kernel
def _overlap(sides, side, other, slack):
    """Whether each of two lifetimes began and had its last packet before the entry of the other was gone."""
    for one, two in ((side, other), (other, side)):
        gone = sides[two, HELD]
        if gone == UNKNOWN:
            continue
        if (sides[one, LO] != UNKNOWN and sides[one, LO] > gone + slack) or sides[one, SURELY] > gone + slack:
            return False
    return True


@inner_kernel
def _cost(sides, side, other, alone, near, far):
    """Cost of matching two lifetimes, -1 if they cannot be the same.

    Starts must agree within ``near``; a lone lifetime on each side need only overlap, within ``far``, because
    then nothing else could be meant and the clocks may be off.
    """
    gap = start_gap(sides[side, LO], sides[side, HI], sides[other, LO], sides[other, HI])
    if gap > near and not (alone and gap <= far):
        return -1
    if not _overlap(sides, side, other, near):
        return -1
    return min(gap, near)


@kernel
def _count_fitting(side, others, begin, end, sides, jitter):
    count = 0
    for place in range(begin, end):
        other = others[place]
        close = start_gap(sides[side, LO], sides[side, HI], sides[other, LO], sides[other, HI]) <= jitter
        if close and _overlap(sides, side, other, jitter):
            count += 1
    return count


@kernel
def _match_greedy(left, right, begin, end, sides, near, partner):
    """Each lifetime of a block with the first one that it fits, of the next ``REACH``."""
    place = begin[1]
    for item in range(begin[0], end[0]):
        while place < end[1] and sides[right[place], HI] < sides[left[item], HI] - near:
            place += 1
        for at in range(place, min(place + REACH, end[1])):
            if _cost(sides, left[item], right[at], False, near, near) >= 0:
                partner[item] = at
                place = at + 1
                break


@allocating_kernel
def _match_block(left, right, begin, end, sides, near, partner):
    """Order-preserving alignment of the lifetimes of a block with the least total difference of starts.

    Leaving a lifetime alone costs ``near``, so a pair is taken apart only where both find a nearer partner.
    """
    n, m = end[0] - begin[0], end[1] - begin[1]
    total = np.empty((n + 1, m + 1), np.int64)
    for i in range(n + 1):
        total[i, 0] = i * near
    for j in range(m + 1):
        total[0, j] = j * near
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            best = min(total[i - 1, j], total[i, j - 1]) + near
            one, two = left[begin[0] + i - 1], right[begin[1] + j - 1]
            cost = _cost(sides, one, two, False, near, near)
            if cost >= 0:
                best = min(best, total[i - 1, j - 1] + cost)
            total[i, j] = best
    i, j = n, m
    while i > 0 and j > 0:
        one, two = left[begin[0] + i - 1], right[begin[1] + j - 1]
        cost = _cost(sides, one, two, False, near, near)
        if cost >= 0 and total[i, j] == total[i - 1, j - 1] + cost:
            partner[begin[0] + i - 1] = begin[1] + j - 1
            i -= 1
            j -= 1
        elif total[i, j] == total[i - 1, j] + near:
            i -= 1
        else:
            j -= 1


@kernel
def _of_left(left, right, i, j, sides):
    """Whether the next lifetime of both sequences is that of the left one."""
    return j >= right.shape[0] or (i < left.shape[0] and sides[left[i], HI] <= sides[right[j], HI])


@allocating_kernel
def _earliest_behind(left, right, sides):
    """The earliest start and the earliest last packet of all lifetimes from each place of both sequences on, shape (2, n + m + 1)."""
    size = left.shape[0] + right.shape[0]
    least = np.empty((2, size + 1), np.int64)
    i = j = 0
    for place in range(size):
        of_left = _of_left(left, right, i, j, sides)
        side = left[i] if of_left else right[j]
        i, j = (i + 1, j) if of_left else (i, j + 1)
        least[0, place], least[1, place] = sides[side, LO], sides[side, SURELY]
    least[:, size] = FOREVER
    for place in range(size - 1, -1, -1):
        for row in range(2):
            least[row, place] = min(least[row, place], least[row, place + 1])
    return least


@kernel
def _find_end(left, right, begin, least, sides, near, end):
    """Where the block ends that begins at ``begin``: none of it can be one with any lifetime behind.

    Lifetimes are one only where the spans of their starts meet, and also those from the last packet to the end of the entry, within ``near``.
    """
    end[0], end[1] = begin[0], begin[1]
    latest = gone = UNKNOWN
    while end[0] < left.shape[0] or end[1] < right.shape[0]:
        of_left = _of_left(left, right, end[0], end[1], sides)
        side = left[end[0]] if of_left else right[end[1]]
        end[0 if of_left else 1] += 1
        latest = max(latest, FOREVER if sides[side, HI] == UNKNOWN else sides[side, HI])
        gone = max(gone, FOREVER if sides[side, HELD] == UNKNOWN else sides[side, HELD])
        behind = end[0] + end[1]
        if latest + near < least[0, behind] or gone + near < least[1, behind]:
            return


@allocating_kernel
def _match(left, right, sides, near, far, jitter, partner, candidates):
    """Align two sequences of lifetimes, block by block: what is far apart is not compared.

    ``partner`` receives for each of ``left`` its place in ``right``, ``candidates`` for that side how many would have fitted.
    """
    if left.shape[0] == 1 and right.shape[0] == 1:
        if _cost(sides, left[0], right[0], True, near, far) >= 0:
            partner[0] = 0
        return
    least = _earliest_behind(left, right, sides)
    begin, end = np.zeros(2, np.int64), np.zeros(2, np.int64)
    while begin[0] < left.shape[0] and begin[1] < right.shape[0]:
        _find_end(left, right, begin, least, sides, near, end)
        small = (end[0] - begin[0]) * (end[1] - begin[1]) <= MAX_CELLS
        if small:
            _match_block(left, right, begin, end, sides, near, partner)
        else:
            _match_greedy(left, right, begin, end, sides, near, partner)
        reach = max(end[0] - begin[0], end[1] - begin[1]) if small else REACH
        for item in range(begin[0], end[0]):
            at = partner[item]
            if at < 0:
                continue
            one, two = left[item], right[at]
            low, high = max(begin[1], at - reach), min(end[1], at + reach)
            there = _count_fitting(one, right, low, high, sides, jitter)
            low, high = max(begin[0], item - reach), min(end[0], item + reach)
            back = _count_fitting(two, left, low, high, sides, jitter)
            candidates[two] = max(there, back, 1)
        begin[0], begin[1] = end[0], end[1]


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
def _merge(left, right, chosen, sides):
    """Rows of ``left`` and the chosen rows of ``right``, both ascending by start, as one."""
    size = left.shape[0]
    for item in range(right.shape[0]):
        size += chosen[item]
    merged = np.empty(size, np.int64)
    i = j = 0
    for place in range(size):
        while j < right.shape[0] and not chosen[j]:
            j += 1
        if j >= right.shape[0] or (i < left.shape[0] and sides[left[i], HI] <= sides[right[j], HI]):
            merged[place] = left[i]
            i += 1
        else:
            merged[place] = right[j]
            j += 1
    return merged


@allocating_kernel
def align_observers(order, pointer, sides, near, far, jitter, scratch, segment, candidates):
    """Number the segments of each wire key and give each side the number of its own.

    The observer with the most lifetimes comes first; each next one is aligned to the segments found so far;
    what finds no partner is a segment of its own.

    Parameters
    ----------
    order : shape (n,), int64, sides of one wire key together; those of a key of more than two are put in order. An observer sees a segment once.
    pointer : shape (keys + 1,), int64, where the sides of each wire key begin there.
    sides : shape (n, 7), int64, see ``kernels.sides.read_sides``.
    near, far, jitter : µs; how far starts of one lifetime may differ, the same where only one lifetime is on either
        side, and how near another start must be to count as a candidate.
    scratch : shape (n,), int64, is overwritten.
    segment : shape (n,), int32, receives the segment of each side.
    candidates : shape (n,), int32, receives how many lifetimes of the joined observer would have fitted.

    Returns
    -------
    How many segments there are; the segments of a wire key are numbered together.
    """
    count = 0
    for key in range(pointer.shape[0] - 1):
        first, end = pointer[key], pointer[key + 1]
        if end - first <= 2:
            # most wire keys: either end saw it once
            one, two = np.uint64(order[first]), np.uint64(order[end - 1])
            candidates[one] = candidates[two] = 1
            apart = one != two and (
                sides[one, OBSERVER] == sides[two, OBSERVER] or _cost(sides, one, two, True, near, far) < 0
            )
            if apart and before(sides, ORDERED, two, one):
                one, two = two, one
            segment[one] = count
            count += apart
            segment[two] = count
            count += 1
            continue
        sort_run(order, first, end, sides, ORDERED, scratch)
        runs = 0
        for place in range(first, end):
            candidates[order[place]] = 1
            if place == first or sides[order[place], OBSERVER] != sides[order[place - 1], OBSERVER]:
                runs += 1
        if runs <= 1:
            for place in range(first, end):
                segment[order[place]] = count
                count += 1
            continue
        starts = np.empty(runs + 1, np.int64)
        run = 0
        for place in range(first, end):
            if place == first or sides[order[place], OBSERVER] != sides[order[place - 1], OBSERVER]:
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
            _match(head, right, sides, near, far, jitter, partner, candidates)
            alone = np.ones(right.shape[0], np.bool_)
            for item in range(head.shape[0]):
                if partner[item] >= 0:
                    row = right[partner[item]]
                    alone[partner[item]] = False
                    segment[row] = segment[head[item]]
            for item in range(right.shape[0]):
                if alone[item]:
                    segment[right[item]] = count
                    count += 1
            head = _merge(head, right, alone, sides)
    return count
