"""The raw form of logs: conntrack(8), VPC flow logs of both clouds, CLB access logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute

from flowstitch.simulator.cluster import ACCOUNT, REGION, VPC
from flowstitch.simulator.connections import ICMP, ICMPV6
from flowstitch.simulator.conntrack import LIST, STATES
from flowstitch.simulator.flowlogs import ACTIONS, OK, STATUSES
from flowstitch.simulator.ipvs import HEADER as IPVS_HEADER
from flowstitch.simulator.ipvs import STATES as IPVS_STATES
from flowstitch.simulator.layout import ACCESS_LOG, events_file, flow_file, ipvs_file, list_file
from flowstitch.simulator.requests import LB_PORT, METHODS, lb_address, lb_name
from flowstitch.simulator.requests import seconds as seconds_texts
from flowstitch.simulator.settings import SECOND
from flowstitch.simulator.text import append_gzip, cut, lines, number_texts, optional, padded, word_texts

if TYPE_CHECKING:
    from pathlib import Path

    from flowstitch.arrays import Flags, Ints
    from flowstitch.simulator.cluster import Cluster
    from flowstitch.simulator.conntrack import ConntrackRows
    from flowstitch.simulator.flowlogs import FlowRows
    from flowstitch.simulator.ipvs import IpvsRows
    from flowstitch.simulator.requests import RequestRows
    from flowstitch.simulator.settings import Settings

EVENTS = ("", "", "    [NEW] ", " [UPDATE] ", "[DESTROY] ")
PROTOCOLS = {6: "tcp      6 ", 17: "udp      17 ", ICMP: "icmp     1 ", ICMPV6: "icmpv6   58 "}
ALIBABA_COLUMNS = (
    "version", "account-id", "eni-id", "vm-id", "vswitch-id", "vpc-id", "region", "srcaddr", "srcport", "protocol", "dstaddr", "dstport",
    "direction", "packets", "bytes", "start", "end", "tcp-flags", "action", "log-status", "traffic_path",
)  # fmt: skip
AWS_COLUMNS = (
    "version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end",
    "action", "log-status", "vpc-id", "subnet-id", "instance-id", "tcp-flags", "type", "pkt-srcaddr", "pkt-dstaddr", "region", "az-id",
    "flow-direction", "traffic-path",
)  # fmt: skip


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
        self.counts = {"conntrack": 0, "flows": 0, "requests": 0, "ipvs_connections": 0}
        # a node of which nothing is in its table, or an ENI without a window, has an empty file all the same
        self._header = {
            "aws": " ".join(AWS_COLUMNS) + "\n",
            "alibaba-csv": ",".join(ALIBABA_COLUMNS) + "\n",
        }.get(settings.flow_logs, "")
        self._headed: set[str] = set()

    def conntrack(self, rows: ConntrackRows) -> None:
        """Events, or one dump, of nodes in order."""
        if len(rows) == 0:
            return
        ordered = rows.ordered("node")
        dump = int(ordered.dump[0])
        for node, content in cut(self._entries(ordered), ordered.node):
            name = (
                events_file(self._cluster, node)
                if dump < 0
                else list_file(self._cluster, node, self._settings.dump_times[dump] + int(self._skew[node]))
            )
            append_gzip(self._directory / name, content)
        self.counts["conntrack"] += len(rows)

    def flows(self, rows: FlowRows) -> None:
        """Rows of flow logs."""
        if len(rows) == 0:
            return
        ordered = rows.ordered("eni", "end_s")
        texts = self._flow_lines(ordered)
        for eni, content in cut(texts, ordered.eni):
            self._append(flow_file(self._cluster, eni, self._settings), self._header, content)
        self.counts["flows"] += len(rows)

    def ipvs(self, rows: IpvsRows) -> None:
        """One listing of IPVS connections, of nodes in order."""
        if len(rows) == 0:
            return
        ordered = rows.ordered("node")
        at = self._settings.dump_times[int(ordered.dump[0])]
        ends = (
            self._end(getattr(ordered, end), getattr(ordered, f"{end}_port"))
            for end in ("client", "virtual", "server")
        )
        texts = lines(
            word_texts([PROTOCOLS.get(number, "").split(" ")[0].upper() for number in range(max(PROTOCOLS) + 1)], ordered.protocol),
            " ", padded(ordered.left_s // 60, 2), ":", padded(ordered.left_s % 60, 2), " ",
            pyarrow.compute.utf8_rpad(word_texts(IPVS_STATES, ordered.state), 11, " "),
            *(part for end in ends for part in (" ", pyarrow.compute.utf8_rpad(end, 18, " "))), "\n",
        )  # fmt: skip
        for node, content in cut(texts, ordered.node):
            self._append(ipvs_file(self._cluster, node, at + int(self._skew[node])), IPVS_HEADER, content)
        self.counts["ipvs_connections"] += len(rows)

    def requests(self, rows: RequestRows) -> None:
        """Rows of the access log of all load balancers."""
        if len(rows) == 0:
            return
        services = range(len(self._cluster.services))
        seconds = number_texts(rows.at_s).cast(pa.int64()).cast(pa.timestamp("s"))
        ip = self._address(rows.client)
        attempts = rows.texts(self._cluster.addresses)
        texts = lines(
            '{"__topic__":"slb_layer7_access_log","body_bytes_sent":"', number_texts(rows.told),
            '","client_ip":"', ip, '","client_port":"', number_texts(rows.client_port),
            '","host":"', word_texts([f"app-{service}.example.com" for service in services], rows.service),
            '","read_request_time":"0","request_length":"', number_texts(rows.asked),
            '","request_method":"', word_texts(METHODS, rows.method),
            '","request_time":"', seconds_texts(rows.total_ms), '","request_uri":"', attempts["uri"],
            '","scheme":"http","server_protocol":"HTTP/1.1","slb_vport":"', str(LB_PORT),
            '","slbid":"', word_texts([lb_name(service) for service in services], rows.service),
            '","status":"', number_texts(rows.status), '","tcpinfo_rtt":"1200","time":"',
            pa.compute.strftime(seconds, "%Y-%m-%dT%H:%M:%S"), '+00:00","upstream_addr":"', attempts["upstream_addrs"],
            '","upstream_response_time":"', attempts["upstream_response_times"],
            '","upstream_status":"', attempts["upstream_statuses"],
            '","vip_addr":"', word_texts([lb_address(service) for service in services], rows.service),
            '","write_response_time":"0"}\n',
        )  # fmt: skip
        append_gzip(self._directory / ACCESS_LOG, next(cut(texts, np.zeros(len(rows), np.int64)))[1])
        self.counts["requests"] += len(rows)

    def close(self) -> None:
        """Nothing is kept back."""

    def _append(self, name: str, header: str, content: bytes) -> None:
        """Append to a file that begins with a header."""
        head = b"" if name in self._headed else header.encode()
        self._headed.add(name)
        append_gzip(self._directory / name, head + content)

    def _end(self, addresses: Ints, ports: Ints) -> pa.Array:
        """``address:port``, with brackets around an IPv6 address."""
        wide = pa.array(self._v6[addresses])
        left, right = (pyarrow.compute.if_else(wide, bracket, "") for bracket in "[]")
        return lines(left, self._address(addresses), right, ":", number_texts(ports))

    def _address(self, numbers: Ints) -> pa.Array:
        return word_texts(self._cluster.addresses, numbers)

    def _entries(self, rows: ConntrackRows) -> pa.Array:
        listed = rows.event == LIST
        counted = rows.orig_packets >= 0
        stamp = lines("[", number_texts(rows.seen // SECOND), ".", padded(rows.seen % SECOND, 6), "]\t")
        begun = pa.array(np.maximum(rows.begun_s, 0)).cast(pa.timestamp("s"))
        return lines(
            optional(~listed, stamp), word_texts(EVENTS, rows.event),
            word_texts(("ipv4     2 ", "ipv6     10 "), self._v6[rows.orig_src].astype(np.int64)),
            word_texts([PROTOCOLS.get(number, "") for number in range(max(PROTOCOLS) + 1)], rows.protocol),
            optional(rows.timeout_s >= 0, lines(number_texts(rows.timeout_s), " ")),
            word_texts([f"{state} " if state else "" for state in STATES], rows.state),
            self._tuple(rows, "orig", counted, echo=(8, 128)),
            optional(~rows.replied, word_texts(["[UNREPLIED] "], np.zeros(len(rows), np.int64))),
            self._tuple(rows, "reply", counted, echo=(0, 129)),
            optional(rows.assured, word_texts(["[ASSURED] "], np.zeros(len(rows), np.int64))),
            optional(listed, word_texts(["mark=0 "], np.zeros(len(rows), np.int64))),
            optional(rows.delta_s >= 0, lines("delta-time=", number_texts(rows.delta_s), " ")),
            optional(rows.begun_s >= 0, lines("[start=", pa.compute.strftime(begun, "%a %b %e %H:%M:%S %Y"), "] use=1 ")),
            "id=", number_texts(rows.ident), "\n",
        )  # fmt: skip

    def _tuple(self, rows: ConntrackRows, side: str, counted: Flags, *, echo: tuple[int, int]) -> pa.Array:
        src_port, dst_port = (getattr(rows, f"{side}_{name}_port") for name in ("src", "dst"))
        kind = np.select([rows.protocol == ICMP, rows.protocol == ICMPV6], [0, 1], 2)
        ports = pa.compute.choose(
            pa.array(kind),
            *(lines(f"type={number} code=0 id=", number_texts(src_port), " ") for number in echo),
            lines("sport=", number_texts(src_port), " dport=", number_texts(dst_port), " "),
        )
        counters = lines(
            "packets=", number_texts(getattr(rows, f"{side}_packets")),
            " bytes=", number_texts(getattr(rows, f"{side}_bytes")), " ",
        )  # fmt: skip
        return lines(
            "src=", self._address(getattr(rows, f"{side}_src")), " dst=", self._address(getattr(rows, f"{side}_dst")), " ",
            ports, optional(counted, counters),
        )  # fmt: skip

    def _flow_lines(self, rows: FlowRows) -> pa.Array:
        values = self._flow_values(rows)
        if self._settings.flow_logs == "alibaba":
            parts: list[str | pa.Array] = ['{"__topic__":"flow_log","__time__":', number_texts(rows.end_s)]
            for name in ALIBABA_COLUMNS:
                parts += [f',"{name}":"', values[name], '"']
            return lines(*parts, "}\n")
        columns, gap = (AWS_COLUMNS, " ") if self._settings.flow_logs == "aws" else (ALIBABA_COLUMNS, ",")
        parts = []
        for name in columns:
            parts += [values[name], gap]
        return lines(*parts[:-1], "\n")

    def _flow_values(self, rows: FlowRows) -> dict[str, str | pa.Array]:
        """Texts of all columns of both clouds."""
        cluster, ok = self._cluster, pa.array(rows.status == OK)
        nodes = np.array([eni.node for eni in cluster.enis])[rows.eni]

        def traffic(texts: pa.Array | str) -> pa.Array:
            return pa.compute.if_else(ok, texts, "-")

        src, dst = self._address(rows.src), self._address(rows.dst)
        out = rows.out.astype(np.int64)
        interface = word_texts([eni.ips[0] for eni in cluster.enis], rows.eni)
        own_src, own_dst = (
            pa.compute.if_else(pa.array(rows.out == way), interface, ip)
            for way, ip in ((True, src), (False, dst))
        )
        aws = self._settings.flow_logs == "aws"
        zones = [f"vsw-{node.zone}" for node in cluster.nodes]
        return {
            "version": "5" if aws else "1", "account-id": ACCOUNT, "region": REGION, "vpc-id": VPC,
            "eni-id": word_texts([eni.name for eni in cluster.enis], rows.eni),
            "interface-id": word_texts([eni.name for eni in cluster.enis], rows.eni),
            "vm-id": word_texts([node.instance for node in cluster.nodes], nodes),
            "instance-id": word_texts([node.instance for node in cluster.nodes], nodes),
            "vswitch-id": word_texts(zones, nodes), "subnet-id": word_texts(zones, nodes),
            "az-id": word_texts([node.zone for node in cluster.nodes], nodes),
            "srcaddr": traffic(own_src if aws else src), "dstaddr": traffic(own_dst if aws else dst),
            "pkt-srcaddr": traffic(src), "pkt-dstaddr": traffic(dst),
            "srcport": traffic(number_texts(rows.src_port)), "dstport": traffic(number_texts(rows.dst_port)),
            "protocol": traffic(number_texts(rows.protocol)),
            "direction": traffic(word_texts(("in", "out"), out)),
            "flow-direction": traffic(word_texts(("ingress", "egress"), out)),
            "packets": traffic(number_texts(rows.packets)), "bytes": traffic(number_texts(rows.octets)),
            "start": number_texts(rows.start_s), "end": number_texts(rows.end_s), "tcp-flags": traffic(number_texts(rows.flags)),
            "action": traffic(word_texts(ACTIONS, rows.denied.astype(np.int64))), "log-status": word_texts(STATUSES, rows.status),
            "type": traffic(word_texts(("IPv4", "IPv6"), self._v6[rows.src].astype(np.int64))),
            "traffic_path": "-", "traffic-path": traffic(word_texts(("-", "1"), out)),
        }  # fmt: skip
