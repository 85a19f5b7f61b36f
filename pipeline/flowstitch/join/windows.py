"""Flow-log rows to the segments they cover; what no conntrack saw becomes segments of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from flowstitch.catalog import field
from flowstitch.catalog.protocols import protocols_with
from flowstitch.join.buckets import tuple_hashes
from flowstitch.join.clocks import flow_log_offset
from flowstitch.join.keys import Tuples, wire_numbers
from flowstitch.join.rows import BucketArrays
from flowstitch.join.segments import BucketSegments, Segments
from flowstitch.kernels.lifetimes import SECOND
from flowstitch.kernels.runs import by_run
from flowstitch.kernels.windows import (
    SPAN,
    cover_windows,
    date_starts,
    drop_pairs,
    lay_out,
    open_segments,
    settle_lonely,
)
from flowstitch.normalize.columns import take_columns

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowstitch.arrays import Columns, Flags, Ints, Narrow, Words
    from flowstitch.join.buckets import Workers
    from flowstitch.join.rows import BucketRows
    from flowstitch.normalize.scratch import Scratch


# Flow logs and nodes have clocks of their own, and flow logs count in whole seconds.
SLACK = 2 * SECOND
# A row without SYN that comes after the entry ended belongs to it: late FIN, RST and retransmissions.
LINGER = 120 * SECOND
# Rows of one wire key that are further apart are different connections.
GAP = 300 * SECOND
ICMP_ONE_WAY, HIDDEN = 3, 4


@dataclass(frozen=True)
class Windows:
    """Flow-log rows on segments, many to many.

    Attributes
    ----------
    offsets : shape (rows + 1,), where the pairs of each row begin.
    segment : shape (pairs,), segment of each pair.
    row : shape (pairs,), flow-log row of each pair, as the rows at hand are numbered.
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


# What is asked of flow-log rows here.
USED = (
    "eni", "interface_addresses", "protocol_number", "src_ip", "src_port", "dst_ip", "dst_port", "tcp_flags", "log_status", "window_start", "window_end",
)  # fmt: skip


# What segments are made of that only flow logs saw.
_ENDS = (
    "protocol_number",
    "src_ip",
    "src_port",
    "dst_ip",
    "dst_port",
    "tcp_flags",
    "window_start",
    "window_end",
)


def flow_tuples(flows: Columns) -> Tuples:
    """Tuples of flow-log rows as they go over the wire."""
    told = _told_tuples(flows)
    protocol, src_port, dst_port = (
        values.clip(0) for values in (told.protocol, told.src_port, told.dst_port)
    )
    return replace(told, protocol=protocol, src_port=src_port, dst_port=dst_port)


def _told_tuples(flows: Columns) -> Tuples:
    """Tuples as the rows have them, below 0 what they do not tell."""
    src, src_port, dst, dst_port = (flows[name] for name in ("src_ip", "src_port", "dst_ip", "dst_port"))
    protocol = flows["protocol_number"]
    return Tuples(protocol, src, src_port, dst, dst_port, np.zeros_like(protocol))


def flow_hashes(flows: Columns) -> Words:
    """Hash of the wire key of rows of the table ``flows``, see ``tuple_hashes``."""
    return tuple_hashes(_told_tuples(flows))


# Of a bucket the wire key of each flow-log row, the segments by wire key and time, and where those of each key begin.
_Keys: TypeAlias = "tuple[Ints, Ints, Ints]"


