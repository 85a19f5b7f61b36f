"""Rows of one conntrack tuple on one node, cut into the lifetimes of the entries that had it."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import inner_kernel, kernel

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
def _find_open(kind, seen, lived, conntrack_id, count, start_lo, start_hi, ids, opened, left):
    """Place in ``opened`` of the newest lifetime that an UPDATE or DESTROY fits, an older one only by its id; -1 if none.

    Of several with one id a DESTROY ends the one whose age it tells best: a NEW can overtake the DESTROY of the entry before it.
    """
    best = -1
    least = np.int64(0)
    for place in range(left - 1, -1, -1):
        number = opened[place]
        if _ids_differ(ids[number], conntrack_id):
            continue
        if number < count - 1 and (ids[number] == 0 or conntrack_id == 0):
            continue
        exact = start_lo[number] == start_hi[number]
        if kind != DESTROY:
            return place
        miss = _destroy_miss(seen, lived, start_lo[number]) if exact else 0
        if miss >= 0 and (best < 0 or miss < least):
            best = place
            least = miss
    return best


@inner_kernel
def row_times(event, seen, start, lived, late):
    """When the kernel wrote a row, and the bounds of its entry's start that the row tells by itself, µs.

    ``[start=]`` + delta-time is the kernel's own word in a dump, both cut to the second, so a row is within two seconds from
    their sum; another row of a dump is as late as its source. delta-time counts to the row's instant, in a DESTROY to the
    expiry, which can be long before the row.

    Parameters
    ----------
    seen, start : stamp of the row and ``[start=]`` in µs, the smallest int64 if unknown.
    lived : delta-time in seconds, -1 if unknown.
    late : how late the stamps of the row's source are, µs.

    Returns
    -------
    When the row was written, the earliest that it can have been, and the bounds of the start, the smallest int64 where the row does not tell.
    """
    at = before = seen
    if event == LIST and start != UNKNOWN and lived >= 0:
        # XML has starts finer than a second
        before = (start // SECOND + lived) * SECOND
        at = min(max(seen, before), before + 2 * SECOND)
    elif event == LIST and seen != UNKNOWN:
        at = before = seen - late
    low = high = UNKNOWN
    if at != UNKNOWN and lived >= 0:
        high = at - lived * SECOND
        if event != DESTROY:
            low = high - SECOND
    if start != UNKNOWN:
        low = max(low, start)
        high = start + SECOND if high == UNKNOWN else min(high, start + SECOND)
    return at, before, min(low, high), high


@kernel
def row_instants(event, seen, start, lived, source, late, out):
    """When the kernel wrote each row, µs, see ``row_times``.

    Parameters
    ----------
    event : shape (n,), uint8. seen, start, lived : shape (n,), int64. source : shape (n,), uint32, name code.
    late : shape (names,), int64, by name code of a source.
    out : shape (n,), int64, receives the times.
    """
    for row in range(event.shape[0]):
        out[row] = row_times(event[row], seen[row], start[row], lived[row], late[source[row]])[0]


@kernel
def split_lifetimes(
    order, pointer, event, seen, start, lived, source, late, conntrack_id, entry, start_lo, start_hi, ids, ends, opened
):  # fmt: skip
    """Number the lifetimes and give each row the number of its own.

    Events are taken in order: NEW opens a lifetime, DESTROY closes it; an UPDATE or DESTROY belongs to the newest open
    lifetime that it fits, or by its id to an older one (the next NEW can overtake a DESTROY, whose delta-time then tells); one that fits none (another
    id, an age that contradicts the start) shows that a NEW was lost and opens a lifetime. Then each
    row of a list goes to the lifetime of its tuple whose start and span it agrees with best.

    Parameters
    ----------
    order : shape (n,), int64, rows of one tuple of one node together, by the time at which the kernel wrote them.
    pointer : shape (tuples + 1,), int64, where the rows of each tuple begin there.
    event, seen, start, lived, source, late : by row, see ``row_instants``; 1 list, 2 new, 3 update, 4 destroy.
    conntrack_id : shape (n,), uint64, 0 if unknown.
    entry : shape (n,), int64, receives the lifetime of each row.
    start_lo, start_hi, ends : shape (n,), int64, receive bounds of the start and time of the DESTROY by lifetime, µs.
    ids : shape (n,), uint64, receives the conntrack id.
    opened : shape (n,), int64, is overwritten: the lifetimes of a tuple that no DESTROY has ended yet.

    Returns
    -------
    How many lifetimes there are; the lifetimes of a tuple are numbered together.
    """
    count = 0
    for group in range(pointer.shape[0] - 1):
        begin = count
        left = 0
        for place in range(pointer[group], pointer[group + 1]):
            row = np.uint64(order[place])
            kind = event[row]
            if kind == LIST:
                continue
            at, _, lo, hi = row_times(kind, seen[row], start[row], lived[row], late[source[row]])
            found = -1
            if kind != NEW:
                found = _find_open(
                    kind, at, lived[row], conntrack_id[row], count, start_lo, start_hi, ids, opened, left
                )
            if found < 0:
                if kind == NEW:
                    lo = hi = at
                _open(at, count, start_lo, start_hi, ids, ends, lo, hi, conntrack_id[row])
                found = left
                opened[left] = count
                left += 1
                count += 1
            number = opened[found]
            entry[row] = number
            if ids[number] == 0:
                ids[number] = conntrack_id[row]
            if kind == DESTROY:
                ends[number] = at
            if ends[number] != UNKNOWN:
                left -= 1
                for later in range(found, left):
                    opened[later] = opened[later + 1]
        for place in range(pointer[group], pointer[group + 1]):
            row = np.uint64(order[place])
            if event[row] != LIST:
                continue
            at, _, lo, hi = row_times(LIST, seen[row], start[row], lived[row], late[source[row]])
            best = -1
            best_gap = np.int64(0)
            for number in range(begin, count):
                gap = start_gap(start_lo[number], start_hi[number], lo, hi)
                gap += start_gap(at, at, start_lo[number], ends[number])
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
                _open(at, best, start_lo, start_hi, ids, ends, lo, hi, conntrack_id[row])
            elif start_lo[best] != start_hi[best] or start_lo[best] == UNKNOWN:
                if lo != UNKNOWN and (start_lo[best] == UNKNOWN or lo > start_lo[best]):
                    start_lo[best] = min(lo, start_hi[best])
                if hi != UNKNOWN and hi < start_hi[best]:
                    start_hi[best] = max(hi, start_lo[best])
            entry[row] = best
            if ids[best] == 0:
                ids[best] = conntrack_id[row]
    return count


@inner_kernel
def _last_packet(kind, seen, lived, full_s, left_s, start):
    """Last packet that a row tells of, µs, the smallest int64 if it does not, see ``summarize_entries``."""
    last = UNKNOWN
    if kind == NEW or kind == UPDATE:
        last = seen
    elif full_s >= 0 and seen != UNKNOWN:
        left = max(left_s, 0)
        if kind == LIST and left_s >= 0:
            last = seen - (full_s - left) * SECOND
        elif kind == DESTROY and start != UNKNOWN and lived >= 0:
            last = start + (lived - full_s + left) * SECOND
        elif kind == DESTROY:
            last = seen - (full_s - left) * SECOND
    if last != UNKNOWN and seen != UNKNOWN and last > seen:
        last = seen
    return last


@kernel
def summarize_entries(
    order, entry, event, seen, start, lived, source, late, state, replied, assured, timeout_s, case, full_timeout_s,
    orig_packets, orig_bytes, reply_packets, reply_bytes,
    start_lo, start_hi, first, last, surely, held, final, states, was_replied, was_assured, kinds, counters,
):  # fmt: skip
    """What the rows of each lifetime say together.

    The last packet is the latest of: a NEW or UPDATE (each is caused by a packet); for a list, the dump's time less
    what has run of the state's timeout; for a DESTROY, start + delta-time less that timeout, since the kernel
    sets the stop of an entry that it collects late back to its expiry. An entry that no NEW told of began by its last packet at the latest.

    Parameters
    ----------
    order, event, seen, start, lived, source, late : see ``split_lifetimes``. entry : shape (n,), int64, lifetime of each row.
    state, replied, assured, timeout_s, orig_packets, … reply_bytes : by row, as in the conntrack table.
    case : shape (n,), int64, by row, what decides its timeout.
    full_timeout_s : shape (cases,), int64, timeout of a row's protocol and state on its node, -1 if unknown.
    start_lo, start_hi : shape (entries,), int64, bounds of the start, µs, as ``split_lifetimes`` leaves them; are set straight.
    first : shape (entries,), int64, all -1, receives the first row of each.
    last, surely, held : shape (entries,), int64, receive the last packet; the same without what only the time of a DESTROY tells, which can be a
        collection's lateness above it; until when the entry was held; µs.
    final : shape (entries,), uint8, receives the last state. states, kinds : int32 and uint8, receive states seen and kinds of row as bits.
    was_replied, was_assured : shape (entries,), bool.
    counters : shape (entries, 4), int64, receives the latest counters, -1 if none.
    """
    for place in range(order.shape[0]):
        row = np.uint64(order[place])
        number = np.uint64(entry[row])
        kind = event[row]
        begun = start_lo[number] if start_lo[number] == start_hi[number] else UNKNOWN
        if first[number] < 0:
            first[number] = row
            last[number] = surely[number] = begun
            held[number] = UNKNOWN
            final[number] = kinds[number] = 0
            states[number] = 0
            was_replied[number] = was_assured[number] = False
            counters[number] = -1
        _, at, _, _ = row_times(kind, seen[row], start[row], lived[row], late[source[row]])
        full = full_timeout_s[case[row]]
        told = _last_packet(kind, at, lived[row], full, timeout_s[row], begun)
        last[number] = max(last[number], told)
        if kind != DESTROY or (begun != UNKNOWN and lived[row] >= 0):
            surely[number] = max(surely[number], told)
        if state[row] != 0:
            final[number] = state[row]
            states[number] |= 1 << state[row]
        if replied[row] == 1:
            was_replied[number] = True
        if assured[row] == 1:
            was_assured[number] = True
        kinds[number] |= 1 << kind
        if kind == DESTROY:
            held[number] = at
        elif at != UNKNOWN:
            held[number] = max(held[number], at + max(timeout_s[row], 0) * SECOND)
        if orig_packets[row] >= 0:
            counters[number, 0] = orig_packets[row]
            counters[number, 1] = orig_bytes[row]
            counters[number, 2] = reply_packets[row]
            counters[number, 3] = reply_bytes[row]
    for number in range(first.shape[0]):
        told = last[number]
        last[number] = max(told, start_lo[number])
        held[number] = max(held[number], last[number])
        if start_lo[number] != start_hi[number] and told != UNKNOWN:
            start_hi[number] = min(start_hi[number], told)
        start_lo[number] = min(start_lo[number], start_hi[number])
