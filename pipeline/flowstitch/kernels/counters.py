"""What the points on the way of each path counted, each compared with the one before it, summed up over paths.

Of each path the view ``path_counters`` says the same in SQL, and where its numbers are from.
"""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import kernel
from flowstitch.kernels.group import find_key
from flowstitch.kernels.lifetimes import SECOND
from flowstitch.kernels.runs import sort_run

# What a row is, by its kind: of a dump of conntrack, an event of it, of a flow log; any other counts nothing.
LISTED, TOLD, LOGGED = 1, 2, 3
# Facts of a path, as bits.
TCP, UNOPENED, AMBIGUOUS, KNOWN_CLIENT = 1, 2, 4, 8
JUDGEMENTS = (
    "agrees", "wrap-around", "double counting", "not whole", "handshake", "segmentation", "loss", "more"
)  # fmt: skip
_AGREES, _WRAPS, _DOUBLE, _NOT_WHOLE, _HANDSHAKE, _SEGMENTS, _LOSS, _MORE = range(len(JUDGEMENTS))
# Columns of what conntrack of a node has of a path as one part of it.
_PART, _NODE, _POSITION, _FORWARD_PACKETS, _FORWARD_BYTES, _RETURN_PACKETS, _RETURN_BYTES = range(7)
# Columns of a flow-log row, the first of which says where it counted; rows that have all but the last in common are the same packets.
_WHERE, _BEGUN, _ENDED, _LEG_PACKETS, _LEG_BYTES, _ROW = range(6)
# A part, a position and the code of an ENI as one number.
_PART_SHIFT, _POSITION_SHIFT, _POSITION_MASK, _ENI_MASK = 40, 32, 255, (1 << 32) - 1
SCRATCH_COLUMNS = 7
# Columns of a point, which the first puts in order; its packets and bytes are those of all rows, of rows that are not the same, and of one ENI.
(
    _ORDER, _POINT_PART, _POINT_NODE, _BY_LOG, _PARTIAL,
    _PACKETS, _BYTES, _ONCE_PACKETS, _ONCE_BYTES, _ONE_PACKETS, _ONE_BYTES,
) = range(11)  # fmt: skip
POINT_COLUMNS = 11
# That is one number: whether it is of the way back, where on it, the rank of the node and that of the part.
_BACK_SHIFT, _PLACE_SHIFT, _NODE_SHIFT, _MIDDLE = 52, 36, 4, 1 << 15
# Words of the key of a sum, and columns of the sums.
KEY_WORDS = 3
SUMS = ("connections", "packets_less", "near_packets", "far_packets", "near_bytes", "far_bytes")
_BITS = np.uint64(8)
# A position counts more than any part.
_STRIDE, _UNKNOWN_CLIENT = 10, 4
_APART = 2 * SECOND
_UNKNOWN, _NEVER = np.iinfo(np.int64).min, np.iinfo(np.int64).max
_TURN, _HALF_TURN = 1 << 32, 1 << 31
# In bytes: the most that a packet is, the least and the most of headers, the least of a full payload.
_LARGEST, _LEAST_HEADER, _MOST_HEADER, _PAYLOAD = 65535, 40, 100, 536


@kernel
def number_paths(ids, path_id, path):
    """Number the path of each row.

    Parameters
    ----------
    ids : shape (paths,), uint64.
    path_id : shape (n,), uint64, path by path as they stand in ``ids``, behind them 0.
    path : shape (n,), int64, receives the place in ``ids``, -1 for 0.

    Returns
    -------
    The most rows that a path has.
    """
    number, longest, begin = 0, 0, 0
    for row in range(path_id.shape[0]):
        path[row] = -1
        if path_id[row] == 0:
            continue
        while number < ids.shape[0] and ids[number] != path_id[row]:
            number += 1
            begin = row
        if number < ids.shape[0]:
            path[row] = number
            longest = max(longest, row + 1 - begin)
    return longest


@kernel
def _plus(total, value):
    """Sum of what is known, -1 where nothing is."""
    if value < 0:
        return total
    return value if total < 0 else total + value


@kernel
def _below(values, begin, end, limit):
    """Place of the first of ``values[begin:end]``, ascending, that is not below a limit."""
    while begin < end:
        middle = (begin + end) // 2
        if values[middle] < limit:
            begin = middle + 1
        else:
            end = middle
    return begin


@kernel
def _lacks(eni, first, last, pointer, starts, ends):
    """Whether records of a time are missing of the flow log of an ENI."""
    begin, end = pointer[eni], pointer[eni + 1]
    if begin == end or first == _UNKNOWN:
        return False
    return _below(starts, begin, end, last) > _below(ends, begin, end, first + 1)