class Covered:
    """Flow-log rows of a bucket, and the segments that conntrack saw there."""

    def __init__(self, flows: Columns, segments: Segments, keys: _Keys | None = None) -> None:
        """Number the wire keys of both.

        Parameters
        ----------
        flows : columns of the table ``flows``. segments : what conntrack saw.
        keys : what was found when they were numbered before.
        """
        self._flows, self._segments = flows, segments
        self.keys = keys or self._number()
        self._key, self._order, self._pointer = self.keys

    def _number(self) -> _Keys:
        (of_segments, key), keys = wire_numbers(self._segments.tuples, _told_tuples(self._flows), logged=True)
        return key, *by_run(of_segments, keys, self._segments.since)

    def clock_samples(self) -> Ints:
        """How far the flow logs' clock is ahead of the segments', µs, as each connection tells it that is alone on its wire key."""
        if not self._segments.exact.any():
            return np.empty(0, np.int64)
        samples = np.empty(self._key.shape[0], np.int64)
        found = date_starts(
            self._key, self._flows["protocol_number"], self._flows["tcp_flags"], self._flows["window_start"],
            self._pointer, self._order, self._segments.exact, self._segments.first, samples,
        )  # fmt: skip
        return samples[:found].copy()

    def attach(
        self, ahead: int, service_ports: Ints, hidden: Flags, first_segment: int
    ) -> tuple[Windows, Ints, Segments, Segments]:
        """Flow-log rows on segments, pairs whose segment only flow logs saw, the segments by the flow logs' clock, and those others.

        Parameters
        ----------
        ahead : how far the flow logs' clock is ahead, µs.
        service_ports : ports that services, their endpoints and node ports use, ascending; they tell who is the server
            where no SYN does.
        hidden : shape (rows,), bool, rows of which nobody knows the addresses, see ``hidden_addresses``.
        first_segment : what number the first segment that conntrack saw has among those of all buckets.

        Returns
        -------
        A segment has its number among those of all buckets, but one that only flow logs saw that among those of this one.
        """
        flows, segments = self._flows, self._segments.later(ahead)
        usable = (flows["log_status"] == field("log_status").code("OK")) & ~hidden
        windows, lonely = self._cover(usable, segments, first_segment)
        windows.reason[hidden] = HIDDEN
        of_lonely = take_columns({name: flows[name] for name in _ENDS}, lonely)
        tuples = flow_tuples(of_lonely)
        errors = _one_way_echo(tuples, self._key[lonely])
        if errors.any():
            windows = _without(windows, lonely[errors])
            windows.reason[lonely[errors]] = ICMP_ONE_WAY
            left = ~errors
            lonely, tuples, of_lonely = lonely[left], tuples.take(left), take_columns(of_lonely, left)
        keys = self._pointer.shape[0] - 1
        own, extra = _flow_segments(of_lonely, tuples, self._key[lonely], keys, service_ports)
        settle_lonely(
            windows.offsets, flows["src_ip"], flows["src_port"], flows["dst_ip"], extra.tuples.src, extra.tuples.src_port,
            lonely, own, windows.segment, windows.forward,
        )  # fmt: skip
        return windows, windows.offsets[lonely], segments, extra

    def _cover(self, usable: Flags, segments: Segments, first_segment: int) -> tuple[Windows, Ints]:
        """The rows on the segments that conntrack saw, and those of them that have none of these, which are pairs with none."""
        flows, order = self._flows, self._order
        spans = np.empty((len(segments), SPAN), np.int64)
        times = segments.since, segments.last, segments.held
        lay_out(order, self._pointer, *times, segments.tuples.src, segments.tuples.src_port, spans)
        rows = usable.shape[0]
        offsets, lonely = np.empty(rows + 1, np.int64), np.empty(rows, np.int64)
        # most rows cover one
        room = rows + (rows >> 2)
        while True:
            segment, row, scratch = (np.empty(room, np.int64) for _ in range(3))
            forward = np.empty(room, np.bool_)
            pairs, alone = cover_windows(
                self._key, usable, flows["window_start"], flows["window_end"], flows["protocol_number"], flows["tcp_flags"],
                flows["src_ip"], flows["src_port"], flows["dst_ip"], self._pointer, spans, order[:, None], first_segment, SLACK, LINGER,
                offsets, segment, row, forward, lonely, scratch,
            )  # fmt: skip
            if pairs <= room:
                reason = _coverage_reasons(flows["log_status"])
                return Windows(offsets, segment[:pairs], row[:pairs], forward[:pairs], reason), lonely[:alone]
            room = pairs


