"""What conntrack of the nodes writes: event streams in the order of time, and lists of the table.

The life of an entry follows the kernel (nf_conntrack_proto_tcp.c, _udp.c, _icmp.c) and what real captures show: events have no
counters but DESTROY, which has no timeout when the entry expired; TIME_WAIT lingers for 120 s unless the ports come again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.simulator.columns import Rows
from flowstitch.simulator.connections import CLOSED, DATAGRAMS, REFUSED, SILENT, TCP
from flowstitch.simulator.settings import SECOND

if TYPE_CHECKING:
    from flowstitch.arrays import Flags, Ints
    from flowstitch.simulator.connections import Connections
    from flowstitch.simulator.routes import Tracked

LIST, NEW, UPDATE, DESTROY = 1, 2, 3, 4
STATES = (
    "",
    "SYN_SENT",
    "SYN_RECV",
    "ESTABLISHED",
    "FIN_WAIT",
    "CLOSE_WAIT",
    "LAST_ACK",
    "TIME_WAIT",
    "CLOSE",
)
SYN_SENT, ESTABLISHED, TIME_WAIT, CLOSE = 1, 3, 7, 8
# By step of a TCP connection: state and timeout in seconds (kube-proxy sets 86400 and 3600).
TCP_STATES = (1, 2, 3, 4, 5, 6, 7)
TCP_TIMEOUTS_S = (120, 60, 86400, 120, 3600, 30, 120)
STEPS, END = 7, 7
DATAGRAM_S, STREAM_S = 30, 120
STREAM_AFTER_US = 2 * SECOND
# The reader of events stamps them late, and the kernel collects what expired when it comes by.
LATE_US, LAZY_US = 300, 2 * SECOND
# Odd, so that multiplying loses nothing.
_MIX = np.uint64(0x9E3779B97F4A7C15)
NEVER = np.iinfo(np.int64).max


@dataclass
class Entries(Rows):
    """Entries over their lives; arrays of shape (n,).

    Attributes
    ----------
    tuples, ``virtual`` as in ``Tracked``. ident : conntrack id. start, rtt, end : µs, as this node sees it.
    expiry : when the timeout ends. removed : when the DESTROY comes. late : of the reader, µs.
    """

    node: Ints
    protocol: Ints
    fate: Ints
    orig_src: Ints
    orig_src_port: Ints
    orig_dst: Ints
    orig_dst_port: Ints
    reply_src: Ints
    reply_src_port: Ints
    reply_dst: Ints
    reply_dst_port: Ints
    ident: Ints
    start: Ints
    rtt: Ints
    end: Ints
    expiry: Ints
    removed: Ints
    late: Ints
    packets: Ints
    octets: Ints
    packets_back: Ints
    octets_back: Ints
    virtual: Flags

    @property
    def stream(self) -> Flags:
        """Datagrams that the kernel takes for a stream."""
        return (self.fate == DATAGRAMS) & (self.end - self.start > STREAM_AFTER_US)


@dataclass
class ConntrackRows(Rows):
    """Rows as they are written; arrays of shape (n,). -1 and state 0 are not printed.

    Attributes
    ----------
    dump : number of the list, -1 of an event. event : ``LIST`` to ``DESTROY``. seen : stamp by the node's clock, µs.
    begun_s : [start=] in epoch seconds.
    """

    node: Ints
    dump: Ints
    event: Ints
    seen: Ints
    protocol: Ints
    timeout_s: Ints
    state: Ints
    orig_src: Ints
    orig_src_port: Ints
    orig_dst: Ints
    orig_dst_port: Ints
    orig_packets: Ints
    orig_bytes: Ints
    reply_src: Ints
    reply_src_port: Ints
    reply_dst: Ints
    reply_dst_port: Ints
    reply_packets: Ints
    reply_bytes: Ints
    replied: Flags
    assured: Flags
    delta_s: Ints
    begun_s: Ints
    ident: Ints


def build_entries(connections: Connections, tracked: Tracked, random: np.random.Generator) -> Entries:
    """Lives of the entries of connections."""
    part = connections.view(tracked.row)
    count = len(tracked)
    delay = tracked.place * part.rtt // 4
    start, end = part.start + delay, part.end + delay
    stream = (part.fate == DATAGRAMS) & (end - start > STREAM_AFTER_US)
    expiry = np.select(
        [part.fate == CLOSED, part.fate == REFUSED, part.fate == SILENT],
        [end + 120 * SECOND, end, np.where(part.protocol == TCP, start + 120 * SECOND, end + DATAGRAM_S * SECOND)],
        end + np.where(stream, STREAM_S, DATAGRAM_S) * SECOND,
    )  # fmt: skip
    lazy = np.minimum(random.exponential(LAZY_US, count), 20 * SECOND).astype(np.int64)
    removed = expiry + np.where(part.fate == REFUSED, 0, lazy)
    again = np.where(tracked.place == 0, part.replaced_at, part.replaced_there)
    replaced = tracked.replaceable & (again > 0)
    removed = np.where(replaced, np.minimum(removed, again + delay), removed)
    return Entries(
        node=tracked.node, protocol=part.protocol, fate=part.fate,
        orig_src=tracked.orig_src, orig_src_port=tracked.orig_src_port, orig_dst=tracked.orig_dst,
        orig_dst_port=tracked.orig_dst_port, reply_src=tracked.reply_src, reply_src_port=tracked.reply_src_port,
        reply_dst=tracked.reply_dst, reply_dst_port=tracked.reply_dst_port,
        ident=_idents(tracked, part, random), start=start, rtt=part.rtt, end=end, expiry=expiry, removed=removed,
        late=random.exponential(LATE_US, count).astype(np.int64), packets=part.packets, octets=part.octets,
        packets_back=part.packets_back, octets_back=part.octets_back,
        virtual=tracked.virtual,
    )  # fmt: skip


def _idents(tracked: Tracked, part: Connections, random: np.random.Generator) -> Ints:
    """Ids by chance; half of the tuples that come again get the same one again, as captures show."""
    mixed = np.zeros(len(tracked), np.uint64)
    for values in (
        tracked.node,
        tracked.orig_src,
        tracked.orig_src_port,
        tracked.orig_dst,
        tracked.orig_dst_port,
    ):
        mixed = (mixed ^ values.astype(np.uint64)) * _MIX
        mixed ^= mixed >> np.uint64(29)
    again = part.reused & (mixed & np.uint64(1) == 1)
    return np.where(
        again, (mixed >> np.uint64(32)).astype(np.int64) | 1, random.integers(1, 1 << 32, len(tracked))
    )


def step_times(entries: Entries, *, ends_only: bool) -> Ints:
    """True time of each step of each entry, shape (entries, ``STEPS`` + 1); ``NEVER`` where there is none."""
    count = len(entries)
    times = np.full((count, STEPS + 1), NEVER, np.int64)
    times[:, 0], times[:, END] = entries.start, entries.removed
    if ends_only:
        return times
    half = entries.rtt // 2
    closed = np.flatnonzero(entries.fate == CLOSED)
    start, end, half_closed = entries.start[closed], entries.end[closed], half[closed]
    times[closed, 1] = start + half_closed
    times[closed, 2] = start + entries.rtt[closed]
    for step in range(3, STEPS):
        times[closed, step] = end - (STEPS - 1 - step) * half_closed
    answered = np.flatnonzero(entries.fate == DATAGRAMS)
    times[answered, 1] = entries.start[answered] + half[answered]
    streams = np.flatnonzero(entries.stream)
    times[streams, 2] = entries.start[streams] + STREAM_AFTER_US
    return times


def tuples_of(entries: Entries) -> dict[str, Ints]:
    """What rows of entries have in common at any time."""
    names = ("src", "src_port", "dst", "dst_port")
    tuples = {
        f"{side}_{name}": getattr(entries, f"{side}_{name}") for side in ("orig", "reply") for name in names
    }
    return tuples | {"protocol": entries.protocol, "ident": entries.ident}


def _counters(shown: Flags, packets: Ints, octets: Ints, back: Ints, octets_back: Ints) -> dict[str, Ints]:
    values = {
        "orig_packets": packets,
        "orig_bytes": octets,
        "reply_packets": back,
        "reply_bytes": octets_back,
    }
    return {name: np.where(shown, value, -1) for name, value in values.items()}


def list_rows(entries: Entries, at: int, dump: int, skew: Ints) -> ConntrackRows:
    """What lists of all nodes at a true time in µs have of entries."""
    part = entries.view(
        np.flatnonzero((entries.start <= at) & (at < np.minimum(entries.removed, entries.expiry)))
    )
    tcp, closed = part.protocol == TCP, part.fate == CLOSED
    times = step_times(part, ends_only=False)[:, :STEPS]
    step = (times <= at).sum(axis=1) - 1
    state = np.where(tcp, np.array(TCP_STATES)[step], 0)
    packets, last, octets = so_far(part, at, part.packets, part.octets)
    back, _, octets_back = so_far(part, at, part.packets_back, part.octets_back)
    full = np.where(tcp, np.array(TCP_TIMEOUTS_S)[step], np.where(step == 2, STREAM_S, DATAGRAM_S))
    # within a step the clock of the timeout starts with its packet, when established with the last one
    since = np.where(tcp & (state != ESTABLISHED), times[np.arange(len(part)), step], last)
    left = np.clip(full - (at - since) // SECOND, 1, full)
    replied = step > 0
    return ConntrackRows(
        node=part.node, dump=np.full(len(part), dump), event=np.full(len(part), LIST), seen=at + skew[part.node],
        timeout_s=left, state=state, replied=replied, assured=np.where(tcp, (step >= 2) & closed, step == 2),
        delta_s=(at - part.start) // SECOND, begun_s=(part.start + skew[part.node]) // SECOND,
        **tuples_of(part), **_counters(np.ones(len(part), np.bool_), packets, octets, np.where(replied, back, 0), np.where(replied, octets_back, 0)),
    )  # fmt: skip


def so_far(entries: Entries, at: int, packets: Ints, octets: Ints) -> tuple[Ints, Ints, Ints]:
    """Packets until a time, when the last of them came, and their bytes; they are spread evenly."""
    gaps = np.maximum(packets - 1, 1)
    length = np.maximum(entries.end - entries.start, 1)
    passed = np.clip(at - entries.start, 0, length)
    seen = np.minimum(packets, 1 + passed * gaps // length)
    last = entries.start + np.minimum(seen - 1, gaps) * length // gaps
    return seen, np.minimum(last, at), octets * seen // np.maximum(packets, 1)
