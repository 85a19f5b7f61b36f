"""Flow-log windows and the segments they cover."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import inner_kernel, kernel
from flowstitch.kernels.lifetimes import SECOND, UNKNOWN
from flowstitch.kernels.runs import sort_run

TCP, SYN, ACK = 6, 2, 16
# Columns of what ``lay_out`` puts together of a segment.
FIRST, LAST, HELD, REACH, NUMBER, CLIENT, CLIENT_PORT = range(7)
SPAN = CLIENT_PORT + 1


@inner_kernel
def opens(protocol, tcp_flags):
    """Whether a row has the first packet of a TCP connection, either way's."""
    return protocol == TCP and tcp_flags > 0 and tcp_flags & SYN > 0


@inner_kernel
def begins(protocol, tcp_flags):
    """Whether a row has a SYN and no answer in it: its source opened the connection."""
    return protocol == TCP and tcp_flags > 0 and tcp_flags & (SYN | ACK) == SYN


@kernel
def lay_out(order, pointer, first, last, held, client, client_port, spans):
    """What flow-log rows are compared with, in the place where they look for it: a row touches one cache line of a segment, not seven.

    Parameters
    ----------
    order : shape (segments,), int64, segments of one wire key together, ascending by ``first``.
    pointer : shape (keys + 1,), int64, where those of each key begin there.
    first, last, held : shape (segments,), int64, µs. client, client_port : shape (segments,), source of the tuple of each.
    spans : shape (segments, 7), int64, receives first, last, held, the latest ``last`` of its key so far, the number of the segment and its client.
    """
    for key in range(pointer.shape[0] - 1):
        reach = np.iinfo(np.int64).min
        for place in range(pointer[key], pointer[key + 1]):
            segment = np.uint64(order[place])
            reach = max(reach, last[segment])
            spans[place, FIRST], spans[place, LAST], spans[place, HELD] = (
                first[segment],
                last[segment],
                held[segment],
            )
            spans[place, REACH], spans[place, NUMBER] = reach, segment
            spans[place, CLIENT], spans[place, CLIENT_PORT] = client[segment], client_port[segment]


@inner_kernel
def _cover(begin, end, spans, window_start, window_end, opening, slack, linger, found, behind):
    """Places of [begin, end) that a window covers, the last one first, into ``found`` from ``behind`` on as far as it goes; returns how many."""
    count = 0
    low, high = begin, end
    while low < high:
        middle = (low + high) // 2
        if spans[middle, FIRST] <= window_end + SECOND + slack:
            low = middle + 1
        else:
            high = middle
    at = low - 1
    while at >= begin and spans[at, REACH] >= window_start - slack:
        if spans[at, LAST] >= window_start - slack:
            if behind + count < found.shape[0]:
                found[behind + count] = at
            count += 1
        at -= 1
    if count > 0:
        return count
    best = -1
    best_gap = linger + 1
    for at in (low - 1, low):
        if begin <= at < end:
            first = spans[at, FIRST]
            gap = first - window_end if first > window_end else window_start - spans[at, LAST]
            kept = first <= window_end and window_start <= spans[at, HELD] + slack
            if kept or (gap < best_gap and not opening):
                best, best_gap = at, gap
                if kept:
                    break
    if best < 0:
        return 0
    if behind < found.shape[0]:
        found[behind] = best
    return 1


