"""Every connection is written by whom it must be, and nobody writes of what did not happen."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flowstitch.simulator.cases import Case, cases
from flowstitch.simulator.settings import BEGIN_S
from simulator.conftest import SMALL, Simulate

TUPLE = re.compile(r"src=(\S+) dst=(\S+) (?:sport=(\d+) dport=(\d+)|type=\d+ code=0 id=(\d+)) ")
DURATION_S = SMALL.duration_s
BY_NAME: dict[str, dict[str, Case]] = {
    proxy: {case.name: case for case in cases(proxy)} for proxy in ("ipvs", "iptables")
}


def truth_of(simulation: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(simulation / "truth.parquet").to_pylist()
    return rows


def tuples(line: str) -> tuple[str, str]:
    """Both tuples of a conntrack line, the reply turned round, as the truth writes segments."""
    found = []
    for src, dst, sport, dport, echo in TUPLE.findall(line):
        found.append((src, sport or echo, dst, dport or echo))
    (orig, reply) = found
    return (
        f"{orig[0]} {orig[1]} > {orig[2]} {orig[3]}",
        f"{reply[2]} {reply[3]} > {reply[0]} {reply[1]}",
    )


def starts_seen(simulation: Path) -> Counter[tuple[str, str, str]]:
    """How often each node saw a connection begin, by its tuples."""
    seen: Counter[tuple[str, str, str]] = Counter()
    for path in simulation.glob("export/nodes/*/conntrack-events.log.gz"):
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            if "[NEW]" in line:
                seen[path.parent.name, *tuples(line)] += 1
    return seen


def starts_due(truth: list[dict[str, Any]], proxy: str) -> Counter[tuple[str, str, str]]:
    """The same, as it follows from the truth."""
    due: Counter[tuple[str, str, str]] = Counter()
    for row in truth:
        for place, orig, reply in BY_NAME[proxy][row["case"]].entries:
            node = {"client": row["client_node"], "server": row["server_node"]}.get(place)
            if place == "entered":
                node = f"cn-hongkong.{row['dialled_ip']}"
            due[node, row["segments"][orig], row["segments"][reply]] += 1
    return due


@pytest.mark.parametrize("proxy", ["ipvs", "iptables"])
def test_every_node_on_the_way_sees_each_connection_begin(proxy: str, simulate: Simulate) -> None:
    simulation = simulate(proxy=proxy, seed=3)
    assert starts_seen(simulation) == starts_due(truth_of(simulation), proxy)


def flow_rows(simulation: Path) -> dict[tuple[str, ...], list[dict[str, str]]]:
    """Rows of flow logs by ENI, direction, protocol and tuple."""
    rows: dict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
    for path in simulation.glob("export/vpc-flow/*.gz"):
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            row = json.loads(line)
            if row["log-status"] == "OK":
                ends = f"{row['srcaddr']} {row['srcport']} > {row['dstaddr']} {row['dstport']}"
                rows[row["eni-id"], row["direction"], row["protocol"], ends].append(row)
    return rows


def turned(segment: str) -> str:
    src, dst = segment.split(" > ")
    return f"{dst} > {src}"


def test_every_eni_on_the_way_logs_each_connection(simulate: Simulate) -> None:
    simulation = simulate(seed=3)
    rows, due = flow_rows(simulation), set()
    for row in truth_of(simulation):
        if row["protocol"] == "icmp":
            continue
        number = {"tcp": "6", "udp": "17"}[row["protocol"]]
        case = BY_NAME["ipvs"][row["case"]]
        ways = [(case.forward, str), (case.back if row["return_lands_on"] else (), turned)]
        for crossings, direction in ways:
            for crossing in crossings:
                end, _, which = crossing.eni.partition("_")
                if which == "primary":
                    node = {"client": row["client_node"], "server": row["server_node"]}.get(
                        end, f"cn-hongkong.{row['dialled_ip']}"
                    )
                    eni = f"primary of {node}"
                else:
                    eni = f"of {row[f'{end}_ip']}"
                due.add((eni, crossing.direction, number, direction(row["segments"][crossing.segment])))
    enis = json.loads((simulation / "export/inventory/describe_network_interfaces.json").read_text())
    known = enis["NetworkInterfaceSets"]["NetworkInterfaceSet"]
    names = {}
    for eni in known:
        ips = [item["PrivateIpAddress"] for item in eni["PrivateIpSets"]["PrivateIpSet"]]
        names |= {f"of {ip}": eni["NetworkInterfaceId"] for ip in ips}
        if eni["Type"] == "Primary":
            names[f"primary of cn-hongkong.{ips[0]}"] = eni["NetworkInterfaceId"]
    wanted = {(names[eni], *rest) for eni, *rest in due}
    logged = {key for key in rows if key[2] != "1"}
    assert logged <= wanted
    assert len(wanted - logged) <= 2, "only what is answered after the end may be missing"


def test_flow_logs_count_what_conntrack_counts(simulate: Simulate) -> None:
    """Sums over the windows of what was over in time are the counters of the DESTROY."""
    simulation = simulate(seed=3)
    rows = flow_rows(simulation)
    compared = 0
    used: Counter[str] = Counter()
    destroyed = {}
    for path in simulation.glob("export/nodes/*/conntrack-events.log.gz"):
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            if "[NEW]" in line:
                used[" ".join(tuples(line))] += 1
            if "[DESTROY]" in line and " TIME_WAIT " in line:
                destroyed[tuples(line)] = [
                    int(number) for number in re.findall(r"(?:packets|bytes)=(\d+)", line)
                ]
    once: Counter[str] = Counter(orig for orig, _ in destroyed)
    for (orig, reply), (packets, octets, back, octets_back) in destroyed.items():
        if orig != reply or once[orig] > 1:
            continue
        for ends, counts in ((orig, (packets, octets)), (turned(orig), (back, octets_back))):
            for direction in ("in", "out"):
                for key in [key for key in rows if key[1:] == (direction, "6", ends)]:
                    sums = tuple(sum(int(row[name]) for row in rows[key]) for name in ("packets", "bytes"))
                    if used[f"{orig} {reply}"] <= 2:
                        assert sums == counts
                        compared += 1
        if compared > 200:
            break
    assert compared > 200


def test_windows_hold_their_packets(simulate: Simulate) -> None:
    for rows in flow_rows(simulate(seed=3)).values():
        windows = [(int(row["start"]) // 60, int(row["end"]) // 60) for row in rows]
        assert all(first == last for first, last in windows)
        assert len({first for first, _ in windows}) == len(rows)
        assert all(BEGIN_S <= int(row["start"]) <= int(row["end"]) < BEGIN_S + DURATION_S for row in rows)


def test_ports_of_living_connections_are_their_own(simulate: Simulate) -> None:
    """No two connections have a five-tuple at the same time, on any wire."""
    spans = defaultdict(list)
    for row in truth_of(simulate(seed=3, connections=4000)):
        for segment in row["segments"][-1:]:
            spans[row["protocol"], segment].append((row["t_start"], row["t_end"]))
    again = [sorted(times) for times in spans.values() if len(times) > 1]
    assert again
    assert all(end < start for times in again for (_, end), (start, _) in pairwise(times))


def test_requests_lie_within_the_connection_that_carries_them(simulate: Simulate) -> None:
    simulation = simulate(seed=3)
    with (simulation / "truth.csv").open() as lines:
        truth = {int(row["id"][1:]): row for row in csv.DictReader(lines)}
    log = gzip.decompress((simulation / "export/slb/access.jsonl.gz").read_bytes()).decode().splitlines()
    assert log
    retried = 0
    for line in log:
        row = json.loads(line)
        carriers = [truth[int(number)] for number in row["request_uri"].removeprefix("/c/").split("-")]
        backends = [f"{carrier['server_ip']}:{carrier['server_port']}" for carrier in carriers]
        assert row["upstream_addr"].split(", ") == backends
        assert {carrier["scenario"] for carrier in carriers} == {"lb-to-pod"}
        assert [carrier["outcome"] for carrier in carriers] == ["refused"] * (len(carriers) - 1) + ["ok"]
        assert len(row["upstream_status"].split(", ")) == len(carriers)
        retried += len(carriers) > 1
    assert retried
