"""What really happened, a row per connection: what a perfect reconstruction would say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from flowstitch.simulator.cases import cases
from flowstitch.simulator.connections import CLOSED, DATAGRAMS, ICMP, ICMPV6, REFUSED, SILENT
from flowstitch.simulator.routes import ends_of, eni_of
from flowstitch.simulator.settings import SECOND
from flowstitch.simulator.text import Layout

if TYPE_CHECKING:
    from pathlib import Path

    from flowstitch.arrays import Ints
    from flowstitch.simulator.cluster import Cluster
    from flowstitch.simulator.connections import Connections

MOST_SEGMENTS = 4
LEGS = ("forward_out", "forward_in", "return_out", "return_in")
OUTCOMES = {CLOSED: "ok", DATAGRAMS: "ok", REFUSED: "refused", SILENT: "none"}
PROTOCOLS = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmpv6"}
_WORDS = pa.dictionary(pa.int32(), pa.string())
_NAMED = [
    "case", "protocol", "client_ip", "dialled_ip", "outcome", "server_ip", "client_node", "server_node", "client_name",
    "server_name", "service", "snat_ip", "scenario", "return_lands_on", *(f"{leg}_eni" for leg in LEGS),
]  # fmt: skip
SCHEMA = pa.schema(
    [("id", pa.int64())]
    + [(name, _WORDS) for name in _NAMED]
    + [(name, pa.uint16()) for name in ("client_port", "icmp_id", "dialled_port", "server_port", "snat_port")]
    + [("sop", pa.uint8()), ("t_start", pa.timestamp("us")), ("t_end", pa.timestamp("us"))]
    + [("segments", pa.list_(pa.string()))]
)
# As the truths of captures have it.
CSV_COLUMNS = (
    "id", "lab_case", "in_conntrack", "protocol", "client_ip", "client_port", "icmp_id", "dialled_ip", "dialled_port", "t_start",
    "t_end", "outcome", "server_ip", "server_port", "client_node", "server_node", "snat_ip", "snat_port", "sop", "scenario",
    "return_lands_on", "forward_out_eni", "forward_in_eni", "return_out_eni", "return_in_eni",
)  # fmt: skip


class Truth:
    """Makes the rows of connections."""

    def __init__(self, cluster: Cluster, proxy: str) -> None:
        self._cluster, self._cases = cluster, cases(proxy)
        self._addresses = pa.array(cluster.addresses)
        self._segment = Layout(
            "{src:addresses} {src_port} > {dst:addresses} {dst_port}", addresses=cluster.addresses
        )
        self._enis = pa.array([eni.name for eni in cluster.enis])
        self._nodes = pa.array([node.name for node in cluster.nodes])
        pods = sorted(cluster.pods, key=lambda pod: (pod.host, pod.begin or 0))
        self._pod_names = pa.array(
            [f"{pod.namespace}/{pod.name}" for pod in pods] + [node.name for node in cluster.nodes]
        )
        first = np.searchsorted([pod.host for pod in pods], np.arange(len(cluster.groups["pods"])))
        named = np.append(first, len(pods) + np.arange(len(cluster.nodes)))
        self._first_pod = np.append(named, np.full(cluster.hosts.node.shape[0] - named.shape[0], -1))
        self._services = pa.array([service_name(service.name) for service in cluster.services])

    def table(self, connections: Connections) -> pa.Table:
        """Truth of connections, in their order."""
        count, cluster = len(connections), self._cluster
        snat = [np.zeros(count, np.int64), np.full(count, -1)]
        legs = {leg: np.full(count, -1) for leg in LEGS}
        answered = connections.packets_back > 0
        # a load balancer that sends a request on, or probes, dials the pod; one that hands on packets is itself dialled
        by_pod = np.array([case.name in {"lb-request", "lb-probe"} for case in self._cases])
        for number, case in enumerate(self._cases):
            rows = np.flatnonzero(connections.case == number)
            part = connections.view(rows)
            if case.snat:
                snat[0][rows], snat[1][rows] = ends_of(case.snat, part, cluster)
            for leg, eni in case.legs.items():
                seen = np.ones(rows.shape[0], np.bool_) if leg.startswith("forward") else answered[rows]
                legs[leg][rows[seen]] = eni_of(eni, part.view(np.flatnonzero(seen)), cluster)
        echo = (connections.protocol == ICMP) | (connections.protocol == ICMPV6)
        hosts = cluster.hosts
        server_ip = hosts.ip[connections.family, connections.server]
        columns = {
            "id": pa.array(connections.number),
            "case": _chosen(pa.array([case.name for case in self._cases]), connections.case),
            "protocol": _mapped(PROTOCOLS, connections.protocol),
            "client_ip": _chosen(self._addresses, hosts.ip[connections.family, connections.client]),
            "dialled_ip": _chosen(self._addresses, connections.dialled),
            "outcome": _mapped(OUTCOMES, connections.fate),
            "server_ip": _chosen(self._addresses, server_ip),
            "client_node": _chosen(self._nodes, hosts.node[connections.client]),
            "server_node": _chosen(self._nodes, hosts.node[connections.server]),
            "client_name": _chosen(self._pod_names, self._owner(connections.client, connections.start)),
            "server_name": _chosen(self._pod_names, self._owner(connections.server, connections.start)),
            "service": _chosen(self._services, np.where(by_pod[connections.case], -1, connections.service)),
            "snat_ip": _chosen(self._addresses, np.where(snat[0] > 0, snat[0], -1)),
            "scenario": _chosen(pa.array([case.scenario for case in self._cases]), connections.case),
            "return_lands_on": _chosen(
                pa.array([case.lands for case in self._cases]), np.where(answered, connections.case, -1)
            ),
            **{f"{leg}_eni": _chosen(self._enis, legs[leg]) for leg in LEGS},
            "client_port": _numbers(np.where(echo, -1, connections.client_port), pa.uint16()),
            "icmp_id": _numbers(np.where(echo, connections.client_port, -1), pa.uint16()),
            "dialled_port": _numbers(np.where(echo, -1, connections.dialled_port), pa.uint16()),
            "server_port": _numbers(np.where(echo, -1, connections.server_port), pa.uint16()),
            "snat_port": _numbers(np.where(echo, -1, snat[1]), pa.uint16()),
            "sop": pa.array([case.sop for case in self._cases], pa.uint8()).take(pa.array(connections.case)),
            "t_start": pa.array(connections.start).cast(pa.timestamp("us")),
            "t_end": pa.array(connections.end).cast(pa.timestamp("us")),
            "segments": self._segments(connections),
        }
        return pa.Table.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)

    def _owner(self, host: Ints, at: Ints) -> Ints:
        """Pod, or node, of each host at a time; -1 for none."""
        later = np.zeros(host.shape[0], np.int64)
        for moment in self._cluster.handovers:
            later += self._cluster.hosts.recycled[host] & (at >= moment)
        owner = self._first_pod[host]
        return np.where(owner >= 0, owner + later, -1)

    def _segments(self, connections: Connections) -> pa.ListArray:
        """Tuples on the wire of each connection, ``source port > target port`` from the client on."""
        parts, places = [], []
        for number, case in enumerate(self._cases):
            rows = np.flatnonzero(connections.case == number)
            part = connections.view(rows)
            for place, ends in enumerate(case.segments):
                (src, src_port), (dst, dst_port) = (ends_of(end, part, self._cluster) for end in ends)
                parts.append(np.stack([src, src_port, dst, dst_port]))
                places.append(rows * MOST_SEGMENTS + place)
        which = np.concatenate(places)
        order = np.argsort(which)
        src, src_port, dst, dst_port = np.concatenate(parts, axis=1)[:, order]
        columns = {"src": src, "src_port": src_port, "dst": dst, "dst_port": dst_port}
        texts = self._segment.texts(columns)
        offsets = np.searchsorted(which[order] // MOST_SEGMENTS, np.arange(len(connections) + 1))
        return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), texts)


def service_name(name: str) -> str:
    """Service as ``namespace/name``."""
    return f"{'kube-system' if name == 'kube-dns' else 'default'}/{name}"


def _chosen(words: pa.Array, numbers: Ints) -> pa.DictionaryArray:
    """Words by number, null below 0; of words that are the same one stands for all."""
    distinct = words.dictionary_encode()
    if len(distinct.dictionary) < len(words):
        numbers = np.where(numbers < 0, -1, distinct.indices.to_numpy()[numbers])
        words = distinct.dictionary
    return pa.DictionaryArray.from_arrays(pa.array(numbers.astype(np.int32), mask=numbers < 0), words)


def _mapped(words: dict[int, str], numbers: Ints) -> pa.DictionaryArray:
    keys = list(words)
    place = np.full(max(keys) + 1, -1, np.int64)
    place[keys] = np.arange(len(keys))
    return _chosen(pa.array(list(words.values())), place[numbers])


def _numbers(values: Ints, kind: pa.DataType) -> pa.Array:
    return pa.array(values, mask=values < 0).cast(kind)


def write_csv(path: Path, table: pa.Table, proxy: str) -> None:
    """Write the truth as that of a capture is written."""
    fields, words, columns = {}, {}, {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if pa.types.is_dictionary(column.type):
            fields[name], words[name] = f"{{{name}:{name}}}", column.dictionary.to_pylist()
            columns[name] = column.indices.fill_null(-1).to_numpy()
        elif name != "segments":
            fields[name] = f"{{{name}}}"
            columns[name] = column.cast(pa.int64()).fill_null(-1).to_numpy()
    for name in ("t_start", "t_end"):
        fields[name] = f"{{{name}}}.{{{name}_us:06}}"
        columns[name], columns[f"{name}_us"] = np.divmod(columns[name], SECOND)
    tracked = {case.name for case in cases(proxy) if case.entries}
    words["in_conntrack"] = ["yes" if case in tracked else "no" for case in words["case"]]
    fields |= {"id": "c{id:06}", "lab_case": "{case:case}", "in_conntrack": "{case:in_conntrack}"}
    # as RFC 4180 ends lines
    layout = Layout(",".join(fields[name] for name in CSV_COLUMNS) + "\r\n", **words)
    head = ",".join(CSV_COLUMNS) + "\r\n"
    path.write_bytes(b"".join([head.encode(), *(bytes(lines) for lines, _ in layout.write(columns))]))