@kernel
def _put_point(
    points, count, back, position, part, node, facts, packets, octets, once_packets, once_bytes,
    places, part_ranks, node_ranks,
):  # fmt: skip
    """Note a point, if it counted; returns how many there are."""
    if packets < 0 or octets < 0:
        return count
    place = places[part]
    if place == 0 and facts & KNOWN_CLIENT == 0:
        place = _UNKNOWN_CLIENT
    place += _STRIDE * position
    place = _MIDDLE - place if back else _MIDDLE + place
    ranks = node_ranks[node] << _NODE_SHIFT | part_ranks[part]
    points[count, _ORDER] = back << _BACK_SHIFT | place << _PLACE_SHIFT | ranks
    points[count, _POINT_PART], points[count, _POINT_NODE] = part, node
    points[count, _BY_LOG] = points[count, _PARTIAL] = 0
    points[count, _PACKETS], points[count, _BYTES] = packets, octets
    points[count, _ONCE_PACKETS] = points[count, _ONE_PACKETS] = once_packets
    points[count, _ONCE_BYTES] = points[count, _ONE_BYTES] = once_bytes
    return count + 1


@kernel
def _take_rows(
    begin, end, kind, part, position, node, eni, packets, octets, reply_packets, reply_bytes, begun, ended,
    forms, places, entries, legs, order,
):  # fmt: skip
    """Put together what conntrack of each node has as one part of a path, and note the flow-log rows; returns how many there are of both."""
    found = logged = at = 0
    for place in range(begin, end):
        row = np.uint64(place)
        form = forms[kind[row]]
        if form == LOGGED and places[part[row]] >= 0:
            leg = np.int64(part[row]) << _PART_SHIFT | np.int64(position[row]) << _POSITION_SHIFT
            legs[logged, _WHERE] = leg | np.int64(eni[row])
            legs[logged, _BEGUN], legs[logged, _ENDED] = begun[row], ended[row]
            legs[logged, _LEG_PACKETS], legs[logged, _LEG_BYTES] = packets[row], octets[row]
            legs[logged, _ROW] = row
            order[logged] = logged
            logged += 1
        if form != LISTED and form != TOLD:
            continue
        # mostly as the row before
        if at == found or entries[at, _PART] != part[row] or entries[at, _NODE] != node[row]:
            at = 0
            while at < found and (entries[at, _PART] != part[row] or entries[at, _NODE] != node[row]):
                at += 1
        if at == found:
            entries[at, _PART], entries[at, _NODE] = part[row], node[row]
            entries[at, _POSITION] = position[row]
            for column in range(_FORWARD_PACKETS, _RETURN_BYTES + 1):
                entries[at, column] = -1
            found += 1
        entries[at, _POSITION] = min(entries[at, _POSITION], position[row])
        # what a list counted was not final
        if form == TOLD and reply_packets[row] >= 0:
            forward = packets[row] - reply_packets[row]
            entries[at, _FORWARD_PACKETS] = max(entries[at, _FORWARD_PACKETS], forward)
            entries[at, _RETURN_PACKETS] = max(entries[at, _RETURN_PACKETS], reply_packets[row])
        if form == TOLD and reply_bytes[row] >= 0:
            forward = octets[row] - reply_bytes[row]
            entries[at, _FORWARD_BYTES] = max(entries[at, _FORWARD_BYTES], forward)
            entries[at, _RETURN_BYTES] = max(entries[at, _RETURN_BYTES], reply_bytes[row])
    return found, logged


@kernel
def _put_entries(found, facts, entries, places, part_ranks, node_ranks, points):
    """Points of conntrack, one each way; returns how many counted."""
    count = 0
    for at in range(found):
        for back in range(2):
            packets, octets = entries[at, _FORWARD_PACKETS + 2 * back], entries[at, _FORWARD_BYTES + 2 * back]
            count = _put_point(
                points, count, back, entries[at, _POSITION], entries[at, _PART], entries[at, _NODE], facts,
                packets, octets, packets, octets, places, part_ranks, node_ranks,
            )  # fmt: skip
    return count


@kernel
def _differ(legs, row, other):
    """Whether two flow-log rows are not the same packets."""
    for column in range(_ROW):
        if legs[row, column] != legs[other, column]:
            return True
    return False


