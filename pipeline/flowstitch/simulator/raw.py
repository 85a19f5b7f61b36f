"""The raw form of logs: conntrack(8), VPC flow logs of both clouds, CLB access logs."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.simulator.connections import ICMP, ICMPV6
from flowstitch.simulator.conntrack import DESTROY
from flowstitch.simulator.flowlogs import OK
from flowstitch.simulator.ipvs import HEADER as IPVS_HEADER
from flowstitch.simulator.layout import ACCESS_LOG, events_file, flow_file, ipvs_file, list_file
from flowstitch.simulator.layouts import (
    ECHO,
    END,
    EVENT,
    EXPIRED,
    IPVS_WIDTH,
    LISTED,
    bracketed,
    clock,
    conntrack_layout,
    flow_header,
    flow_layout,
    ipvs_layout,
    request_layout,
)
from flowstitch.simulator.settings import SECOND
from flowstitch.simulator.text import append_gzip, runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowstitch.arrays import Ints
    from flowstitch.simulator.cluster import Cluster
    from flowstitch.simulator.conntrack import ConntrackRows
    from flowstitch.simulator.flowlogs import FlowRows
    from flowstitch.simulator.ipvs import IpvsRows
    from flowstitch.simulator.requests import RequestRows
    from flowstitch.simulator.settings import Settings

# More digits than a port has by so many of these.
_LONGER = np.array([10, 100, 1000, 10_000])


class RawWriter:
    """Writes rows behind what is in the files already.

    Parameters
    ----------
    directory : of the export. skew : shape (nodes,), how far each node's clock is ahead, µs.
    """

    def __init__(self, directory: Path, cluster: Cluster, settings: Settings, skew: Ints) -> None:
        self._directory, self._cluster, self._settings = directory, cluster, settings
        self._skew = skew
        self._v6 = np.array([":" in address for address in cluster.addresses])
        self._room = IPVS_WIDTH - 2 - np.array([len(end) for end in bracketed(cluster)])
        # clocks of nodes show what begins and ends within the observed time so much earlier or later
        self._begin_s = (settings.begin + int(skew.min())) // SECOND
        end_s = (settings.until + int(skew.max())) // SECOND
        self._events = conntrack_layout(cluster, self._begin_s, end_s, EVENT, END, EXPIRED)
        self._lists = conntrack_layout(cluster, self._begin_s, end_s, LISTED)
        self._requests = request_layout(cluster, self._begin_s, end_s)
        self._flows, self._ipvs = flow_layout(cluster, settings), ipvs_layout(cluster)
        self.counts = {"conntrack": 0, "flows": 0, "requests": 0, "ipvs_connections": 0}
        # a node of which nothing is in its table, or an ENI without a window, has an empty file all the same
        self._header = flow_header(settings.flow_logs)
        self._headed: set[str] = set()

    def conntrack(self, rows: ConntrackRows) -> None:
        """Events, or one dump, of nodes in order."""
        if len(rows) == 0:
            return
        ordered = rows.ordered("node")
        dump = int(ordered.dump[0])
        columns = {**vars(ordered), "wide": self._v6[ordered.orig_src]}
        form = np.select([ordered.protocol == ICMP, ordered.protocol == ICMPV6], [1, 2], 0)
        if dump < 0:
            layout = self._events
            columns["seen_s"], columns["seen_us"] = np.divmod(ordered.seen, SECOND)
            ended = ordered.event == DESTROY
            form += np.where(ended, np.where(ordered.timeout_s < 0, EXPIRED, END), EVENT) * len(ECHO)
        else:
            layout = self._lists
            columns |= clock(ordered.begun_s, self._begin_s)
        for node, part in runs(ordered.node):
            name = (
                events_file(self._cluster, node)
                if dump < 0
                else list_file(self._cluster, node, self._settings.dump_times[dump] + int(self._skew[node]))
            )
            self._append(name, layout.write(columns, part, form))
        self.counts["conntrack"] += len(rows)

    def flows(self, rows: FlowRows) -> None:
        """Rows of flow logs."""
        if len(rows) == 0:
            return
        ordered = rows.ordered("eni", "end_s")
        interface = ordered.eni + len(self._cluster.addresses)
        columns = {
            **vars(ordered), "wide": self._v6[ordered.src], "own_src": np.where(ordered.out, interface, ordered.src),
            "own_dst": np.where(ordered.out, ordered.dst, interface),
        }  # fmt: skip
        form = (ordered.status != OK).astype(np.int64)
        for eni, part in runs(ordered.eni):
            lines = self._flows.write(columns, part, form)
            self._append(flow_file(self._cluster, eni, self._settings), lines, self._header)
        self.counts["flows"] += len(rows)

    def ipvs(self, rows: IpvsRows) -> None:
        """One listing of IPVS connections, of nodes in order."""
        if len(rows) == 0:
            return
        ordered = rows.ordered("node")
        at = self._settings.dump_times[int(ordered.dump[0])]
        columns = {**vars(ordered), "minutes": ordered.left_s // 60, "seconds": ordered.left_s % 60}
        for end in ("client", "virtual", "server"):
            longer = np.searchsorted(_LONGER, columns[f"{end}_port"], side="right")
            columns[f"{end}_room"] = self._room[columns[end]] - longer
        for node, part in runs(ordered.node):
            name = ipvs_file(self._cluster, node, at + int(self._skew[node]))
            self._append(name, self._ipvs.write(columns, part), IPVS_HEADER)
        self.counts["ipvs_connections"] += len(rows)

    def requests(self, rows: RequestRows) -> None:
        """Rows of the access log of all load balancers."""
        if len(rows) == 0:
            return
        columns = rows.columns | clock(rows.at_s, self._begin_s)
        self._append(ACCESS_LOG, self._requests.write(columns, form=(rows.refused >= 0).astype(np.int64)))
        self.counts["requests"] += len(rows)

    def close(self) -> None:
        """Nothing is kept back."""

    def _append(self, name: str, blocks: Iterator[tuple[memoryview, Ints]], header: str = "") -> None:
        """Append to a file that begins with a header."""
        head = b"" if name in self._headed else header.encode()
        self._headed.add(name)
        append_gzip(self._directory / name, chain([head], (lines for lines, _ in blocks)))
