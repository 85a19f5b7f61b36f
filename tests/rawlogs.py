"""The capture's raw logs, read by plain Python: what an answer is compared with that must not come from the product."""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

Address = tuple[str, str]

_STAMP = re.compile(r"\[(\d+\.\d+)\]\s+\[(NEW|UPDATE|DESTROY)\]")
_PROTOCOL = re.compile(r" (tcp|udp|icmp) ")
_TUPLE = re.compile(
    r"src=(\S+) dst=(\S+) (?:sport=(\d+) dport=(\d+)|type=\d+ code=\d+ id=(\d+))(?: packets=(\d+) bytes=(\d+))?"
)
_START = re.compile(r"\[start=([^\]]+)\]")
_AGE = re.compile(r"delta-time=(\d+)")
# delta-time and [start=] are in whole seconds, and the reader of the events can be late by some more
_SAME_START_S = 3.0


@dataclass
class Entry:
    """One lifetime of a conntrack entry on one node; endpoints are (address, port or echo id).

    Attributes
    ----------
    src, dst : original tuple. back, via : source and destination of the reply tuple.
    end : of its DESTROY, or of the last dump that lists it.
    counters : (packets, bytes, packets, bytes) of that row.
    destroyed : a DESTROY was seen.
    """

    node: str
    protocol: str
    src: Address
    dst: Address
    back: Address
    via: Address
    start: float
    end: float
    counters: tuple[int, ...]
    destroyed: bool

    @property
    def packets(self) -> int:
        """Packets both ways."""
        return self.counters[0] + self.counters[2]

    @property
    def bytes(self) -> int:
        """IP bytes both ways."""
        return self.counters[1] + self.counters[3]


@dataclass
class Logs:
    """Raw logs and inventory of an export."""

    export: Path
    _known: dict[Any, list[Entry]] = field(default_factory=lambda: defaultdict(list))

    @cached_property
    def entries(self) -> list[Entry]:
        """Entries of all nodes."""
        rows = []
        for folder in sorted((self.export / "nodes").iterdir()):
            for path in sorted(folder.glob("conntrack-*.gz")):
                rows += [_row(folder.name, line) for line in _lines(path) if _PROTOCOL.search(line)]
        for event, row in sorted(rows, key=lambda row: row[1].end):
            known = self._known[row.node, row.protocol, row.src, row.dst]
            if event == "NEW":
                known.append(row)
            elif event == "DESTROY":  # can be a minute late, but they come in order
                _end(
                    known,
                    [one for one in known if not one.destroyed and one.start < row.start + _SAME_START_S],
                    row,
                )
            elif event == "LIST":
                near = [one for one in known if abs(one.start - row.start) < _SAME_START_S]
                _end(known, sorted(near, key=lambda one: abs(one.start - row.start)), row)
        return [entry for entries in self._known.values() for entry in entries]

    def of_client(self, known: dict[str, str]) -> Entry:
        """The entry of a truth row on its client's node; IPVS lets a node dial with the address that it dials."""
        port = known["client_port"] or known["icmp_id"]
        found = [
            entry
            for ip in (known["client_ip"], known["dialled_ip"])
            for entry in self._by_source[known["client_node"], known["protocol"], (ip, port)]
        ]
        dialled = known["dialled_ip"], known["dialled_port"] or port
        fits = [entry for entry in found if entry.dst == dialled] or found
        begun = float(known["t_start"])
        # a program opens before the kernel tells
        return min(fits, key=lambda entry: (entry.start < begun, abs(entry.start - begun)))

    @cached_property
    def _by_source(self) -> dict[tuple[str, str, Address], list[Entry]]:
        found = defaultdict(list)
        for entry in self.entries:
            found[entry.node, entry.protocol, entry.src].append(entry)
        return found

    @cached_property
    def flows(self) -> list[dict[str, str]]:
        """Rows of the flow logs."""
        return [
            json.loads(line)
            for path in sorted((self.export / "vpc-flow").glob("*.gz"))
            for line in _lines(path)
        ]

    def items(self, name: str) -> list[dict[str, Any]]:
        """Objects of a Kubernetes list."""
        return json.loads((self.export / "inventory" / f"{name}.json").read_text())["items"]

    @cached_property
    def node_addresses(self) -> dict[str, str]:
        """Node by InternalIP."""
        return {
            address["address"]: item["metadata"]["name"]
            for item in self.items("nodes")
            for address in item["status"]["addresses"]
            if address["type"] == "InternalIP"
        }

    @cached_property
    def pods(self) -> dict[str, tuple[str, str]]:
        """'namespace/name' and node by address of the pod; pods of the host network are left out."""
        return {
            item["status"]["podIP"]: (
                f"{item['metadata']['namespace']}/{item['metadata']['name']}",
                item["spec"]["nodeName"],
            )
            for item in self.items("pods")
            if not item["spec"].get("hostNetwork")
        }

    @cached_property
    def services(self) -> dict[Address, tuple[str, str]]:
        """Service and kind of address, by address and port that can be dialled."""
        found = {}
        for item in self.items("services"):
            name = f"{item['metadata']['namespace']}/{item['metadata']['name']}"
            balancers = [one["ip"] for one in item["status"].get("loadBalancer", {}).get("ingress", [])]
            for port in item["spec"]["ports"]:
                found[item["spec"]["clusterIP"], str(port["port"])] = name, "cluster_ip"
                for ip in balancers:
                    found[ip, str(port["port"])] = name, "lb_ip"
                for ip in self.node_addresses if "nodePort" in port else ():
                    found[ip, str(port["nodePort"])] = name, "node_port"
        return found

    @cached_property
    def enis(self) -> dict[str, tuple[str, set[str]]]:
        """Role and addresses by ENI."""
        answer = json.loads((self.export / "inventory" / "describe_network_interfaces.json").read_text())
        return {
            item["NetworkInterfaceId"]: (
                item["Type"].lower(),
                {one["PrivateIpAddress"] for one in item["PrivateIpSets"]["PrivateIpSet"]},
            )
            for item in answer["NetworkInterfaceSets"]["NetworkInterfaceSet"]
        }


def _lines(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return lines.read().splitlines()


def _end(known: list[Entry], fits: list[Entry], row: Entry) -> None:
    """Give the first entry that fits what this row says; one that nobody saw begin is added."""
    if not fits:
        known.append(row)
    elif not fits[0].destroyed:
        fits[0].end, fits[0].counters, fits[0].destroyed = row.end, row.counters, row.destroyed


def _row(node: str, line: str) -> tuple[str, Entry]:
    """Event and contents of a row; that of a dump is timed by the kernel's start and age of the entry."""
    stamp, born = _STAMP.match(line), _START.search(line)
    age, protocol = _AGE.search(line), _PROTOCOL.search(line)
    assert protocol, line
    seconds = int(age[1]) if age else 0
    if stamp:
        event, end = stamp[2], float(stamp[1])
        start = end - seconds
    else:
        assert born, line
        whole = datetime.strptime(f"{born[1]} +0000", "%a %b %d %H:%M:%S %Y %z").timestamp()
        # start and age have lost their fractions
        event, start, end = "LIST", whole + 0.5, whole + seconds + 1
    orig, reply = _TUPLE.findall(line)
    ends = [
        ((src, sport or echo), (dst, dport or echo)) for src, dst, sport, dport, echo, *_ in (orig, reply)
    ]
    counters = tuple(int(text) for text in (*orig[-2:], *reply[-2:])) if orig[-1] else ()
    destroyed = event == "DESTROY"
    return event, Entry(node, protocol[1], *ends[0], *ends[1], start, end, counters, destroyed)
