"""Rows of one conntrack tuple on one node, cut into the lifetimes of the entries that had it."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import kernel

LIST, NEW, UPDATE, DESTROY = 1, 2, 3, 4
UNKNOWN = np.iinfo(np.int64).min
SECOND = 1_000_000
# Readers stamp events late and a dump's stamp is not the instant of each row: measured 0.1 s at the 95th percentile.
SLACK = 1_500_000
# The stamp of a dump can be this far from its rows (measured: 11 s on a loaded host) where the id vouches for them.
SAME_ID_SLACK = 60 * SECOND
# The kernel collects expired entries lazily and sets their stop back to the expiry (nf_conntrack_core.c,
# nf_ct_delete), so a DESTROY can come this long after the end that its delta-time tells of.
COLLECTED_WITHIN = 300 * SECOND


@kernel
def _ids_differ(left, right):
    return left != 0 and right != 0 and left != right


@kernel
def _destroy_miss(seen, lived, start):
    """How far a DESTROY is from the second after the start and its age (delta-time is cut), -1 if it cannot be of it."""
    if lived < 0 or start == UNKNOWN or seen == UNKNOWN:
        return 0
    gap = seen - lived * SECOND - start
    if gap < -SLACK or gap > COLLECTED_WITHIN:
        return -1
    return max(0, -gap, gap - SECOND)


@kernel
def start_gap(lo, hi, other_lo, other_hi):
    """Distance of two intervals, 0 where they overlap; an unknown bound is open."""
    gap = np.int64(0)
    if lo != UNKNOWN and other_hi != UNKNOWN:
        gap = max(gap, lo - other_hi)
    if hi != UNKNOWN and other_lo != UNKNOWN:
        gap = max(gap, other_lo - hi)
    return gap


@kernel
def _list_fits(gap, known_id, conntrack_id):
    if known_id != 0 and conntrack_id != 0:
        return known_id == conntrack_id and gap <= SAME_ID_SLACK
    return gap <= SLACK


@kernel
def _surer(start_lo, start_hi, one, other):
    """Whether of two lifetimes that a row fits as well the first is meant: a known start says more than an open bound, then the newer."""
    known = start_lo[one] == start_hi[one]
    if known != (start_lo[other] == start_hi[other]):
        return known
    return start_hi[one] > start_hi[other]


@kernel
def _open(seen, number, start_lo, start_hi, ids, ends, lo, hi, conntrack_id):
    start_lo[number] = lo
    start_hi[number] = hi if hi != UNKNOWN else seen
    ids[number] = conntrack_id
    ends[number] = UNKNOWN


@kernel
def _find_open(kind, seen, lived, conntrack_id, begin, count, start_lo, start_hi, ids, ends):
    """The newest lifetime that an UPDATE or DESTROY fits, an older one only by its id; -1 if none.

    Of several with one id a DESTROY ends the one whose age it tells best: a NEW can overtake the DESTROY of the entry before it.
    """
    best = -1
    least = np.int64(0)
    for number in range(count - 1, begin - 1, -1):
        if ends[number] != UNKNOWN or _ids_differ(ids[number], conntrack_id):
            continue
        if number < count - 1 and (ids[number] == 0 or conntrack_id == 0):
            continue
        exact = start_lo[number] == start_hi[number]
        if kind != DESTROY:
            return number
        miss = _destroy_miss(seen, lived, start_lo[number]) if exact else 0
        if miss >= 0 and (best < 0 or miss < least):
            best = number
            least = miss
    return best


@kernel
def row_times(event, seen, start, lived, source, late, instant, earliest, lo, hi):
    """When the kernel wrote each row, and the bounds of its entry's start that the row tells by itself, µs.

    ``[start=]`` + delta-time is the kernel's own word in a dump, both cut to the second, so a row is within two seconds from
    their sum; another row of a dump is as late as its source. delta-time counts to the row's instant, in a DESTROY to the
    expiry, which can be long before the row.

    Parameters
    ----------
    event : shape (n,), uint8. seen, start : shape (n,), int64, stamp of the row and ``[start=]`` in µs, the smallest int64 if unknown.
    lived : shape (n,), int64, delta-time in seconds, -1 if unknown. source : shape (n,), uint32, name code.
    late : shape (names,), int64, how late the stamps of a source are, µs.
    instant, earliest : shape (n,), int64, receive when the row was written, and the earliest that it can have been.
    lo, hi : shape (n,), int64, receive the bounds of the start, the smallest int64 where the row does not tell.
    """
    for row in range(event.shape[0]):
        at, began, age = seen[row], start[row], lived[row]
        before = at
        if event[row] == LIST and began != UNKNOWN and age >= 0:
            # XML has starts finer than a second
            before = (began // SECOND + age) * SECOND
            at = min(max(at, before), before + 2 * SECOND)
        elif event[row] == LIST and at != UNKNOWN:
            at -= late[source[row]]
            before = at
        instant[row], earliest[row] = at, before
        low = high = UNKNOWN
        if at != UNKNOWN and age >= 0:
            high = at - age * SECOND
            if event[row] != DESTROY:
                low = high - SECOND
        if began != UNKNOWN:
            low = max(low, began)
            high = began + SECOND if high == UNKNOWN else min(high, began + SECOND)
        lo[row], hi[row] = min(low, high), high


@kernel
def split_lifetimes(group, event, seen, conntrack_id, lived, lo, hi, entry, start_lo, start_hi, ids, ends):
    """Number the lifetimes and give each row the number of its own.

    Events are taken in order: NEW opens a lifetime, DESTROY closes it; an UPDATE or DESTROY belongs to the newest open
    lifetime that it fits, or by its id to an older one (the next NEW can overtake a DESTROY, whose delta-time then tells); one that fits none (another
    id, an age that contradicts the start) shows that a NEW was lost and opens a lifetime. Then each
    row of a list goes to the lifetime of its tuple whose start and span it agrees with best.

    Parameters
    ----------
    group : shape (n,), int64, rows of one tuple of one node together, ascending.
    event : shape (n,), uint8, 1 list, 2 new, 3 update, 4 destroy.
    seen : shape (n,), int64, time of the row in µs, ascending within a group; the smallest int64 if unknown.
    conntrack_id : shape (n,), uint64, 0 if unknown.
    lived : shape (n,), int64, delta-time in seconds, -1 if unknown.
    lo, hi : shape (n,), int64, bounds of the start that the row itself tells, µs; the smallest int64 if unknown.
    entry : shape (n,), int64, receives the lifetime of each row.
    start_lo, start_hi, ends : shape (n,), int64, receive bounds of the start and time of the DESTROY, µs.
    ids : shape (n,), uint64, receives the conntrack id.

    Returns
    -------
    How many lifetimes there are; the lifetimes of a group are numbered together.
    """
    count = 0
    first = 0
    rows = group.shape[0]
    while first < rows:
        last = first
        while last < rows and group[last] == group[first]:
            last += 1
        begin = count
        for row in range(first, last):
            kind = event[row]
            if kind == LIST:
                continue
            number = -1
            if kind != NEW:
                number = _find_open(
                    kind,
                    seen[row],
                    lived[row],
                    conntrack_id[row],
                    begin,
                    count,
                    start_lo,
                    start_hi,
                    ids,
                    ends,
                )
            if number < 0:
                number = count
                count += 1
                first_lo = seen[row] if kind == NEW else lo[row]
                first_hi = seen[row] if kind == NEW else hi[row]
                _open(seen[row], number, start_lo, start_hi, ids, ends, first_lo, first_hi, conntrack_id[row])
            entry[row] = number
            if ids[number] == 0:
                ids[number] = conntrack_id[row]
            if kind == DESTROY:
                ends[number] = seen[row]
        for row in range(first, last):
            if event[row] != LIST:
                continue
            best = -1
            best_gap = np.int64(0)
            for number in range(begin, count):
                gap = start_gap(start_lo[number], start_hi[number], lo[row], hi[row])
                gap += start_gap(seen[row], seen[row], start_lo[number], ends[number])
                if not _list_fits(gap, ids[number], conntrack_id[row]):
                    continue
                if (
                    best < 0
                    or gap < best_gap
                    or (gap == best_gap and _surer(start_lo, start_hi, number, best))
                ):
                    best = number
                    best_gap = gap
            if best < 0:
                best = count
                count += 1
                _open(seen[row], best, start_lo, start_hi, ids, ends, lo[row], hi[row], conntrack_id[row])
            elif start_lo[best] != start_hi[best] or start_lo[best] == UNKNOWN:
                if lo[row] != UNKNOWN and (start_lo[best] == UNKNOWN or lo[row] > start_lo[best]):
                    start_lo[best] = min(lo[row], start_hi[best])
                if hi[row] != UNKNOWN and hi[row] < start_hi[best]:
                    start_hi[best] = max(hi[row], start_lo[best])
            entry[row] = best
            if ids[best] == 0:
                ids[best] = conntrack_id[row]
        first = last
    return count


@kernel
def summarize_entries(
    order, entry, event, seen, state, replied, assured, timeout_s, full_timeout_s, lived,
    orig_packets, orig_bytes, reply_packets, reply_bytes, start, out, counters,
):  # fmt: skip
    """What the rows of each lifetime say together.

    The last packet is the latest of: a NEW or UPDATE (each is caused by a packet); for a list, the dump's time less
    what has run of the state's timeout; for a DESTROY, start + delta-time less that timeout, since the kernel
    sets the stop of an entry that it collects late back to its expiry.

    Parameters
    ----------
    order : shape (n,), int64, rows by (entry, time).
    entry, event, seen, state, replied, assured, timeout_s, lived : by row, as in the conntrack table.
    full_timeout_s : shape (n,), int64, timeout of the row's protocol and state on its node, -1 if unknown.
    orig_packets, orig_bytes, reply_packets, reply_bytes : shape (n,), int64, -1 if not counted.
    start : shape (entries,), int64, start of each lifetime in µs, the smallest int64 if unknown.
    out : shape (entries, 8), int64, receives last packet in µs, last state, replied (0, 1), assured (0, 1),
        states seen as bits (1 << state), what was seen as bits (1 << event), until when the entry was held in µs,
        and the last packet without what only the time of a DESTROY tells, which can be a collection's lateness above it.
    counters : shape (entries, 4), int64, receives the latest counters, -1 if none.
    """
    out[:, 0] = UNKNOWN
    out[:, 1:6] = 0
    out[:, 6:8] = UNKNOWN
    counters[:] = -1
    for place in range(order.shape[0]):
        row = order[place]
        number = entry[row]
        kind = event[row]
        last = UNKNOWN
        certain = True
        full = full_timeout_s[row]
        left = max(timeout_s[row], 0)
        if kind == NEW or kind == UPDATE:
            last = seen[row]
        elif full >= 0 and seen[row] != UNKNOWN:
            if kind == LIST and timeout_s[row] >= 0:
                last = seen[row] - (full - left) * SECOND
            elif kind == DESTROY and start[number] != UNKNOWN and lived[row] >= 0:
                last = start[number] + (lived[row] - full + left) * SECOND
            elif kind == DESTROY:
                last = seen[row] - (full - left) * SECOND
                certain = False
        if last != UNKNOWN and seen[row] != UNKNOWN and last > seen[row]:
            last = seen[row]
        out[number, 0] = max(out[number, 0], last)
        if certain:
            out[number, 7] = max(out[number, 7], last)
        if start[number] != UNKNOWN:
            out[number, 0] = max(out[number, 0], start[number])
            out[number, 7] = max(out[number, 7], start[number])
        if state[row] != 0:
            out[number, 1] = state[row]
            out[number, 4] |= np.int64(1) << np.int64(state[row])
        if replied[row] == 1:
            out[number, 2] = 1
        if assured[row] == 1:
            out[number, 3] = 1
        out[number, 5] |= np.int64(1) << np.int64(kind)
        if kind == DESTROY:
            out[number, 6] = seen[row]
        elif seen[row] != UNKNOWN:
            out[number, 6] = max(out[number, 6], seen[row] + left * SECOND)
        if orig_packets[row] >= 0:
            counters[number, 0] = orig_packets[row]
            counters[number, 1] = orig_bytes[row]
            counters[number, 2] = reply_packets[row]
            counters[number, 3] = reply_bytes[row]
