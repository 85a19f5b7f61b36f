"""Flow-log rows to the segments they cover; what no conntrack saw becomes segments of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog import field
from flowstitch.catalog.protocols import protocols_with
from flowstitch.join.buckets import drained, wire_buckets
from flowstitch.join.clocks import flow_log_offset
from flowstitch.join.keys import Tuples, number_wires
from flowstitch.join.segments import Segments, concat_segments
from flowstitch.kernels.lifetimes import SECOND, UNKNOWN
from flowstitch.kernels.runs import by_run
from flowstitch.kernels.windows import cover_windows, running_maximum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowstitch.arrays import Columns, Flags, Ints
    from flowstitch.join.buckets import Buckets, Workers


# Flow logs and nodes have clocks of their own, and flow logs count in whole seconds.
SLACK = 2 * SECOND
# A row without SYN that comes after the entry ended belongs to it: late FIN, RST and retransmissions.
LINGER = 120 * SECOND
# Rows of one wire key that are further apart are different connections.
GAP = 300 * SECOND
TCP, SYN, ACK = 6, 2, 16
ICMP_ONE_WAY, HIDDEN = 3, 4


@dataclass(frozen=True)
class Windows:
    """Flow-log rows on segments, many to many.

    Attributes
    ----------
    offsets : shape (rows + 1,), where the pairs of each row begin.
    segment : shape (pairs,), segment of each pair.
    row : shape (pairs,), flow-log row of each pair.
    forward : shape (pairs,), bool, the row goes the way of the segment's tuple.
    reason : shape (rows,), why a row has no segment, an index into ``REASONS``; 0 where it has.
    """

    offsets: Ints
    segment: Ints
    row: Ints
    forward: Flags
    reason: Ints


REASONS = (
    "",
    "no traffic in the window",
    "records of the window are missing",
    "ICMP one way: an error, not a connection",
    "the log names the ENI's address, not the packet's",
)


def flow_tuples(flows: Columns) -> Tuples:
    """Tuples of flow-log rows as they go over the wire."""
    ports = [flows[name].clip(0).astype(np.int64) for name in ("src_port", "dst_port")]
    source, target = flows["src_ip"].astype(np.int64), flows["dst_ip"].astype(np.int64)
    protocol = flows["protocol_number"].clip(0).astype(np.int64)
    return Tuples(protocol, source, ports[0], target, ports[1], np.zeros_like(source))


def flow_buckets(flows: Columns, bits: int) -> Buckets:
    """Buckets of the rows of the table ``flows``, see ``wire_buckets``."""
    ends = [flows[name] for name in ("protocol_number", "src_ip", "src_port", "dst_ip", "dst_port")]
    return wire_buckets(ends, np.zeros(ends[0].shape[0], np.uint32), bits)


class Covered:
    """Flow-log rows of a bucket, and the segments that conntrack saw there."""

    def __init__(self, flows: Columns, segments: Segments) -> None:
        """Number the wire keys of both.

        Parameters
        ----------
        flows : columns of the table ``flows``. segments : what conntrack saw.
        """
        self._flows, self._segments = flows, segments
        tuples, known = flow_tuples(flows), len(segments)
        key, self._keys = number_wires(segments.tuples, tuples, logged=True)
        self._segment_key, self._key = key[:known], key[known:]
        self._begins = _begins(flows, tuples)

    def clock_samples(self) -> Ints:
        """How far the flow logs' clock is ahead of the segments', µs, as each connection tells it that is alone on its wire key."""
        segment_of = np.full(self._keys, -1, np.int64)
        segment_of[self._segment_key] = np.arange(self._segment_key.shape[0])
        lone = np.bincount(self._segment_key, minlength=self._keys) == 1
        rows = np.flatnonzero(self._begins & lone[self._key])
        segment = segment_of[self._key[rows]]
        dated = self._segments.exact[segment] & (self._segments.first[segment] != UNKNOWN)
        return self._flows["window_start"][rows[dated]] + SECOND // 2 - self._segments.first[segment[dated]]

    def attach(self, ahead: int, service_ports: Ints, hidden: Flags) -> tuple[Windows, Segments, Segments]:
        """Flow-log rows on segments, the segments by the flow logs' clock, and those that only flow logs saw, numbered after them.

        Parameters
        ----------
        ahead : how far the flow logs' clock is ahead, µs.
        service_ports : ports that services, their endpoints and node ports use, ascending; they tell who is the server
            where no SYN does.
        hidden : shape (rows,), bool, rows of which nobody knows the addresses, see ``hidden_addresses``.
        """
        flows, key = self._flows, self._key
        tuples = flow_tuples(flows)
        segments = self._segments.later(ahead)
        usable = (flows["log_status"] == field("log_status").code("OK")) & ~hidden
        reason = _coverage_reasons(flows)
        reason[hidden] = HIDDEN
        flags = flows["tcp_flags"]
        opens = (tuples.protocol == TCP) & (flags > 0) & (flags & SYN > 0)
        count, segment = self._cover(np.where(usable, key, -1), segments, opens)
        lonely = np.flatnonzero(usable & (count == 0))
        errors = _one_way_echo(tuples.take(lonely), key[lonely])
        reason[lonely[errors]] = ICMP_ONE_WAY
        lonely = lonely[~errors]
        extra, extra_segment = _flow_segments(flows, tuples, lonely, key, self._begins, service_ports)
        count[lonely] = 1
        row = np.repeat(np.arange(len(tuples)), count)
        covered = np.ones(len(tuples), np.bool_)
        covered[lonely] = False
        of_flows = ~covered[row]
        every = np.empty(row.shape[0], np.int64)
        every[~of_flows], every[of_flows] = segment, extra_segment + len(segments)
        several = np.flatnonzero(count[row] > 1)
        every[several] = every[several[np.lexsort((every[several], row[several]))]]
        ends = [
            np.concatenate([getattr(part.tuples, name) for part in (segments, extra)])
            for name in ("src", "src_port")
        ]
        forward = tuples.src[row] == ends[0][every]
        same_host = tuples.src[row] == tuples.dst[row]
        forward = np.where(same_host, tuples.src_port[row] == ends[1][every], forward)
        offsets = np.append(0, np.cumsum(count))
        return Windows(offsets, every, row, forward, reason), segments, extra

    def _cover(self, key: Ints, segments: Segments, opens: Flags) -> tuple[Ints, Ints]:
        """How many of the segments each row covers, and which, row by row."""
        order, pointer = by_run(self._segment_key, self._keys, segments.since)
        first, last, held = (times[order] for times in (segments.since, segments.last, segments.held))
        reach = np.empty_like(last)
        running_maximum(pointer, last, reach)
        offsets = np.empty(key.shape[0] + 1, np.int64)
        window = self._flows["window_start"], self._flows["window_end"]
        # most rows cover one
        room = key.shape[0] + (key.shape[0] >> 2)
        while True:
            pairs = np.empty(room, np.int64)
            room = cover_windows(
                key, *window, opens, pointer, first, last, held, reach, SLACK, LINGER, offsets, pairs
            )
            if room <= pairs.shape[0]:
                return np.diff(offsets), order[pairs[:room]]


def attach_windows(
    flows: Columns, buckets: Buckets, seen: Sequence[Segments], service_ports: Ints, hidden: Flags, workers: Workers
) -> tuple[Windows, Segments, int]:  # fmt: skip
    """Segments with those that only flow logs saw, the flow-log rows on all of them, and how far the logs' clock is ahead, µs.

    Parameters
    ----------
    flows : columns of the table ``flows``, by bucket. buckets : where those begin.
    seen : what conntrack saw, by bucket.
    service_ports, hidden : see ``Covered.attach``.
    """
    covered = workers.map(Covered, buckets.parts(flows), seen)
    ahead = flow_log_offset(np.concatenate([part.clock_samples() for part in covered]))
    found = workers.map(
        lambda part, rows: part.attach(ahead, service_ports, hidden[rows]), drained(covered), buckets.slices()
    )
    known = [segments for _, segments, _ in found]
    extra = [segments for *_, segments in found]
    windows = _joined([windows for windows, *_ in found], known, extra)
    return windows, concat_segments([*known, *extra], workers), ahead


def _joined(parts: Sequence[Windows], known: Sequence[Segments], extra: Sequence[Segments]) -> Windows:
    """Windows of all buckets as one: known segments of all buckets come first, then the others."""
    offsets, segment, row = [np.zeros(1, np.int64)], [], []
    rows = pairs = first = 0
    other = sum(len(part) for part in known)
    for windows, own, more in zip(parts, known, extra, strict=True):
        offsets.append(windows.offsets[1:] + pairs)
        here = windows.segment < len(own)
        segment.append(np.where(here, windows.segment + first, windows.segment - len(own) + other))
        row.append(windows.row + rows)
        rows, pairs = rows + windows.reason.shape[0], pairs + windows.row.shape[0]
        first, other = first + len(own), other + len(more)
    forward, reason = (
        np.concatenate([getattr(windows, name) for windows in parts]) for name in ("forward", "reason")
    )
    return Windows(np.concatenate(offsets), np.concatenate(segment), np.concatenate(row), forward, reason)


def _begins(flows: Columns, tuples: Tuples) -> Flags:
    """Rows with a SYN and no answer in them: their source opened the connection."""
    return (tuples.protocol == TCP) & (flows["tcp_flags"] > 0) & (flows["tcp_flags"] & (SYN | ACK) == SYN)


def _coverage_reasons(flows: Columns) -> Ints:
    status = field("log_status")
    reason = np.zeros(flows["log_status"].shape[0], np.int64)
    reason[flows["log_status"] == status.code("NODATA")] = 1
    reason[flows["log_status"] == status.code("SKIPDATA")] = 2
    return reason


def _one_way_echo(tuples: Tuples, key: Ints) -> Flags:
    """ICMP rows whose wire key has no row the other way: errors have no answer, and the log has no ICMP type."""
    echo = protocols_with("echo")[tuples.protocol]
    if not echo.any():
        return echo
    ways = np.zeros(int(key.max(initial=0)) + 1, np.int64)
    np.bitwise_or.at(ways, key, np.where(tuples.forward(), 1, 2))
    one_way: Flags = echo & (ways[key] != 3)
    return one_way


def _flow_segments(
    flows: Columns, tuples: Tuples, rows: Ints, key: Ints, begins: Flags, service_ports: Ints
) -> tuple[Segments, Ints]:  # fmt: skip
    """Segments of rows that conntrack did not see, and the segment of each row."""
    order = np.lexsort((flows["window_start"][rows], key[rows]))
    mine = rows[order]
    start, end = flows["window_start"][mine], flows["window_end"][mine]
    keys = key[mine]
    cut = np.ones(mine.shape[0], np.bool_)
    reach = np.empty_like(end)
    runs = np.flatnonzero(np.diff(keys, prepend=-1))
    running_maximum(np.append(runs, mine.shape[0]), end, reach)
    cut[1:] = (keys[1:] != keys[:-1]) | (start[1:] > reach[:-1] + GAP)
    number = np.cumsum(cut) - 1
    segment = np.empty(rows.shape[0], np.int64)
    segment[order] = number
    heads = np.flatnonzero(cut)
    count = heads.shape[0]
    said = np.zeros((count, 2), np.int64)
    forward = tuples.take(mine).forward().astype(np.int64)
    np.add.at(said, (number, 1 - forward), begins[mine])
    serving = [np.isin(ports[mine[heads]], service_ports) for ports in (tuples.dst_port, tuples.src_port)]
    head_forward = forward[heads] == 1
    by_syn = said[:, 0] != said[:, 1]
    by_port = ~by_syn & (serving[0] != serving[1])
    lead_forward = np.where(
        by_syn, said[:, 0] > said[:, 1], np.where(by_port, head_forward == serving[0], head_forward)
    )
    lead = _turned(tuples.take(mine[heads]), lead_forward != head_forward)
    last = reach[np.append(heads[1:], mine.shape[0]) - 1] + SECOND if count else reach
    return Segments(
        lead, start[heads], last, last, by_syn | by_port, start[heads], np.zeros(count, np.bool_)
    ), segment


def _turned(tuples: Tuples, turn: Flags) -> Tuples:
    return Tuples(
        tuples.protocol,
        np.where(turn, tuples.dst, tuples.src), np.where(turn, tuples.dst_port, tuples.src_port),
        np.where(turn, tuples.src, tuples.dst), np.where(turn, tuples.src_port, tuples.dst_port), tuples.scope,
    )  # fmt: skip