@kernel
def _put_leg(
    head, tail, count, facts, first, last, node, shared_by,
    places, backs, part_ranks, node_ranks, pointer, starts, ends, legs, order, points,
):  # fmt: skip
    """Note what the rows ``order[head:tail]``, those of one leg, counted; returns how many points there are."""
    packets = octets = once_packets = once_bytes = one_packets = one_bytes = -1
    eni_packets = eni_bytes = -1
    since, until, owner = _NEVER, _UNKNOWN, 0
    shared = lacking = by_log = False
    for at in range(head, tail):
        leg = np.uint64(order[at])
        row = np.uint64(legs[leg, _ROW])
        if at == head or legs[leg, _WHERE] != legs[order[at - 1], _WHERE]:
            eni_packets = eni_bytes = -1
            eni = legs[leg, _WHERE] & _ENI_MASK
            by_log |= eni > 0
            lacking |= _lacks(eni, first, last, pointer, starts, ends)
        counted, carried = legs[leg, _LEG_PACKETS], legs[leg, _LEG_BYTES]
        packets, octets = _plus(packets, counted), _plus(octets, carried)
        if at == head or _differ(legs, leg, order[at - 1]):
            once_packets, once_bytes = _plus(once_packets, counted), _plus(once_bytes, carried)
            eni_packets, eni_bytes = _plus(eni_packets, counted), _plus(eni_bytes, carried)
            one_packets, one_bytes = max(one_packets, eni_packets), max(one_bytes, eni_bytes)
        shared |= shared_by[row] > 1
        if node_ranks[node[row]] < node_ranks[owner]:
            owner = node[row]
        if legs[leg, _BEGUN] != _UNKNOWN:
            since = min(since, legs[leg, _BEGUN])
        until = max(until, legs[leg, _ENDED])
    if shared:
        return count
    where = legs[order[head], _WHERE]
    part = where >> _PART_SHIFT
    after = _put_point(
        points, count, backs[part], where >> _POSITION_SHIFT & _POSITION_MASK, part, owner, facts,
        packets, octets, once_packets, once_bytes, places, part_ranks, node_ranks,
    )  # fmt: skip
    if after > count:
        late = since != _NEVER and first != _UNKNOWN and since > first + _APART
        early = until != _UNKNOWN and last != _UNKNOWN and until < last - _APART
        points[count, _BY_LOG], points[count, _PARTIAL] = by_log, lacking or late or early
        points[count, _ONE_PACKETS], points[count, _ONE_BYTES] = one_packets, one_bytes
    return after


@kernel
def _put_legs(
    found, count, facts, first, last, node, shared_by,
    places, backs, part_ranks, node_ranks, pointer, starts, ends, legs, order, scratch, points,
):  # fmt: skip
    """Points of flow logs, behind ``count`` others; returns how many there are with them."""
    sort_run(order, 0, found, legs, _ROW, scratch)
    head = 0
    while head < found:
        tail = head + 1
        leg = legs[order[head], _WHERE] >> _POSITION_SHIFT
        while tail < found and legs[order[tail], _WHERE] >> _POSITION_SHIFT == leg:
            tail += 1
        count = _put_leg(
            head, tail, count, facts, first, last, node, shared_by,
            places, backs, part_ranks, node_ranks, pointer, starts, ends, legs, order, points,
        )  # fmt: skip
        head = tail
    return count


@kernel
def _judge(points, near, far, facts):
    """What the view says of a point and the one before it."""
    packets, octets = points[far, _PACKETS], points[far, _BYTES]
    near_packets, near_bytes = points[near, _ONCE_PACKETS], points[near, _ONCE_BYTES]
    less, bytes_less = near_packets - packets, near_bytes - octets
    same_as_one = packets == points[near, _ONE_PACKETS] and octets == points[near, _ONE_BYTES]
    if (less == 0 and bytes_less == 0) or same_as_one:
        return _AGREES
    if less % _TURN == 0 and bytes_less % _TURN == 0:
        return _WRAPS
    if abs(bytes_less) >= _HALF_TURN and abs(bytes_less) > _LARGEST * abs(less):
        return _WRAPS
    one_packets, one_bytes = points[far, _ONE_PACKETS], points[far, _ONE_BYTES]
    once = points[far, _ONCE_PACKETS] == near_packets and points[far, _ONCE_BYTES] == near_bytes
    if (packets != one_packets or octets != one_bytes) and (
        once or (one_packets == near_packets and one_bytes == near_bytes)
    ):
        return _DOUBLE
    if points[near, _PARTIAL] or points[far, _PARTIAL]:
        return _NOT_WHOLE
    least = min(packets, near_packets)
    if facts & UNOPENED and points[near, _BY_LOG] != points[far, _BY_LOG] and least > 0:
        return _HANDSHAKE
    if facts & TCP and less != 0:
        carried = bytes_less if less > 0 else -bytes_less
        headers = _LEAST_HEADER * abs(less) <= carried <= _MOST_HEADER * abs(less)
        if headers and min(octets, near_bytes) - _MOST_HEADER * least >= _PAYLOAD * abs(less):
            return _SEGMENTS
    return _LOSS if less > 0 or bytes_less > 0 else _MORE


