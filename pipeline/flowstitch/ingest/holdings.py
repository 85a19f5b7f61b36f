"""What an export holds of each node and ENI: what there is tells what is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog import field as column
from flowstitch.ingest.dialects import longest_windows_us
from flowstitch.ingest.model import Inventory
from flowstitch.normalize.columns import NULL_TIME, used_codes

if TYPE_CHECKING:
    from flowstitch.arrays import Columns, Flags, Ints
    from flowstitch.ingest.model import Source
    from flowstitch.normalize.columns import Pools

MAX_TIME = np.iinfo(np.int64).max
# Tables of which something is asked, and the columns that tell it.
ASKED = {
    "conntrack": (
        "node", "event", "seen_at", "orig_packets", "delta_time_s", "start_at", "offloaded", "conntrack_id", "timeout_s"
    ),
    "flows": ("source", "eni", "window_start", "window_end", "log_status"),
}  # fmt: skip


@dataclass
class NodeHoldings:
    """What there is of a node's conntrack.

    Attributes
    ----------
    lists, events : there are such files.
    first, last : time of the first and last event, µs; without events the first is later than the last.
    counted, stamped : whether any row had counters, or the kernel's time stamps; None where no row could have had any.
    lossy : events were lost: the stream says so, or was not read to its end.
    """

    lists: bool = False
    events: bool = False
    first: int = MAX_TIME
    last: int = NULL_TIME
    counted: bool | None = None
    stamped: bool | None = None
    lossy: bool = False


@dataclass
class LogHoldings:
    """What there is of an ENI's flow log.

    Attributes
    ----------
    first, last : its span, µs; without a time the first is later than the last.
    window : the longest that its rows can add up over, µs.
    skipped : start and end of windows of which records are missing, µs, arrays of shape (2, windows).
    """

    first: int = MAX_TIME
    last: int = NULL_TIME
    window: int = 0
    skipped: list[Ints] = field(default_factory=list)


@dataclass
class Holdings:
    """What an export holds.

    Attributes
    ----------
    nodes : by name, of each that has conntrack files.
    flow_logs, lb_connections : there are some. logs : by ENI, of each that has rows in a flow log.
    first, last : span of all rows, µs; without any the first is later than the last.
    inventory : the cluster.
    unread : (kind, node) of files that were not read to their end; what is not found there is not missing.
    windows : by name of a flow log, the longest that its rows can add up over, µs.
    """

    nodes: dict[str, NodeHoldings] = field(default_factory=dict)
    flow_logs: bool = False
    lb_connections: bool = False
    logs: dict[str, LogHoldings] = field(default_factory=dict)
    first: int = MAX_TIME
    last: int = NULL_TIME
    inventory: Inventory = field(default_factory=Inventory)
    unread: set[tuple[str, str]] = field(default_factory=set)
    windows: dict[str, int] = field(default_factory=dict)

    def note(self, source: Source, *, incomplete: bool = False) -> None:
        """Take note of a file; incomplete where it is torn, or says that events were lost."""
        if source.kind == "vpc-flow-log":
            self.flow_logs = True
            self.windows[source.name] = longest_windows_us().get(source.dialect, 0)
        elif source.kind == "lb-connection-log":
            self.lb_connections = True
        elif source.kind == "conntrack-list":
            self._of_node(source.node).lists = True
        elif source.kind == "conntrack-events":
            self._of_node(source.node).events = True
            self._of_node(source.node).lossy |= incomplete

    def take(self, table: str, rows: Columns, pools: Pools) -> None:
        """Take note of rows of a canonical table; of some nothing is asked."""
        if table == "conntrack":
            self._take_conntrack(rows, pools)
        elif table == "flows":
            self._take_flows(rows, pools)

    def _take_conntrack(self, rows: Columns, pools: Pools) -> None:
        node, kind, at = rows["node"], rows["event"], rows["seen_at"]
        self._stretch(at[at != NULL_TIME])
        first, last = np.full(len(pools.names), MAX_TIME), np.full(len(pools.names), NULL_TIME)
        dated = np.flatnonzero((kind != column("event").code("list")) & (at != NULL_TIME))
        np.minimum.at(first, node[dated], at[dated])
        np.maximum.at(last, node[dated], at[dated])
        nodes = {code: self._of_node(pools.names.word(code) or "") for code in used_codes(node).tolist()}
        for code, of_node in nodes.items():
            of_node.first = min(of_node.first, int(first[code]))
            of_node.last = max(of_node.last, int(last[code]))
        if all(of_node.counted and of_node.stamped for of_node in nodes.values()):
            # what one row has shown no other can take back
            return
        told = _telling(rows)
        counted = rows["orig_packets"] >= 0
        stamped = (rows["delta_time_s"] >= 0) | (rows["start_at"] != NULL_TIME)
        tell, count, stamp = (
            set(used_codes(node[which]).tolist()) for which in (told, told & counted, told & stamped)
        )
        for code in tell:
            nodes[code].counted = bool(nodes[code].counted or code in count)
            nodes[code].stamped = bool(nodes[code].stamped or code in stamp)

    def _take_flows(self, rows: Columns, pools: Pools) -> None:
        eni, start, end = rows["eni"], rows["window_start"], rows["window_end"]
        known = (start != NULL_TIME) & (end != NULL_TIME)
        self._stretch(start[known])
        self._stretch(end[known])
        first, last = np.full(len(pools.names), MAX_TIME), np.full(len(pools.names), NULL_TIME)
        of_source, window = np.zeros((2, len(pools.names)), np.int64)
        for source in used_codes(rows["source"]).tolist():
            of_source[source] = self.windows.get(pools.names.word(source) or "", 0)
        np.maximum.at(window, eni, of_source[rows["source"]])
        np.minimum.at(first, eni[known], start[known])
        np.maximum.at(last, eni[known], end[known])
        lacking = known & (rows["log_status"] == column("log_status").code("SKIPDATA"))
        for code in used_codes(eni).tolist():
            log = self.logs.setdefault(pools.names.word(code) or "", LogHoldings())
            log.window = max(log.window, int(window[code]))
            log.first, log.last = min(log.first, int(first[code])), max(log.last, int(last[code]))
            mine = lacking & (eni == code) if lacking.any() else lacking
            if mine.any():
                log.skipped.append(np.stack([start[mine], end[mine]]))

    def _of_node(self, name: str) -> NodeHoldings:
        return self.nodes.setdefault(name, NodeHoldings())

    def _stretch(self, times: Ints) -> None:
        if times.shape[0]:
            self.first, self.last = min(self.first, int(times.min())), max(self.last, int(times.max()))


def _telling(rows: Columns) -> Flags:
    """Rows that have counters and ages where the kernel keeps them: those of lists and DESTROY, but for forms without any.

    Rows of ``-o save`` are the only ones that have neither an id nor whether the entry is offloaded, and those of a cache of
    conntrackd the only ones of lists without a timeout of entries that are not offloaded.
    """
    event, kinds = rows["event"], column("event")
    listed = event == kinds.code("list")
    saved = (rows["offloaded"] < 0) & (rows["conntrack_id"] == 0)
    cached = listed & (rows["timeout_s"] < 0) & (rows["offloaded"] != 1)
    telling: Flags = (listed | (event == kinds.code("destroy"))) & ~saved & ~cached
    return telling
