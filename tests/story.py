"""Small exports of made-up clusters: who connects to whom, written down as each node and ENI would have seen it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flowstitch

T0 = 1_795_400_000


def iso(second: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(T0 + second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Hop:
    """What one node's conntrack saw: original source and destination, and the reply tuple where it differs.

    Endpoints are (address, port); ``back`` and ``via`` are the reply's source and destination. An ``empty`` connection
    carried no payload.
    """

    node: str
    src: tuple[str, int]
    dst: tuple[str, int]
    back: tuple[str, int] | None = None
    via: tuple[str, int] | None = None
    zone: int = 0
    empty: bool = False
    mark: int = 0


@dataclass
class Story:
    """A cluster and what happened in it; times in seconds after ``T0``.

    Attributes
    ----------
    late : by node, how far its clock is ahead.
    """

    late: dict[str, float] = field(default_factory=dict)
    nodes: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    pods: list[dict[str, Any]] = field(default_factory=list)
    services: list[dict[str, Any]] = field(default_factory=list)
    slices: list[dict[str, Any]] = field(default_factory=list)
    enis: list[dict[str, Any]] = field(default_factory=list)
    events: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    flows: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    dumps: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    balanced: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    ids: int = 0

    def node(self, name: str, ip: str, kubelet_version: str | None = None) -> None:
        self.nodes[name] = ip
        if kubelet_version:
            self.versions[name] = kubelet_version
        self.eni(f"eni-{name}-primary", name, "Primary", [ip])

    def eni(self, name: str, node: str, kind: str, ips: list[str], vpc: str = "vpc-1") -> None:
        sets = {"PrivateIpSet": [{"PrivateIpAddress": ip} for ip in ips if ":" not in ip]}
        v6 = {"Ipv6Set": [{"Ipv6Address": ip} for ip in ips if ":" in ip]}
        first = next((ip for ip in ips if ":" not in ip), "")
        self.enis.append(
            {"NetworkInterfaceId": name, "InstanceId": f"i-{node}", "Type": kind, "PrivateIpAddress": first, "VpcId": vpc,
             "PrivateIpSets": sets, "Ipv6Sets": v6, "CreationTime": iso(-9000)}
        )  # fmt: skip

    def pod(
        self, name: str, node: str, ip: str, start: float = -9000, end: float | None = None, eni: bool = True
    ) -> None:
        meta = {"namespace": "ns", "name": name, "creationTimestamp": iso(start)}
        if end is not None:
            meta["deletionTimestamp"] = iso(end)
        status = {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "startTime": iso(start)}
        self.pods.append({"kind": "Pod", "metadata": meta, "spec": {"nodeName": node}, "status": status})
        if eni:
            self.eni(f"eni-{node}-{name}", node, "Secondary", [ip])

    def service(
        self,
        name: str,
        ip: str,
        port: int,
        ends: list[tuple[str, str, int]],
        policy: str = "Cluster",
        lb: str = "",
        node_port: int = 0,
        internal: str = "Cluster",
        external: str = "",
    ) -> None:
        spec: dict[str, Any] = {
            "type": "ClusterIP",
            "clusterIP": ip,
            "clusterIPs": [ip],
            "internalTrafficPolicy": internal,
        }
        spec["ports"] = [
            {"name": "p", "protocol": "TCP", "port": port, "targetPort": ends[0][2] if ends else port}
        ]
        if external:
            spec |= {"externalIPs": [external], "externalTrafficPolicy": policy}
        if lb or node_port:
            spec |= {"type": "LoadBalancer", "externalTrafficPolicy": policy}
            spec["ports"][0]["nodePort"] = node_port or None
        status = {"loadBalancer": {"ingress": [{"ip": lb}] if lb else []}}
        meta = {"namespace": "ns", "name": name, "creationTimestamp": iso(-9000)}
        self.services.append({"kind": "Service", "metadata": meta, "spec": spec, "status": status})
        labels = {
            "namespace": "ns",
            "name": f"{name}-x",
            "labels": {"kubernetes.io/service-name": name},
            "creationTimestamp": iso(-9000),
        }
        for node, end_ip, end_port in ends:
            self.slices.append(
                {"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", "metadata": labels,
                 "endpoints": [{"addresses": [end_ip], "nodeName": node, "conditions": {"ready": True}}],
                 "ports": [{"name": "p", "port": end_port, "protocol": "TCP"}]}
            )  # fmt: skip

    def connect(
        self,
        hops: list[Hop],
        start: float,
        length: float = 0.2,
        answered: bool = True,
        destroyed: bool = True,
    ) -> None:
        """A TCP connection as each hop's node reports it: opened, closed, and its entry removed two minutes later."""
        for delay, hop in enumerate(hops):
            self.ids += 1
            at = start + 0.001 * delay + self.late.get(hop.node, 0)
            lines = self.events.setdefault(hop.node, [])
            steps = [(0.0, "    [NEW]", "120 SYN_SENT", False)]
            if answered:
                steps += [
                    (0.01, " [UPDATE]", "60 SYN_RECV", True),
                    (0.02, " [UPDATE]", "86400 ESTABLISHED", True),
                ]
                steps += [(length, " [UPDATE]", "120 TIME_WAIT", True)]
            for after, event, state, replied in steps:
                lines.append(
                    (at + after, f"{event} {self._entry(hop, state, replied, counted=False)} id={self.ids}")
                )
            if destroyed:
                state = "TIME_WAIT" if answered else "SYN_SENT"
                gone = at + length + 120 if answered else at + 120
                text = self._entry(hop, state, answered, counted=True)
                lines.append((gone, f"[DESTROY] {text} delta-time={int(gone - at)} id={self.ids}"))

    def _entry(self, hop: Hop, state: str, replied: bool, *, counted: bool) -> str:
        back, via = hop.back or hop.dst, hop.via or hop.src
        family = "ipv6     10" if ":" in hop.src[0] else "ipv4     2"
        sizes = (260, 208) if hop.empty else (400, 500)
        counters = f" packets=5 bytes={sizes[0]}" if counted else ""
        answers = f" packets={4 if replied else 0} bytes={sizes[1] if replied else 0}" if counted else ""
        zone = (f" mark={hop.mark}" if hop.mark else "") + (f" zone={hop.zone}" if hop.zone else "")
        return (
            f"{family} tcp      6 {state} src={hop.src[0]} dst={hop.dst[0]} sport={hop.src[1]} dport={hop.dst[1]}{counters}"
            f"{'' if replied else ' [UNREPLIED]'} src={back[0]} dst={via[0]} sport={back[1]} dport={via[1]}{answers}"
            f"{' [ASSURED]' if replied else ''}{zone}"
        )

    def cross(
        self,
        eni: str,
        direction: str,
        src: tuple[str, int | str],
        dst: tuple[str, int | str],
        start: float,
        end: float,
        **more: Any,
    ) -> None:
        """A row of a flow log."""
        row = {"eni-id": eni, "direction": direction, "srcaddr": src[0], "srcport": src[1], "dstaddr": dst[0], "dstport": dst[1],
               "protocol": 6, "packets": 5, "bytes": 400, "start": int(T0 + start), "end": int(T0 + end), "action": "ACCEPT",
               "log-status": "OK", "tcp-flags": 11, "__topic__": "flow_log"}  # fmt: skip
        self.flows.append(row | {key.replace("_", "-"): value for key, value in more.items()})

    def quiet(self, eni: str, start: float, end: float, status: str = "NODATA") -> None:
        """A row of a flow log that has no traffic: there was none, or with SKIPDATA nobody wrote it down."""
        self.cross(
            eni,
            "-",
            ("-", "-"),
            ("-", "-"),
            start,
            end,
            log_status=status,
            action="-",
            protocol="-",
            packets="-",
            bytes="-",
            tcp_flags="-",
        )

    def balance(self, node: str, at: int, *ends: tuple[str, int]) -> None:
        """A row of a node's IPVS connection table: source, virtual service, real server."""
        row = "TCP 01:00  ESTABLISHED " + " ".join(f"{ip}:{port}" for ip, port in ends) + "\n"
        self.balanced.setdefault((node, at), []).append(row)

    def request(
        self, end: float, upstream: str = "-", took: str = "-", status: str = "200", **more: Any
    ) -> None:
        """A row of a load balancer's access log, written when the response was sent; lists of attempts have commas."""
        times = [float(item) for item in took.split(",") if item.strip() != "-"]
        row = {"time": iso(end), "slbid": "lb-1", "vip_addr": "198.51.100.1", "slb_vport": "80", "client_ip": "203.0.113.9",
               "client_port": str(40000 + len(self.requests)), "request_method": "GET", "host": "shop", "request_uri": "/",
               "status": status.rpartition(",")[2].strip(), "request_time": f"{sum(times):.3f}", "upstream_addr": upstream,
               "upstream_response_time": took, "upstream_status": status if upstream != "-" else "-"}  # fmt: skip
        self.requests.append(row | more)

    def dump(self, node: str, at: int, hop: Hop, state: str) -> None:
        """A row of a plain ``conntrack -L``: no counters, no age, no id; ``state`` with what is left of its timeout."""
        row = f"{self._entry(hop, state, True, counted=False)} mark=0 use=1\n"
        self.dumps.setdefault((node, at), []).append(row)

    def write(self, folder: Path) -> Path:
        """Write the export."""
        node_items = [
            {"kind": "Node", "metadata": {"name": name, "creationTimestamp": iso(-9000), "labels": self.labels.get(name, {})},
             "spec": {"providerID": f"region.i-{name}"},
             "status": {"addresses": [{"type": "InternalIP", "address": ip}], "nodeInfo": {"kubeletVersion": self.versions.get(name)}}}
            for name, ip in self.nodes.items()
        ]  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        items = [*node_items, *self.pods, *self.services, *self.slices]
        for item in items:
            item.setdefault("apiVersion", "v1")
        (folder / "objects.json").write_text(json.dumps({"kind": "List", "apiVersion": "v1", "items": items}))
        (folder / "enis.json").write_text(
            json.dumps({"NetworkInterfaceSets": {"NetworkInterfaceSet": self.enis}})
        )
        for node, lines in self.events.items():
            (folder / "nodes" / node).mkdir(parents=True, exist_ok=True)
            text = "".join(
                f"[{T0 + at:.6f}]\t{line}\n" for at, line in sorted(lines, key=lambda pair: pair[0])
            )
            (folder / "nodes" / node / "events").write_text(text)
        for (node, at), lines in self.dumps.items():
            (folder / "nodes" / node).mkdir(parents=True, exist_ok=True)
            (folder / "nodes" / node / f"dump.{T0 + at}.0.txt").write_text("".join(lines))
        for (node, at), lines in self.balanced.items():
            (folder / "nodes" / node).mkdir(parents=True, exist_ok=True)
            head = "IPVS connection entries\npro expire state       source             virtual            destination\n"
            (folder / "nodes" / node / f"ipvs.{T0 + at}.0.txt").write_text(head + "".join(lines))
        if self.flows:
            (folder / "flows").write_text("".join(json.dumps(row) + "\n" for row in self.flows))
        if self.requests:
            (folder / "requests").write_text("".join(json.dumps(row) + "\n" for row in self.requests))
        return folder

    def tell(self, folder: Path) -> list[dict[str, Any]]:
        """Datapaths of the story, by start."""
        flowstitch.run(self.write(folder / "export"), out=folder / "result")
        with flowstitch.open(folder / "result") as opened:
            return sorted(
                opened.table("datapaths").to_pylist(), key=lambda path: (path["first_seen"], path["path_id"])
            )
