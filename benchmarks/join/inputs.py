"""Interned canonical tables of a made-up cluster: conntrack entries and flow-log rows as Arrow files of integer columns."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc

from flowstitch.arrays import Columns, Flags, Ints
from flowstitch.catalog import field, table
from flowstitch.kernels.lifetimes import DESTROY
from flowstitch.normalize.columns import STORAGE

SEED = 11
SECOND = 1_000_000
BEGAN = 1_795_395_600 * SECOND
SPAN_S, LONGEST_S = 3600, 50
# conntrack keeps an entry so long after the last packet: TIME_WAIT of TCP, in which all connections end.
HELD_S = 120
# A tuple comes again so long after conntrack has let go of it.
REST_S = (600, 1800)
REUSED = 0.1
# How the client's node translates a connection, as shares: not at all, DNAT, DNAT and SNAT.
PLAIN, DNAT, MASQUERADED = range(3)
TRANSLATED = (0.25, 0.55, 0.20)
# Who saw a connection, as shares: everybody, flow logs alone, conntrack alone, flow logs and conntrack of one node.
EVERYBODY, FLOWS, CONNTRACK, CLIENT, SERVER = range(5)
SEEN = (0.82, 0.06, 0.06, 0.03, 0.03)
# Rows of a connection that so many saw: conntrack, flows.
ROWS = {EVERYBODY: (2, 4), FLOWS: (0, 4), CONNTRACK: (2, 0), CLIENT: (1, 4), SERVER: (1, 4)}
TCP, SYN_FIN, SYN_ACK_FIN = 6, 3, 19


@dataclass(frozen=True)
class Cluster:
    """Numbers of names and addresses. Names: nodes from 1, then two ENIs of each. Addresses: pods from 1, nodes, services."""

    nodes: int
    pods: int
    services: int

    def node(self, pod: Ints) -> Ints:
        """Name code of the node of a pod, which is counted from 0."""
        return pod % self.nodes + 1

    def eni(self, node: Ints, *, primary: Flags) -> Ints:
        """Name code of an ENI of a node."""
        return self.nodes + 2 * node - primary


def make_tables(folder: Path, records: int) -> dict[str, Any]:
    """Write ``conntrack.arrow`` and ``flows.arrow`` of about so many records, unless they are there.

    Returns
    -------
    ``conntrack`` and ``flows``, the two files; ``records``, ``paths``, ``names`` and ``addresses``, how many there are.
    """
    home = folder / f"join-{records}"
    done = home / "made.json"
    if not done.exists():
        home.mkdir(parents=True, exist_ok=True)
        each = sum(share * sum(ROWS[seen]) for seen, share in enumerate(SEEN))
        done.write_text(json.dumps(_make(home, max(50, round(records / each)))), encoding="utf-8")
    return json.loads(done.read_text(encoding="utf-8"))


def read_table(path: str) -> pa.Table:
    """A table that ``make_tables`` wrote, mapped: nothing is decoded, and columns that nobody asks for are not touched."""
    with pa.memory_map(path) as file:
        return pa.ipc.open_file(file).read_all()


def _make(home: Path, count: int) -> dict[str, Any]:
    rng = np.random.default_rng(SEED)
    pods = int(np.clip(count // 5000, 40, 5000))
    cluster = Cluster(max(4, pods // 30), pods, max(4, pods // 10))
    made = _connections(rng, cluster, count)
    files = {name: str(home / f"{name}.arrow") for name in ("conntrack", "flows")}
    with ThreadPoolExecutor(2) as workers:
        rows = sum(workers.map(_write, files.values(), (_conntrack(made, rng), _flows(made, cluster))))
    addresses = cluster.pods + cluster.nodes + cluster.services
    return {**files, "records": rows, "paths": count, "names": 3 * cluster.nodes, "addresses": addresses}


def _connections(rng: np.random.Generator, cluster: Cluster, count: int) -> Columns:
    """Connections by start; those that come again have all tuples of one before."""
    slots = count - int(count * REUSED)
    place = rng.permutation(slots)
    client = place % cluster.pods
    node = cluster.node(client)
    server = rng.integers(0, cluster.pods, slots)
    server = np.where(cluster.node(server) == node, (server + 1) % cluster.pods, server)
    service = rng.integers(0, cluster.services, slots)
    nat = rng.choice(len(TRANSLATED), slots, p=TRANSLATED)
    port, server_port = 1024 + place // cluster.pods, 8000 + service % 10
    masked = nat == MASQUERADED
    start = BEGAN + rng.integers(0, SPAN_S * SECOND, slots)
    lasted_s = np.minimum(rng.exponential(8, slots), LONGEST_S).astype(np.int64)
    what = {
        "client": client + 1, "port": port, "node": node, "server": server + 1, "server_port": server_port, "server_node": cluster.node(server),
        "dialled": np.where(nat == PLAIN, server + 1, cluster.pods + cluster.nodes + 1 + service),
        "dialled_port": np.where(nat == PLAIN, server_port, 80),
        "source": np.where(masked, cluster.pods + node, client + 1),
        "source_port": np.where(masked, 1024 + _rank(node, masked) % 60_000, port),
        "start": start, "lasted_s": lasted_s,
    }  # fmt: skip
    again = slice(0, count - slots)
    out = {name: np.concatenate([values, values[again]]) for name, values in what.items()}
    rest_s = rng.integers(*REST_S, count - slots)
    out["start"][slots:] += (lasted_s[again] + HELD_S + rest_s) * SECOND
    out["seen"] = rng.choice(len(SEEN), count, p=SEEN)
    out["late"] = rng.integers(100, 50_000, count)
    for way in ("forward", "return"):
        out[f"{way}_packets"] = rng.integers(3, 200, count)
        out[f"{way}_bytes"] = out[f"{way}_packets"] * rng.integers(52, 1400, count)
    order = np.argsort(out["start"])
    return {name: values[order] for name, values in out.items()}


def _rank(group: Ints, of: Flags) -> Ints:
    """Number of each chosen row among the chosen rows of its group, 0 for others."""
    chosen = np.flatnonzero(of)
    order = chosen[np.argsort(group[chosen], kind="stable")]
    begins = np.searchsorted(group[order], group[order])
    rank = np.zeros(group.shape[0], np.int64)
    rank[order] = np.arange(order.shape[0]) - begins
    return rank


def _conntrack(made: Columns, rng: np.random.Generator) -> Columns:
    """What DESTROY events with [start=] say: on the client's node what it translates, on the server's what arrives."""
    at_client = np.flatnonzero(np.isin(made["seen"], (EVERYBODY, CONNTRACK, CLIENT)))
    at_server = np.flatnonzero(np.isin(made["seen"], (EVERYBODY, CONNTRACK, SERVER)))

    def both(client: str, server: str) -> Ints:
        return np.concatenate([made[client][at_client], made[server][at_server]])

    start = np.concatenate([made["start"][at_client], (made["start"] + made["late"])[at_server]])
    lived_s = both("lasted_s", "lasted_s") + HELD_S
    return {
        "node": both("node", "server_node").astype(np.uint32),
        "event": np.full(start.shape[0], DESTROY, np.uint8),
        "seen_at": start + lived_s * SECOND,
        "protocol_number": np.full(start.shape[0], TCP, np.int32),
        "zone": np.zeros(start.shape[0], np.int32),
        "state": np.full(start.shape[0], field("state").code("TIME_WAIT"), np.uint8),
        "orig_src_ip": both("client", "source").astype(np.uint32),
        "orig_src_port": both("port", "source_port").astype(np.int32),
        "orig_dst_ip": both("dialled", "server").astype(np.uint32),
        "orig_dst_port": both("dialled_port", "server_port").astype(np.int32),
        "reply_src_ip": both("server", "server").astype(np.uint32),
        "reply_src_port": both("server_port", "server_port").astype(np.int32),
        "reply_dst_ip": both("source", "source").astype(np.uint32),
        "reply_dst_port": both("source_port", "source_port").astype(np.int32),
        "orig_packets": both("forward_packets", "forward_packets"),
        "orig_bytes": both("forward_bytes", "forward_bytes"),
        "reply_packets": both("return_packets", "return_packets"),
        "reply_bytes": both("return_bytes", "return_bytes"),
        "replied": np.ones(start.shape[0], np.int8),
        "assured": np.ones(start.shape[0], np.int8),
        "delta_time_s": lived_s,
        "start_at": start,
        "conntrack_id": rng.integers(1, 1 << 32, start.shape[0]).astype(np.uint64),
    }


def _flows(made: Columns, cluster: Cluster) -> Columns:
    """One row for each of the two ENIs and directions."""
    chosen = np.flatnonzero(made["seen"] != CONNTRACK)
    made = {name: values[chosen] for name, values in made.items()}
    masked = made["source"] != made["client"]
    client, server = (
        cluster.eni(made[name], primary=np.zeros_like(masked)) for name in ("node", "server_node")
    )
    begin = made["start"] // SECOND * SECOND
    end = (made["start"] + made["lasted_s"] * SECOND) // SECOND * SECOND
    there, back = (
        ("source", "source_port", "server", "server_port"),
        ("server", "server_port", "source", "source_port"),
    )
    into, out = field("direction").code("in"), field("direction").code("out")
    # what is masqueraded comes back over the primary ENI
    legs = [
        (client, out, there, "forward"), (server, into, there, "forward"), (server, out, back, "return"),
        (cluster.eni(made["node"], primary=masked), into, back, "return"),
    ]  # fmt: skip
    count = chosen.shape[0]
    kinds = (("src_ip", np.uint32), ("src_port", np.int32), ("dst_ip", np.uint32), ("dst_port", np.int32))
    return {
        "eni": np.concatenate([eni for eni, *_ in legs]).astype(np.uint32),
        "direction": np.repeat(np.array([way for _, way, *_ in legs], np.uint8), count),
        "action": np.full(4 * count, field("action").code("ACCEPT"), np.uint8),
        "log_status": np.full(4 * count, field("log_status").code("OK"), np.uint8),
        "protocol_number": np.full(4 * count, TCP, np.int32),
        **{
            name: np.concatenate([made[ends[place]] for _, _, ends, _ in legs]).astype(kind)
            for place, (name, kind) in enumerate(kinds)
        },
        "tcp_flags": np.repeat(np.array([SYN_FIN, SYN_FIN, SYN_ACK_FIN, SYN_ACK_FIN], np.int32), count),
        "packets": np.concatenate([made[f"{way}_packets"] for *_, way in legs]),
        "bytes": np.concatenate([made[f"{way}_bytes"] for *_, way in legs]),
        "window_start": np.tile(begin, 4),
        "window_end": np.tile(end, 4),
    }


def _write(path: str, columns: Columns) -> int:
    """Write rows as one file after another would give them: by node or ENI, each in order of time.

    All fields of the canonical table that are numbers inside are there; one that is not made is null in every row, as its storage type has it.
    """
    name, place, time = (
        ("conntrack", "node", "seen_at") if "node" in columns else ("flows", "eni", "window_end")
    )
    order = np.argsort(columns[time], kind="stable")
    order = order[np.argsort(columns[place][order].astype(np.uint16), kind="stable")]
    storage = {item.name: STORAGE[item.type] for item in table(name).fields if item.type in STORAGE}
    rows = pa.table(
        {
            name: columns[name][order] if name in columns else np.full(order.shape[0], null, kind)
            for name, (kind, null) in storage.items()
        }
    )
    with pa.ipc.new_file(path, rows.schema) as sink:
        sink.write_table(rows)
    return rows.num_rows
