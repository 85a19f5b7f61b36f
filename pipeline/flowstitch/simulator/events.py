"""What ``conntrack -E`` of the nodes writes: the events of all entries in the order of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowstitch.kernels.life_rows import write_life_rows
from flowstitch.simulator.connections import CLOSED, DATAGRAMS, REFUSED, SILENT, TCP
from flowstitch.simulator.conntrack import (
    CLOSE,
    DATAGRAM_S,
    DESTROY,
    NEVER,
    NEW,
    STEPS,
    STREAM_S,
    SYN_SENT,
    TCP_STATES,
    TCP_TIMEOUTS_S,
    TIME_WAIT,
    UPDATE,
    ConntrackRows,
    Entries,
    step_times,
    tuples_of,
)
from flowstitch.simulator.settings import SECOND

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from flowstitch.arrays import Columns, Ints
    from flowstitch.simulator.settings import Settings

# Events at a time.
BLOCK = 1 << 17
# What an event says of its step before the end, of datagrams and of TCP.
_STEP = np.arange(STEPS)
_BEFORE = {
    "event": np.where(_STEP == 0, NEW, UPDATE),
    "state": np.array([np.zeros(STEPS, np.int64), TCP_STATES]),
    "timeout_s": np.array([np.where(_STEP == 2, STREAM_S, DATAGRAM_S), TCP_TIMEOUTS_S]),
    "replied": _STEP > 0,
    "assured": np.array([_STEP == 2, _STEP >= 2]),
}


class EventStream:
    """Events of all nodes in the order of time, of entries that come in the order of their start.

    Parameters
    ----------
    skew : shape (nodes,), how far each node's clock is ahead, µs.
    """

    def __init__(self, settings: Settings, skew: Ints) -> None:
        self._ends_only = settings.events == "ends"
        self._begin, self._until = settings.begin, settings.until
        self._skew = skew
        self._entries: Entries | None = None
        self._time = self._entry = self._step = np.zeros(0, np.int64)

    def push(self, entries: Entries) -> None:
        """Take in entries; none starts before what was given out."""
        times = step_times(entries, ends_only=self._ends_only)
        times[times > self._until] = NEVER
        entry, step = np.nonzero(times != NEVER)
        known = 0 if self._entries is None else len(self._entries)
        self._time = np.concatenate([self._time, times[entry, step] + entries.late[entry]])
        self._entry = np.concatenate([self._entry, entry + known])
        self._step = np.concatenate([self._step, step])
        self._entries = entries if self._entries is None else Entries.concat([self._entries, entries])

    def pop(self, before: int) -> Iterator[ConntrackRows]:
        """Events before a time by the true clock, µs: by node, and for each in the order of time; ``BLOCK`` of them at a time."""
        if self._entries is None:
            raise ValueError("nothing was pushed")
        due = self._time < before
        rows = np.flatnonzero(due)
        # by node, then time, then step, in one number: 47 bits hold microseconds of four years
        since = self._time[rows] - self._begin
        key = (self._entries.node[self._entry[rows]] << 50) | (since << 3) | self._step[rows]
        order = rows[np.argsort(key, kind="stable")]
        lives = _Lives(self._entries)
        for first in range(0, order.shape[0], BLOCK):
            part = order[first : first + BLOCK]
            yield lives.rows(self._entry[part], self._step[part], self._time[part], self._skew)
        self._time, self._entry, self._step = self._time[~due], self._entry[~due], self._step[~due]
        kept, self._entry = np.unique(self._entry, return_inverse=True)
        self._entries = self._entries.take(kept)


class _Lives:
    """What events say of entries: always, and at the end."""

    def __init__(self, entries: Entries) -> None:
        tcp, refused = entries.protocol == TCP, entries.fate == REFUSED
        left = -(-(entries.expiry - entries.removed) // SECOND)
        answered = (entries.fate == CLOSED) | (entries.fate == DATAGRAMS)
        whole = {"node": entries.node, **tuples_of(entries)}
        last = {
            "event": np.full(len(entries), DESTROY), "state": np.where(tcp, _last_state(entries.fate), 0),
            "timeout_s": np.where(refused, 120, np.where(entries.removed < entries.expiry, left, -1)),
            "replied": answered, "assured": np.where(tcp, answered, entries.stream),
            "delta_s": (np.minimum(entries.removed, entries.expiry) - entries.start) // SECOND,
            "orig_packets": entries.packets, "orig_bytes": entries.octets,
            "reply_packets": entries.packets_back, "reply_bytes": entries.octets_back,
        }  # fmt: skip
        self._names, self._kind = (*whole, *last), tcp.astype(np.int64)
        self._whole, self._last = _by_row(whole.values()), _by_row(last.values())
        steps = [np.broadcast_to(_BEFORE.get(name, -1), (2, STEPS)) for name in last]
        self._before = np.ascontiguousarray(np.stack(steps, axis=-1), np.int64)

    def rows(self, entry: Ints, step: Ints, time: Ints, skew: Ints) -> ConntrackRows:
        """Events of entries by their number, each at a step and time."""
        count = entry.shape[0]
        out = np.empty((len(self._names), count), np.int64)
        write_life_rows(entry, step, self._kind, self._before, self._whole, self._last, out)
        columns: Columns = dict(zip(self._names, out, strict=True))
        columns |= {name: columns[name].astype(np.bool_) for name in ("replied", "assured")}
        nothing = np.broadcast_to(np.int64(-1), count)
        return ConntrackRows(dump=nothing, begun_s=nothing, seen=time + skew[columns["node"]], **columns)


def _by_row(columns: Collection[Ints]) -> Ints:
    """Columns of one length side by side, the values of a row together."""
    rows = np.empty((next(iter(columns)).shape[0], len(columns)), np.int64)
    for place, column in enumerate(columns):
        rows[:, place] = column
    return rows


def _last_state(fate: Ints) -> Ints:
    return np.select([fate == REFUSED, fate == SILENT], [CLOSE, SYN_SENT], TIME_WAIT)
