"""What the VPC writes of every ENI: one row per five-tuple, direction and window that had packets."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.simulator.columns import Rows
from flowstitch.simulator.connections import CLOSED, ICMP, ICMPV6, REFUSED, SILENT, TCP
from flowstitch.simulator.settings import SECOND

if TYPE_CHECKING:
    from flowstitch.arrays import Columns, Flags, Ints
    from flowstitch.simulator.connections import Connections
    from flowstitch.simulator.routes import Crossings
    from flowstitch.simulator.settings import Settings

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
OK, NODATA, SKIPDATA = 0, 1, 2
ACTIONS = ("ACCEPT", "REJECT")
STATUSES = ("OK", "NODATA", "SKIPDATA")
# A SYN without answer is sent again so often within its seven seconds; conntrack counts the first alone.
SYNS = 4


@dataclass
class FlowRows(Rows):
    """Rows of flow logs; arrays of shape (n,). ``start_s`` and ``end_s`` are epoch seconds; ports of ICMP are 0.

    ``denied`` rows are those that the ENI's security group dropped. Where ``status`` is not ``OK`` only the ENI and the times mean something.
    """

    eni: Ints
    window: Ints
    status: Ints
    out: Flags
    denied: Flags
    protocol: Ints
    src: Ints
    src_port: Ints
    dst: Ints
    dst_port: Ints
    packets: Ints
    octets: Ints
    flags: Ints
    start_s: Ints
    end_s: Ints


def flow_rows(connections: Connections, crossings: Crossings, settings: Settings) -> FlowRows:
    """Rows of all crossings, one for each window with packets, until the end of the observed time."""
    part = connections.view(crossings.row)
    silent = (part.fate == SILENT) & (part.protocol == TCP)
    packets = np.where(silent, SYNS, np.where(crossings.forward, part.packets, part.packets_back))
    octets = np.where(crossings.forward, part.octets, part.octets_back)
    octets = np.where(silent, octets * SYNS, octets)
    width = settings.window_s * SECOND
    # an answer starts when the request is there
    begin = part.start + np.where(crossings.forward, 0, part.rtt // 2)
    end = np.maximum(part.end, begin)
    first, last = begin // width, np.minimum(end, settings.until - 1) // width
    repeats = np.maximum(last - first + 1, 0)
    row = np.repeat(np.arange(len(crossings)), repeats)
    window = first[row] + np.arange(row.shape[0]) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    gaps, length = np.maximum(packets - 1, 1)[row], np.maximum(end - begin, 1)[row]
    total = packets[row]
    before = _sent(window * width - begin[row], gaps, length, total)
    until = np.minimum((window + 1) * width, settings.until)
    after = _sent(until - begin[row], gaps, length, total)
    some = after > before
    row, window, before, after, total, gaps, length, until = (
        values[some] for values in (row, window, before, after, total, gaps, length, until)
    )
    start_s = (begin[row] + before * length // gaps) // SECOND
    over = (after == total) & (end[row] < until)
    end_s = np.where(over, (begin[row] + (after - 1) * length // gaps) // SECOND, until // SECOND - 1)
    sent = octets[row]
    rows = FlowRows(
        eni=crossings.eni[row], window=window, status=np.full(row.shape[0], OK), out=crossings.out[row], denied=crossings.denied[row],
        protocol=part.protocol[row], src=crossings.src[row], src_port=_port(crossings.src_port, part)[row], dst=crossings.dst[row],
        dst_port=_port(crossings.dst_port, part)[row], packets=after - before,
        octets=sent * after // total - sent * before // total,
        flags=_flags(part, crossings, row, before == 0, after == total), start_s=start_s, end_s=np.maximum(start_s, end_s),
    )  # fmt: skip
    rows = _merged(rows, part.reused[row] | (rows.protocol == ICMP) | (rows.protocol == ICMPV6))
    if settings.flow_logs == "aws":
        # FIN, SYN and RST, an ACK only beside SYN (docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html)
        rows.flags &= FIN | SYN | RST | np.where(rows.flags & (SYN | ACK) == SYN | ACK, ACK, 0)
    return rows


def _port(port: Ints, part: Connections) -> Ints:
    return np.where((part.protocol == ICMP) | (part.protocol == ICMPV6), 0, port)


def _sent(passed: Ints, gaps: Ints, length: Ints, packets: Ints) -> Ints:
    """Packets before a time that is ``passed`` µs after the first; they are spread evenly over ``length``."""
    return np.where(passed <= 0, 0, np.minimum(packets, 1 + np.minimum(passed - 1, length) * gaps // length))


def _flags(part: Connections, crossings: Crossings, row: Ints, opens: Flags, ends: Flags) -> Ints:
    """TCP flags or-ed over the window; an ACK counts with SYN alone."""
    fate, forward = part.fate[row], crossings.forward[row]
    payload = np.where(
        forward,
        part.octets[row] > 60 * part.packets[row],
        part.octets_back[row] > 60 * part.packets_back[row],
    )
    flags = np.where(opens, np.where(forward, SYN, SYN | ACK), 0)
    flags |= np.where((fate == CLOSED) & ends, FIN, 0) | np.where((fate == CLOSED) & payload, PSH, 0)
    flags = np.select([fate == SILENT, (fate == REFUSED) & forward, fate == REFUSED], [SYN, SYN, RST], flags)
    return np.where(part.protocol[row] == TCP, flags, 0)


def _merged(rows: FlowRows, chosen: Flags) -> FlowRows:
    """The rows, where of the chosen ones those of one five-tuple, ENI, direction and window are one."""
    mine = rows.take(np.flatnonzero(chosen))
    if len(mine) == 0:
        return rows
    key = (mine.dst_port, mine.dst, mine.src_port, mine.src, mine.protocol, mine.out, mine.window, mine.eni)
    order = np.lexsort((mine.start_s, *key))
    ordered = mine.take(order)
    names = ("dst_port", "dst", "src_port", "src", "protocol", "out", "window", "eni")
    new = np.zeros(len(ordered), np.bool_)
    new[0] = True
    for name in names:
        values = getattr(ordered, name)
        new[1:] |= values[1:] != values[:-1]
    heads = np.flatnonzero(new)
    merged = ordered.take(heads)
    merged.packets, merged.octets = (
        np.add.reduceat(ordered.packets, heads),
        np.add.reduceat(ordered.octets, heads),
    )
    merged.flags = np.bitwise_or.reduceat(ordered.flags, heads)
    merged.end_s = np.maximum.reduceat(ordered.end_s, heads)
    return FlowRows.concat([rows.take(np.flatnonzero(~chosen)), merged])


class Coverage:
    """Which windows of which ENI had traffic, and which are skipped."""

    def __init__(self, settings: Settings, enis: int) -> None:
        self._width_s = settings.window_s
        self._first = settings.begin // SECOND // self._width_s
        count = -(-settings.duration_s // self._width_s)
        self._busy = np.zeros((enis, count), np.bool_)
        random = np.random.default_rng([settings.seed, 4])
        self._skipped = random.random((enis, count)) < settings.skipped_windows

    def pass_on(self, rows: FlowRows) -> FlowRows:
        """What is logged of rows."""
        window = rows.window - self._first
        self._busy[rows.eni, window] = True
        return rows.take(np.flatnonzero(~self._skipped[rows.eni, window]))

    def rest(self) -> FlowRows:
        """One row for each window without traffic or that was skipped."""
        eni, window = np.nonzero(~self._busy | self._skipped)
        count = eni.shape[0]
        columns: Columns = {item.name: np.zeros(count, np.int64) for item in fields(FlowRows)}
        start_s = (window + self._first) * self._width_s
        columns |= {
            "eni": eni, "window": window + self._first, "status": np.where(self._skipped[eni, window], SKIPDATA, NODATA),
            "out": np.zeros(count, np.bool_), "denied": np.zeros(count, np.bool_), "start_s": start_s, "end_s": start_s + self._width_s - 1,
        }  # fmt: skip
        return FlowRows(**columns)
