"""The canonical tables of logs, written without the logs: what converting them would give."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flowstitch.catalog import TABLES_VERSION
from flowstitch.catalog.arrow import TABLE_KEY, VERSION_KEY, arrow_schema
from flowstitch.simulator.connections import ICMP, ICMPV6
from flowstitch.simulator.conntrack import LIST, STATES
from flowstitch.simulator.flowlogs import ACTIONS, OK, SKIPDATA, STATUSES
from flowstitch.simulator.ipvs import HEADER as IPVS_HEADER
from flowstitch.simulator.ipvs import STATES as IPVS_STATES
from flowstitch.simulator.layout import ACCESS_LOG, events_file, flow_file, ipvs_file, list_file
from flowstitch.simulator.requests import ATTEMPTS, LB_PORT, METHODS, lb_address, lb_name
from flowstitch.simulator.settings import SECOND
from flowstitch.simulator.text import Layout

if TYPE_CHECKING:
    from pathlib import Path

    from flowstitch.arrays import Flags, Ints
    from flowstitch.simulator.cluster import Cluster
    from flowstitch.simulator.conntrack import ConntrackRows
    from flowstitch.simulator.flowlogs import FlowRows
    from flowstitch.simulator.ipvs import IpvsRows
    from flowstitch.simulator.requests import RequestRows
    from flowstitch.simulator.settings import Settings

ROW_GROUP_ROWS = 1 << 17
EMPTY = (
    "nodes", "enis", "pods", "services", "endpoints", "sysctls", "ip_rules", "ipvs_servers", "lb_connections", "rejects", "observations",
)  # fmt: skip
DIRECTORY = "tables"
# Columns whose values differ little from row to row, or in all bits.
RUNNING = ("line", "seen_at", "conntrack_id", "window_start", "window_end")


class TableWriter:
    """Writes rows as canonical tables, with the file and line that each would have in the raw form.

    What describes the cluster is beside them as it is in the raw form: the tables of it are empty.
    """

    def __init__(self, directory: Path, cluster: Cluster, settings: Settings, skew: Ints) -> None:
        self._directory, self._cluster, self._settings = directory / DIRECTORY, cluster, settings
        nodes, dumps = range(len(cluster.nodes)), settings.dump_times
        # events of each node, then its lists, one dump after the other
        self._tracked = [events_file(cluster, node) for node in nodes]
        self._tracked += [list_file(cluster, node, at + int(skew[node])) for at in dumps for node in nodes]
        self._nodes_of = {
            name: cluster.nodes[place % len(cluster.nodes)].name for place, name in enumerate(self._tracked)
        }
        self._logged = [flow_file(cluster, eni, settings) for eni in range(len(cluster.enis))]
        self._listed = [ipvs_file(cluster, node, at + int(skew[node])) for at in dumps for node in nodes]
        self._nodes_of |= {
            name: cluster.nodes[place % len(cluster.nodes)].name for place, name in enumerate(self._listed)
        }
        self._lines = dict.fromkeys((*self._tracked, *self._logged, *self._listed, ACCESS_LOG), 0)
        self._heads = dict.fromkeys(self._listed, IPVS_HEADER.count("\n"))
        if settings.flow_logs != "alibaba":
            self._heads |= dict.fromkeys(self._logged, 1)
        self._spans: dict[str, tuple[int, int]] = {}
        self._skipped: Counter[str] = Counter()
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._attempts = {
            name: Layout(*forms, addresses=cluster.addresses) for name, forms in ATTEMPTS.items()
        }
        self.counts = {"conntrack": 0, "flows": 0, "requests": 0, "ipvs_connections": 0}
        for name in (*self.counts, *EMPTY, "sources"):
            (self._directory / name).mkdir(parents=True)
            self._writers[name] = self._open(name)

    def conntrack(self, rows: ConntrackRows) -> None:
        """Events, or one dump, of nodes in order."""
        ordered = rows.ordered("node")
        source = ordered.node + (ordered.dump + 1) * len(self._cluster.nodes)
        echo = (ordered.protocol == ICMP) | (ordered.protocol == ICMPV6)
        listed = ordered.event == LIST
        columns = {
            "source": _words(self._tracked, source), "line": self._line_numbers(self._tracked, source),
            "node": _words([node.name for node in self._cluster.nodes], ordered.node),
            "event": _words(("list", "new", "update", "destroy"), ordered.event - 1),
            # the time of a list is in its name, to the millisecond
            "seen_at": _times(np.where(listed, ordered.seen // 1000 * 1000, ordered.seen)),
            "protocol_number": ordered.protocol, "zone": np.zeros(len(rows), np.int64), "timeout_s": _null(ordered.timeout_s),
            "state": _words(STATES[1:], ordered.state - 1), "replied": pa.array(ordered.replied), "assured": pa.array(ordered.assured),
            "offloaded": pa.array(np.zeros(len(rows), np.bool_)), "mark": _null(np.where(listed, 0, -1)),
            "delta_time_s": _null(ordered.delta_s), "start_at": _times(ordered.begun_s * SECOND, ordered.begun_s >= 0),
            "stop_at": pa.nulls(len(rows), pa.timestamp("us")), "conntrack_id": ordered.ident,
            "icmp_type": _null(np.select([ordered.protocol == ICMP, ordered.protocol == ICMPV6], [8, 128], -1)),
            "icmp_code": _null(np.where(echo, 0, -1)), "icmp_id": _null(np.where(echo, ordered.orig_src_port, -1)),
            "reply_icmp_id": _null(np.where(echo, ordered.reply_src_port, -1)),
        }  # fmt: skip
        for side in ("orig", "reply"):
            for end in ("src", "dst"):
                columns[f"{side}_{end}_ip"] = self._address(getattr(ordered, f"{side}_{end}"))
                columns[f"{side}_{end}_port"] = _null(
                    np.where(echo, -1, getattr(ordered, f"{side}_{end}_port"))
                )
            columns[f"{side}_packets"] = _null(getattr(ordered, f"{side}_packets"))
            columns[f"{side}_bytes"] = _null(getattr(ordered, f"{side}_bytes"))
        self._span(self._tracked, source, ordered.seen, ordered.seen)
        self._write("conntrack", columns)

    def flows(self, rows: FlowRows) -> None:
        """Rows of flow logs."""
        ordered = rows.ordered("eni", "end_s")
        ok = ordered.status == OK
        echo = (ordered.protocol == ICMP) | (ordered.protocol == ICMPV6)
        start, end = ordered.start_s * SECOND, ordered.end_s * SECOND
        columns = {
            "source": _words(self._logged, ordered.eni), "line": self._line_numbers(self._logged, ordered.eni),
            "eni": _words([eni.name for eni in self._cluster.enis], ordered.eni),
            "direction": _words(("in", "out"), np.where(ok, ordered.out, -1)),
            "action": _words(ACTIONS, np.where(ok, ordered.denied, -1)), "log_status": _words(STATUSES, ordered.status),
            "protocol_number": _null(np.where(ok, ordered.protocol, -1)),
            "src_ip": self._address(np.where(ok, ordered.src, 0)), "dst_ip": self._address(np.where(ok, ordered.dst, 0)),
            "src_port": _null(np.where(ok & ~echo, ordered.src_port, -1)),
            "dst_port": _null(np.where(ok & ~echo, ordered.dst_port, -1)),
            "tcp_flags": _null(np.where(ok, ordered.flags, -1)), "packets": _null(np.where(ok, ordered.packets, -1)),
            "bytes": _null(np.where(ok, ordered.octets, -1)), "window_start": _times(start), "window_end": _times(end),
            "interface_addresses": pa.array(np.zeros(len(rows), np.bool_), mask=~ok),
        }  # fmt: skip
        self._span(self._logged, ordered.eni, start, end)
        self._skipped.update(self._logged[eni] for eni in ordered.eni[ordered.status == SKIPDATA].tolist())
        self._write("flows", columns)

    def ipvs(self, rows: IpvsRows) -> None:
        """One listing of IPVS connections, of nodes in order."""
        ordered = rows.ordered("node")
        source = ordered.node + ordered.dump * len(self._cluster.nodes)
        columns: dict[str, Any] = {
            "source": _words(self._listed, source), "line": self._line_numbers(self._listed, source),
            "node": _words([node.name for node in self._cluster.nodes], ordered.node),
            "seen_at": _times(ordered.seen // 1000 * 1000), "protocol_number": ordered.protocol,
            "ipvs_state": _words(IPVS_STATES, ordered.state), "timeout_s": ordered.left_s,
        }  # fmt: skip
        for end in ("client", "virtual", "server"):
            columns[f"{end}_ip"] = self._address(getattr(ordered, end))
            columns[f"{end}_port"] = getattr(ordered, f"{end}_port")
        self._span(self._listed, source, ordered.seen, ordered.seen)
        self._write("ipvs_connections", columns)

    def requests(self, rows: RequestRows) -> None:
        """Rows of the access log of all load balancers."""
        nothing = pa.nulls(len(rows), pa.int64())
        services = range(len(self._cluster.services))
        source, at = np.zeros(len(rows), np.int64), rows.at_s * SECOND
        columns: dict[str, Any] = dict.fromkeys(arrow_schema("requests").names, nothing)
        columns |= {
            "source": _words([ACCESS_LOG], source), "line": self._line_numbers([ACCESS_LOG], source),
            "request_at": _times(at), "lb_id": _words([lb_name(service) for service in services], rows.service),
            "lb_ip": _words([lb_address(service) for service in services], rows.service),
            "lb_port": np.full(len(rows), LB_PORT), "client_ip": self._address(rows.client), "client_port": rows.client_port,
            "method": _words(sorted(set(METHODS)), np.searchsorted(sorted(set(METHODS)), METHODS)[rows.method]),
            "host": _words([f"app-{service}.example.com" for service in services], rows.service),
            "status": rows.status,
            "request_length_bytes": rows.asked, "body_bytes_sent": rows.told, "request_time_us": rows.total_ms * 1000,
            "read_request_time_us": source, "write_response_time_us": source, "tcpinfo_rtt_us": np.full(len(rows), 1200),
            **{name: layout.texts(rows.columns, (rows.refused >= 0).astype(np.int64)) for name, layout in self._attempts.items()},
        }  # fmt: skip
        self._span([ACCESS_LOG], source, at - rows.total_ms * 1000, at)
        self._write("requests", columns)

    def close(self) -> None:
        """Write which files there would be, and end the tables."""
        rows = [self._source(name, count) for name, count in sorted(self._lines.items()) if count]
        columns = {
            item.name: pa.array(
                [row[item.name] for row in rows],
                pa.string() if pa.types.is_dictionary(item.type) else item.type,
            )
            for item in arrow_schema("sources")
        }
        self._write("sources", columns)
        for writer in self._writers.values():
            writer.close()

    def _source(self, name: str, rows: int) -> dict[str, Any]:
        """Row of the table ``sources``, as reading the file would give it."""
        head = self._heads.get(name, 0)
        kind, dialect = self._kind(name)
        first, last = self._spans[name]
        skipped = self._skipped[name]
        warnings = (
            [f"rows of log status SKIPDATA: {skipped}; flows of their windows are missing."]
            if skipped
            else []
        )
        return {
            "source": name, "kind": kind, "dialect": dialect, "node": self._nodes_of.get(name), "size_bytes": 0, "rows": rows + head,
            "parsed": rows, "matched": None, "skipped": head, "rejected": 0, "skipped_by": [("header", head)] if head else [], "rejected_by": [],
            "first_seen": first, "last_seen": last, "complete": not skipped, "copies": [], "warnings": warnings,
        }  # fmt: skip

    def _kind(self, name: str) -> tuple[str, str | None]:
        """Kind and dialect of a file."""
        if name == ACCESS_LOG:
            return "lb-access-log", "alibaba-clb-access"
        if name in self._heads and name in self._nodes_of:
            return "ipvs-connections", None
        if name in self._nodes_of:
            return "conntrack-list" if "-list." in name else "conntrack-events", "conntrack"
        return "vpc-flow-log", "aws-vpc-flow" if self._settings.flow_logs == "aws" else "alibaba-vpc-flow"

    def _open(self, name: str) -> pq.ParquetWriter:
        schema = arrow_schema(name).with_metadata({TABLE_KEY: name, VERSION_KEY: TABLES_VERSION})
        worded = [item.name for item in schema if pa.types.is_dictionary(item.type)]
        packed = {item.name: "DELTA_BINARY_PACKED" for item in schema if item.name in RUNNING}
        # LZ4 takes two thirds of the time of zstd, and a simulation is read once or twice
        return pq.ParquetWriter(
            self._directory / name / "part-00000.parquet", schema, compression="lz4", use_dictionary=worded,
            column_encoding=packed, write_page_checksum=True, write_statistics=False,
        )  # fmt: skip

    def _write(self, name: str, columns: dict[str, Any]) -> None:
        schema = self._writers[name].schema
        arrays = [_cast(columns[item.name], item.type) for item in schema]
        data = pa.Table.from_arrays(arrays, schema=schema)
        self._writers[name].write_table(data, ROW_GROUP_ROWS)
        if name in self.counts:
            self.counts[name] += data.num_rows

    def _address(self, numbers: Ints) -> pa.DictionaryArray:
        return _words(self._cluster.addresses[1:], numbers - 1)

    def _line_numbers(self, names: list[str], source: Ints) -> Ints:
        """Line of each row in its file; rows of a file stand together."""
        heads = np.flatnonzero(np.diff(source, prepend=-1))
        sizes = np.diff(np.append(heads, source.shape[0]))
        before = np.zeros(heads.shape[0], np.int64)
        for place, (head, size) in enumerate(zip(heads.tolist(), sizes.tolist(), strict=True)):
            name = names[int(source[head])]
            before[place] = self._lines[name] + self._heads.get(name, 0)
            self._lines[name] += size
        return np.arange(source.shape[0]) - np.repeat(heads, sizes) + np.repeat(before, sizes) + 1

    def _span(self, names: list[str], source: Ints, first: Ints, last: Ints) -> None:
        heads = np.flatnonzero(np.diff(source, prepend=-1))
        if not heads.shape[0]:
            return
        low, high = np.minimum.reduceat(first, heads).tolist(), np.maximum.reduceat(last, heads).tolist()
        for head, begin, end in zip(heads.tolist(), low, high, strict=True):
            name = names[int(source[head])]
            known = self._spans.get(name, (begin, end))
            self._spans[name] = min(known[0], begin), max(known[1], end)


def _words(words: Any, numbers: Ints) -> pa.DictionaryArray:
    """Words by number, null below 0."""
    indices = pa.array(numbers.astype(np.int32), mask=numbers < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(words), pa.string()))


def _null(values: Ints) -> pa.Array:
    return pa.array(values, mask=values < 0)


def _times(values: Ints, known: Flags | None = None) -> pa.Array:
    return pa.array(values, mask=None if known is None else ~known).cast(pa.timestamp("us"))


def _cast(values: Any, kind: pa.DataType) -> pa.Array:
    array = values if isinstance(values, pa.Array) else pa.array(values)
    if pa.types.is_dictionary(kind) and not pa.types.is_dictionary(array.type):
        return array.cast(pa.string()).dictionary_encode()
    return array if array.type == kind else array.cast(kind)
