"""Connections that could have carried a request."""

from __future__ import annotations

from flowstitch.kernels._jit import kernel


@kernel
def fill_maxima(values, tree):
    """Tree of maxima: node i has that of its children 2 i and 2 i + 1.

    Parameters
    ----------
    values : shape (n,), int64.
    tree : shape (2 m,), int64, m a power of two of at least n, filled with the smallest int64; receives the values from m
        on and above them the maxima.
    """
    size = tree.shape[0] // 2
    for place in range(values.shape[0]):
        tree[size + place] = values[place]
    for node in range(size - 1, 0, -1):
        tree[node] = max(tree[2 * node], tree[2 * node + 1])


@kernel
def _last_reaching(tree, place, least):
    """Last place up to ``place`` whose value is at least ``least``, -1 where there is none."""
    size = tree.shape[0] // 2
    node = place + size
    while tree[node] < least:
        while node > 1 and node % 2 == 0:
            node //= 2
        if node <= 1:
            return -1
        node -= 1
    while node < size:
        node = 2 * node + 1
        if tree[node] < least:
            node -= 1
    return node - size


@kernel
def _last_begun(first, begin, end, at):
    """Last place of [begin, end), ascending by ``first``, that began by ``at``; begin - 1 where there is none."""
    low, high = begin, end
    while low < high:
        middle = (low + high) // 2
        if first[middle] <= at:
            low = middle + 1
        else:
            high = middle
    return low - 1


@kernel
def _collect(row, low, place, since, until, path, tree, pointer, span_first, span_reach, spare_idle, found):
    """Count the places of [low, place] that reach ``since``, latest first; ``found`` keeps what it has room for."""
    count = 0
    while place >= low:
        place = _last_reaching(tree, place, since)
        if place < low:
            break
        begin, end = pointer[path[place]], pointer[path[place] + 1]
        idle = False
        if spare_idle and begin < end:
            span = _last_begun(span_first, begin, end, until)
            idle = span < begin or span_reach[span] < since
        if not idle:
            if count < found.shape[1]:
                found[row, count] = path[place]
            count += 1
        place -= 1
    return count


@kernel
def find_carriers(
    key, since, until, pointer, first, path, tree, span_pointer, span_first, span_reach, count, found
):
    """Connections to the backend of each attempt that were open at some time of it.

    Those that are known to have been idle all the while count only where there is no other.

    Parameters
    ----------
    key : shape (n,), int64, backend of each attempt, -1 where no connection goes there.
    since, until : shape (n,), int64, µs, span of each attempt, both ends in it.
    pointer : shape (keys + 1,), int64, connections of backend k stand at [pointer[k], pointer[k + 1]).
    first : shape (connections,), int64, µs, ascending within a backend.
    path : shape (connections,), int64, the path of each; a path has no more than one connection to a backend.
    tree : of the connections' last packets, µs, see ``fill_maxima``.
    span_pointer : shape (paths + 1,), int64, spans in which path p had packets stand at
        [span_pointer[p], span_pointer[p + 1]); there are none where that is not known.
    span_first : shape (spans,), int64, µs, ascending within a path.
    span_reach : shape (spans,), int64, µs, running maximum of the spans' ends within a path.
    count : shape (n,), int64, receives how many there are.
    found : shape (n, k), int64, -1, receives the paths of the k that began last, latest first.
    """
    for row in range(key.shape[0]):
        count[row] = 0
        if key[row] < 0:
            continue
        low = pointer[key[row]]
        place = _last_begun(first, low, pointer[key[row] + 1], until[row])
        for spare_idle in (True, False):
            if count[row] == 0:
                count[row] = _collect(
                    row, low, place, since[row], until[row], path, tree, span_pointer, span_first, span_reach,
                    spare_idle, found,
                )  # fmt: skip