def attach_windows(
    flows: BucketRows, seen: BucketArrays[Segments], begins: Ints, service_ports: Ints, hidden: Callable[[Columns], Flags], scratch: Scratch, workers: Workers
) -> tuple[BucketArrays[Windows], BucketSegments, int]:  # fmt: skip
    """The flow-log rows on segments by bucket, segments with those that only flow logs saw, and how far the logs' clock is ahead, µs.

    Parameters
    ----------
    flows : of the table ``flows``, by ``flow_hashes``.
    seen : what conntrack saw, by bucket; it is given away. begins : the number of the first of them.
    service_ports : see ``Covered.attach``. hidden : see there, of the rows of a bucket.

    Returns
    -------
    In the windows of a bucket rows are numbered from 0, segments as all are.
    """
    keys: BucketArrays[_Keys] = BucketArrays(flows.buckets, scratch)

    def compare(bucket: int) -> Ints:
        rows = flows.of(bucket, USED)
        covered = Covered(rows, seen.of(bucket))
        keys.put(bucket, covered.keys)
        return covered.clock_samples()

    ahead = flow_log_offset(np.concatenate(workers.map(compare, flows.buckets)))
    known, extra = (BucketArrays[Segments](flows.buckets, scratch) for _ in range(2))
    windows: BucketArrays[Windows] = BucketArrays(flows.buckets, scratch)
    alone: BucketArrays[Ints] = BucketArrays(flows.buckets, scratch)

    def attach(bucket: int, segment: int) -> int:
        rows = flows.of(bucket, USED)
        covered = Covered(rows, seen.pop(bucket), keys.pop(bucket))
        found, own, before, behind = covered.attach(ahead, service_ports, hidden(rows), segment)
        windows.put(bucket, found)
        alone.put(bucket, own)
        known.put(bucket, before)
        extra.put(bucket, behind)
        return len(behind)

    behind = workers.map(attach, flows.buckets, begins.tolist())
    extra_begins = begins[-1] + np.append(0, np.cumsum(behind))

    def number(bucket: int, first: int) -> None:
        own = alone.pop(bucket)
        if own.shape[0]:
            found = windows.of(bucket)
            segment = found.segment.copy()
            segment[own] += first
            windows.put(bucket, replace(found, segment=segment))

    workers.map(number, flows.buckets, extra_begins.tolist())
    return windows, BucketSegments(known, begins, extra, extra_begins), ahead


def _coverage_reasons(log_status: Narrow) -> Ints:
    field_of = field("log_status")
    reasons = np.zeros(len(field_of.values) + 1, np.int64)
    reasons[[field_of.code("NODATA"), field_of.code("SKIPDATA")]] = 1, 2
    return reasons[log_status]


def _without(windows: Windows, rows: Ints) -> Windows:
    """Without the pairs of some rows, which have one each."""
    dropped = np.zeros(windows.reason.shape[0], np.bool_)
    dropped[rows] = True
    left = drop_pairs(dropped, windows.offsets, windows.segment, windows.row, windows.forward)
    return replace(
        windows, segment=windows.segment[:left], row=windows.row[:left], forward=windows.forward[:left]
    )


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
    flows: Columns, tuples: Tuples, key: Ints, keys: int, service_ports: Ints
) -> tuple[Ints, Segments]:
    """Segment of each of the rows that conntrack did not see, counted from 0, and those segments; ``key`` is the wire key of each, of ``keys``."""
    rows, goes_forward = key.shape[0], tuples.forward()
    order, pointer = by_run(key, keys, flows["window_start"])
    segment, head, last = np.empty((3, rows), np.int64)
    said = np.empty((rows, 2), np.int64)
    count = open_segments(
        order, pointer, flows["protocol_number"], flows["tcp_flags"], goes_forward,
        flows["window_start"], flows["window_end"], GAP, segment, head, last, said,
    )  # fmt: skip
    head, said, last = head[:count], said[:count], last[:count] + SECOND
    lead, start = tuples.take(head), flows["window_start"][head]
    forward, directed = goes_forward[head], said[:, 0] != said[:, 1]
    turned = directed & ((said[:, 0] > said[:, 1]) != forward)
    silent = np.flatnonzero(~directed)
    if silent.shape[0]:
        to_service, from_service = (
            np.isin(ports[silent], service_ports) for ports in (lead.dst_port, lead.src_port)
        )
        directed[silent] = to_service != from_service
        turned[silent] = from_service & ~to_service
    lead = _turned(lead, turned)
    return segment, Segments(lead, start, last, last, directed, start, np.zeros(count, np.bool_))


def _turned(tuples: Tuples, turn: Flags) -> Tuples:
    return Tuples(
        tuples.protocol,
        np.where(turn, tuples.dst, tuples.src), np.where(turn, tuples.dst_port, tuples.src_port),
        np.where(turn, tuples.src, tuples.dst), np.where(turn, tuples.src_port, tuples.dst_port), tuples.scope,
    )  # fmt: skip