@kernel
def _add_pairs(points, order, count, facts, found, slots, keys, sums):
    """Add up points that follow each other the same way, which stand in order; returns how many keys there are."""
    for at in range(1, count):
        near, far = np.uint64(order[at - 1]), np.uint64(order[at])
        back = points[far, _ORDER] >> _BACK_SHIFT
        if points[near, _ORDER] >> _BACK_SHIFT != back:
            continue
        key = np.uint64(back) << _BITS | np.uint64(points[near, _POINT_PART])
        key = key << _BITS | np.uint64(points[far, _POINT_PART])
        key = key << _BITS | np.uint64(_judge(points, near, far, facts))
        nodes = np.uint64(points[near, _POINT_NODE]), np.uint64(points[far, _POINT_NODE])
        place = find_key(keys, found, slots, (key, nodes[0], nodes[1]))
        if place == found:
            sums[found] = 0
            found += 1
        sums[place, 0] += 1
        sums[place, 1] += points[near, _ONCE_PACKETS] - points[far, _PACKETS]
        sums[place, 2] += points[near, _PACKETS]
        sums[place, 3] += points[far, _PACKETS]
        sums[place, 4] += points[near, _BYTES]
        sums[place, 5] += points[far, _BYTES]
    return found


@kernel
def sum_pairs(
    path, first, last, facts,
    kind, part, position, node, eni, packets, octets, reply_packets, reply_bytes, begun, ended, shared_by,
    forms, places, backs, part_ranks, node_ranks, pointer, starts, ends,
    entries, legs, points, order, scratch, slots, keys, sums,
):  # fmt: skip
    """Sums over paths of points that follow each other on the way.

    Parameters
    ----------
    path : shape (n,), int64, of each row, ascending; -1 where it is on none, which may stand anywhere.
    first, last : shape (paths,), int64, µs. facts : shape (paths,), uint8, bits: ``TCP``, ``UNOPENED``, ``AMBIGUOUS``, ``KNOWN_CLIENT``.
    kind, part, position, node, eni, packets, octets, reply_packets, reply_bytes, begun, ended, shared_by : shape (n,), of table ``observations``.
    forms : by name code of a kind, ``LISTED``, ``TOLD`` or ``LOGGED``; 0 is any other.
    places, backs, part_ranks : by code of a part, int64, where on the way it is, -1 where it is not on it; whether it is of the way back; its order by its word.
    node_ranks : by name code, int64, order of names by their words, the greatest for null; less than 2^32.
    pointer : shape (names + 1,), int64, windows of which an ENI's log lacks records stand at [pointer[code], pointer[code + 1]).
    starts, ends : shape (windows,), int64, µs, those of an ENI ascending, each by itself.
    entries, legs : shape (m, ``SCRATCH_COLUMNS``), points : shape (2 m, ``POINT_COLUMNS``), order, scratch : shape (2 m,), int64, overwritten;
        m is the most rows that a path has.
    slots : free for all pairs that can be, see ``find_key``.
    keys : shape (pairs, ``KEY_WORDS``), uint64, receives way back, near part, far part and judgement, 8 bits each; near node; far node.
    sums : shape (pairs, 6), int64, receives ``SUMS``.

    Returns
    -------
    How many keys there are.
    """
    found = begin = 0
    while begin < path.shape[0]:
        number = path[begin]
        end = begin + 1
        while end < path.shape[0] and path[end] == number:
            end += 1
        if number >= 0 and facts[number] & AMBIGUOUS == 0:
            entered, logged = _take_rows(
                begin, end, kind, part, position, node, eni, packets, octets, reply_packets, reply_bytes, begun, ended,
                forms, places, entries, legs, order,
            )  # fmt: skip
            count = _put_entries(entered, facts[number], entries, places, part_ranks, node_ranks, points)
            count = _put_legs(
                logged, count, facts[number], first[number], last[number], node, shared_by,
                places, backs, part_ranks, node_ranks, pointer, starts, ends, legs, order, scratch, points,
            )  # fmt: skip
            for point in range(count):
                order[point] = point
            sort_run(order, 0, count, points, _ORDER + 1, scratch)
            found = _add_pairs(points, order, count, facts[number], found, slots, keys, sums)
        begin = end
    return found