@kernel
def _turn_round(values, begin, end):
    """``values[begin:end]`` in the opposite order."""
    for place in range((end - begin) // 2):
        one, other = begin + place, end - 1 - place
        values[one], values[other] = values[other], values[one]


@inner_kernel
def _goes_forward(src, src_port, dst, client, client_port):
    if src == dst:
        return max(src_port, 0) == client_port
    return src == client


@kernel
def cover_windows(
    key, usable, window_start, window_end, protocol, tcp_flags, src, src_port, dst, pointer, spans, numbers, first_segment, slack, linger,
    offsets, segment, row, forward, lonely, scratch,
):  # fmt: skip
    """Segments that each flow-log row covers, many to many, and which way it goes.

    A row covers every segment of its wire key that had packets in its window, within ``slack``. A row that covers none
    belongs to the segment whose entry was still held: packets that conntrack does not count, such as repeated SYNs.
    Else, unless it opens a connection, it is what came late for the nearest one, within ``linger``. A row that has no segment by that is a pair
    with none yet.

    Parameters
    ----------
    key : shape (n,), int64, wire key of each row.
    usable : shape (n,), bool, the row is of packets.
    window_start, window_end : shape (n,), int64, µs; the second of the end belongs to the window.
    protocol, tcp_flags, src, src_port, dst : columns of the table ``flows``.
    pointer : shape (keys + 1,), int64, segments of key k stand at [pointer[k], pointer[k + 1]).
    spans : shape (segments, 7), see ``lay_out``.
    numbers : shape (segments, 1), int64, the number of the segment in each place. first_segment : is added to the numbers of segments.
    slack, linger : µs.
    offsets : shape (n + 1,), int64, receives where the pairs of each row begin.
    segment, row, forward : shape (m,), int64, int64 and bool, receive segment, row, and whether it goes the way of the segment's tuple, of as many
        pairs as there is room for; the segments of a row ascend, -1 is none yet.
    lonely : shape (n,), int64, receives the rows without a segment.
    scratch : shape (m,), int64, is overwritten.

    Returns
    -------
    How many pairs there are, and how many lonely rows; where that is more pairs than there is room for, call again with room for so many.
    """
    total = alone = 0
    room = segment.shape[0]
    for at in range(key.shape[0]):
        offsets[at] = total
        if not usable[at]:
            continue
        begin, end = pointer[key[at]], pointer[key[at] + 1]
        count = 0
        if begin < end:
            opening = opens(protocol[at], tcp_flags[at])
            count = _cover(
                begin, end, spans, window_start[at], window_end[at], opening, slack, linger, segment, total
            )
        if count == 0:
            lonely[alone] = at
            alone += 1
            if total < room:
                segment[total], row[total], forward[total] = -1, at, True
            total += 1
            continue
        if total + count <= room:
            if count > 1:
                _turn_round(segment, total, total + count)
                sort_run(segment, total, total + count, numbers, 1, scratch)
            for pair in range(total, total + count):
                place = np.uint64(segment[pair])
                segment[pair], row[pair] = first_segment + spans[place, NUMBER], at
                forward[pair] = _goes_forward(
                    src[at], src_port[at], dst[at], spans[place, CLIENT], spans[place, CLIENT_PORT]
                )
        total += count
    offsets[key.shape[0]] = total
    return total, alone


@kernel
def open_segments(
    order, pointer, protocol, tcp_flags, forward, window_start, window_end, gap, segment, head, last, said
):
    """Cut the rows of each wire key that no conntrack saw into segments: where none is for longer than ``gap``.

    Parameters
    ----------
    order : shape (k,), int64, rows of one wire key together, by ``window_start``. pointer : shape (keys + 1,), where those of each begin there.
    protocol, tcp_flags, window_start, window_end : columns of the table ``flows``. forward : shape (k,), bool, see ``join.keys.Tuples.forward``.
    gap : µs.
    segment : shape (k,), int64, receives the segment of each row, counted from 0.
    head, last : shape (k,), int64, receive by segment its first row and the latest end of a window, µs.
    said : shape (k, 2), int64, receives by segment how many rows have the SYN of who opened it, forward and back.

    Returns
    -------
    How many segments there are.
    """
    count = 0
    for key in range(pointer.shape[0] - 1):
        for place in range(pointer[key], pointer[key + 1]):
            row = np.uint64(order[place])
            if place == pointer[key] or window_start[row] > last[count - 1] + gap:
                head[count], last[count] = row, window_end[row]
                said[count, 0] = said[count, 1] = 0
                count += 1
            segment[row] = count - 1
            last[count - 1] = max(last[count - 1], window_end[row])
            if begins(protocol[row], tcp_flags[row]):
                said[count - 1, 0 if forward[row] else 1] += 1
    return count


@kernel
def settle_lonely(offsets, src, src_port, dst, client, client_port, lonely, own, segment, forward):
    """Give the rows that ``cover_windows`` found no segment for those of their own.

    Parameters
    ----------
    lonely : shape (k,), int64, those rows. own : shape (k,), int64, segment of each, counted from 0.
    offsets, segment, forward, src, src_port, dst : see ``cover_windows``.
    client, client_port : source of the tuple of each of those segments.
    """
    for at in range(lonely.shape[0]):
        row, number = np.uint64(lonely[at]), np.uint64(own[at])
        pair = np.uint64(offsets[row])
        segment[pair] = number
        forward[pair] = _goes_forward(src[row], src_port[row], dst[row], client[number], client_port[number])


@kernel
def drop_pairs(dropped, offsets, segment, row, forward):
    """Take the pairs of some rows, which have one each, out.

    Parameters
    ----------
    dropped : shape (n,), bool, by row. offsets, segment, row, forward : see ``cover_windows``; are set right.

    Returns
    -------
    How many pairs are left.
    """
    total = 0
    for at in range(dropped.shape[0]):
        begin, end = offsets[at], offsets[at + 1]
        offsets[at] = total
        if dropped[at]:
            continue
        for pair in range(begin, end):
            segment[total], row[total], forward[total] = segment[pair], row[pair], forward[pair]
            total += 1
    offsets[dropped.shape[0]] = total
    return total


@kernel
def date_starts(key, protocol, tcp_flags, window_start, pointer, order, exact, first, out):
    """How far the flow logs' clock is ahead of the segments', as the connections tell that are alone on their wire key and whose start is known.

    Parameters
    ----------
    key, window_start, pointer : see ``cover_windows``. protocol, tcp_flags : columns of the table ``flows``.
    order, first : see ``lay_out``. exact : shape (segments,), bool, ``first`` is that of a NEW.
    out : shape (n,), int64, receives from the start of each such connection to the middle of the second in which the window begins that has it, µs.

    Returns
    -------
    How many there are.
    """
    count = 0
    for row in range(key.shape[0]):
        if not begins(protocol[row], tcp_flags[row]):
            continue
        at = pointer[key[row]]
        if pointer[key[row] + 1] - at != 1:
            continue
        segment = np.uint64(order[at])
        if exact[segment] and first[segment] != UNKNOWN:
            out[count] = window_start[row] + SECOND // 2 - first[segment]
            count += 1
    return count


@kernel
def running_maximum(pointer, values, out):
    """Running maximum of ``values`` within each run of ``pointer``, both shape (n,), int64."""
    for run in range(pointer.shape[0] - 1):
        best = np.iinfo(np.int64).min
        for at in range(pointer[run], pointer[run + 1]):
            best = max(best, values[at])
            out[at] = best
