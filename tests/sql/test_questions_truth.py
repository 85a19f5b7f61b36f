"""Each question's numbers against a second computation: over the truth of the capture, and over its raw logs."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Hashable
from pathlib import Path

import pytest

import flowstitch
from rawlogs import Entry, Logs
from sql.second import (
    UNSEEN,
    Ask,
    Known,
    bytes_of,
    entry_seen_by_server,
    name_of,
    node_of,
    server_of,
    service_of,
    totals,
)
from truth import read_truth

LB_NETWORK = "100."


def test_asymmetric_pairs(ask: Ask, truth: list[Known], logs: Logs) -> None:
    pairs, observed, echos, forward, back = Counter(), Counter(), Counter(), Counter(), Counter()
    for known in truth:
        out, came = known["forward_out_eni"], known["return_in_eni"]
        echos[known["client_node"]] += known["protocol"] == "icmp" and out == "?"
        if {out, came} & UNSEEN:
            continue
        observed[known["client_node"]] += 1
        if out != came:
            case = known["client_node"], out, came
            counters = logs.of_client(known).counters
            pairs[case] += 1
            forward[case] += counters[1]
            back[case] += counters[3]
    rows = ask("asymmetric-pairs")
    key = ("client_node", "forward_out_eni", "return_in_eni")
    assert totals(rows, key, "connections") == pairs
    assert totals(rows, key, "forward_bytes") == forward
    assert totals(rows, key, "return_bytes") == back
    of_scenario = Counter(
        (known["scenario"], known["forward_out_eni"], known["return_in_eni"]) for known in truth
    )
    for row in rows:
        for leg in ("forward_out", "return_in"):
            assert row[f"{leg}_eni_role"] == logs.enis[row[f"{leg}_eni"]][0]
        # the truth does not tell the ENIs of echos, flow logs do
        most, least = (
            row["connections"] / (observed[row["client_node"]] + more)
            for more in (0, echos[row["client_node"]])
        )
        assert least - 6e-5 <= row["share"] <= most + 6e-5
        # the truth has no scenario for all of them
        told = of_scenario[row["scenario"], row["forward_out_eni"], row["return_in_eni"]]
        assert 0 < told <= row["connections"]
        assert row["drifted"] == 0


def test_foreign_source(ask: Ask, truth: list[Known], logs: Logs) -> None:
    wanted: Counter[Hashable] = Counter()
    for known in truth:
        departures = [("return", known["return_out_eni"], server_of(logs, known)[0], False)]
        if known["client_node"] not in UNSEEN:
            entry = logs.of_client(known)
            translated = (entry.src, entry.dst) != (entry.via, entry.back)
            departures.append(("forward", known["forward_out_eni"], entry.via[0], translated))
        for way, eni, source, translated in departures:
            if eni not in UNSEEN and source not in logs.enis[eni][1]:
                wanted[eni, way, source, translated] += 1
    rows = ask("foreign-source")
    assert totals(rows, ("eni", "hop_direction", "src_ip", "translated"), "connections") == wanted
    for row in rows:
        (holder,) = (eni for eni, (_, ips) in logs.enis.items() if row["src_ip"] in ips)
        assert row["holder_eni"] == holder
        assert row["eni_role"] == logs.enis[row["eni"]][0]
    # the capture's three faults, and nothing else
    assert {row["src_ip"] for row in rows if not row["translated"]} == {"10.0.3.60", "10.0.3.61", "10.0.1.95"}


def test_lb_ip_instead_of_cluster_ip(ask: Ask, truth: list[Known], logs: Logs) -> None:
    connections, masqueraded, back, avoidable = Counter(), Counter(), Counter(), Counter()
    for known in truth:
        dialled = known["dialled_ip"], known["dialled_port"]
        if known["client_node"] in UNSEEN or logs.services.get(dialled, ("", ""))[1] != "lb_ip":
            continue
        entry = logs.of_client(known)
        case = known["client_node"], name_of(logs, known["client_ip"]), logs.services[dialled][0], dialled[0]
        hidden = entry.via != (known["client_ip"], known["client_port"])
        connections[case] += 1
        masqueraded[case] += hidden
        back[case] += entry.counters[3]
        remote = node_of(logs, entry.back[0]) != known["client_node"]
        avoidable[case] += entry.counters[3] * (hidden and remote and known["client_ip"] in logs.pods)
    rows = ask("lb-ip-instead-of-cluster-ip")
    key = ("client_node", "client_name", "service", "dialled_ip")
    assert totals(rows, key, "connections") == connections
    assert totals(rows, key, "masqueraded") == +masqueraded
    assert totals(rows, key, "return_bytes") == back
    assert totals(rows, key, "avoidable_bytes") == +avoidable
    assert {(row["service"], *row["cluster_ips"]) for row in rows} == {
        ("default/nginx", "192.168.2.115"),
        ("default/nginx1", "192.168.2.253"),
    }


def test_lb_clients(ask: Ask, capture: Path) -> None:
    lines = gzip.decompress((capture / "slb" / "access.jsonl.gz").read_bytes()).splitlines()
    requests = [json.loads(line) for line in lines]
    rows = ask("lb-clients")
    key = ("lb_id", "lb_port", "client_ip")
    assert totals(rows, key, "requests") == Counter(
        (row["slbid"], int(row["slb_vport"]), row["client_ip"]) for row in requests
    )
    assert sum(row["failed_requests"] for row in rows) == sum(int(row["status"]) >= 500 for row in requests)
    assert {(row["connections"], row["sent_bytes"], row["client_name"]) for row in rows} == {(0, None, None)}


def test_unanswered(ask: Ask, truth: list[Known], logs: Logs) -> None:
    words = {"asym_return_blackholed": "one_way", "sg_drop": "rejected"}
    wanted: dict[Hashable, Counter[str]] = defaultdict(Counter)
    arrived = {
        (row["srcaddr"], row["srcport"], row["dstaddr"]) for row in logs.flows if row["direction"] == "in"
    }
    seen = {(entry.node, entry.src, entry.dst[0]) for entry in logs.entries}
    for known in truth:
        if known["client_node"] in UNSEEN:
            continue
        client, server = (known["client_ip"], known["client_port"]), known["dialled_ip"]
        service = service_of(logs, known)
        server_node = node_of(logs, server)
        counts = wanted[
            known["client_node"],
            service or name_of(logs, server) or server,
            known["dialled_port"],
            server_node,
        ]
        counts["connections"] += 1
        # the client of refused UDP was told by an ICMP error, which no entry counts
        if known["outcome"] == "none" or known["lab_case"] == "udp_refused":
            counts[words.get(known["lab_case"], "unanswered")] += 1
            remote = server_node not in {None, known["client_node"]}
            counts["at_server_eni"] += remote and (*client, server) in arrived
            counts["at_server_node"] += (server_node, client, server) in seen
    columns = ("unanswered", "one_way", "rejected")
    lost = {case: counts for case, counts in wanted.items() if any(counts[name] for name in columns)}
    rows = ask("unanswered")
    for row in rows:
        port = "" if row["dialled_port"] is None else str(row["dialled_port"])
        counts = lost.pop((row["client_node"], row["target"], port, row["server_node"]))
        assert {name: row[name] for name in ("connections", *columns)} == {
            name: counts[name] for name in ("connections", *columns)
        }
        assert row["share"] == pytest.approx(
            sum(counts[name] for name in columns) / counts["connections"], abs=6e-5
        )
        remote = row["server_node"] not in {None, row["client_node"]}
        assert row["at_server_eni"] == (counts["at_server_eni"] if remote else None)
        assert row["at_server_node"] == (counts["at_server_node"] if row["server_node"] else None)
    assert lost == {}
    assert sum(row["unanswered"] + row["one_way"] + row["rejected"] for row in rows) == 183


def test_snat_ports(ask: Ask, logs: Logs) -> None:
    held: dict[Hashable, list[Entry]] = defaultdict(list)
    for entry in logs.entries:
        if entry.via != entry.src and entry.via[0] in logs.node_addresses:
            held[entry.via[0], entry.protocol, entry.back[0], int(entry.back[1])].append(entry)
    rows = ask("snat-ports")
    for row in rows:
        entries = held.pop((row["snat_ip"], row["protocol"], row["server_ip"], row["server_port"]))
        assert row["node"] == logs.node_addresses[row["snat_ip"]] == entries[0].node
        assert row["connections"] == len(entries)
        assert row["ports"] == len({entry.via[1] for entry in entries})
        changed = sum(entry.via[1] != entry.src[1] for entry in entries)
        assert row["changed_share"] == pytest.approx(changed / len(entries), abs=6e-5)
        assert row["peak"] == peak(entries)
        assert row["peak_share"] == pytest.approx(row["peak"] / (65536 - 1024), abs=6e-5)
    assert held == {}


def peak(entries: list[Entry]) -> int:
    """Most entries alive at one time, the ends included; one that no DESTROY ended lives until the last dump."""
    return max(
        sum(one.start <= entry.start and (one.end >= entry.start or not one.destroyed) for one in entries)
        for entry in entries
    )


def test_backend_balance(ask: Ask, truth: list[Known], logs: Logs) -> None:
    wanted, carried = Counter(), Counter()
    for known in truth:
        if service_of(logs, known) is None:
            continue
        ip, port = server_of(logs, known)
        case = service_of(logs, known), known["protocol"], ip, int(port)
        wanted[case] += 1
        carried[case] += sum(bytes_of(logs, known))
    rows = ask("backend-balance")
    key = ("service", "protocol", "server_ip", "server_port")
    assert totals(rows, key, "connections") == wanted
    assert totals(rows, key, "bytes") == carried
    endpoints = {
        (f"default/{item['metadata']['labels']['kubernetes.io/service-name']}", end["addresses"][0])
        for item in logs.items("endpointslices")
        if item["metadata"]["namespace"] == "default"
        for end in item["endpoints"]
    }
    told = {(row["service"], row["server_ip"]) for row in rows if row["service"].startswith("default/")}
    assert told == endpoints
    of_port = totals(rows, ("service", "protocol", "server_port"), "connections")
    backends = Counter((row["service"], row["protocol"], row["server_port"]) for row in rows)
    for row in rows:
        port = row["service"], row["protocol"], row["server_port"]
        assert row["share"] == pytest.approx(row["connections"] / of_port[port], abs=6e-5)
        assert row["even_share"] == pytest.approx(1 / backends[port], abs=6e-5)
        assert (row["ready"], row["server_name"]) == (True, name_of(logs, row["server_ip"]))
    # sessionAffinity keeps all clients on one backend, and the other is not forgotten
    assert [row["connections"] for row in rows if row["service"] == "default/sticky"] == [51, 0]


def test_client_address_hidden(ask: Ask, truth: list[Known], logs: Logs) -> None:
    hidden: dict[Hashable, list[tuple[str, str]]] = defaultdict(list)
    of_target: Counter[str | None] = Counter()
    for known in truth:
        server, _ = server_of(logs, known)
        if server not in logs.pods or known["lab_case"] == "slb_health_check":
            continue
        target = service_of(logs, known) or name_of(logs, server)
        of_target[target] += 1
        seen = entry_seen_by_server(logs, known)
        if seen != known["client_ip"]:
            hidden[target, "masquerade"].append((known["client_ip"], seen))
    probes = {
        (known["client_ip"], known["client_port"])
        for known in truth
        if known["lab_case"] == "slb_health_check"
    }
    for entry in logs.entries:
        if entry.src[0].startswith(LB_NETWORK) and entry.src not in probes:
            of_target[name_of(logs, entry.dst[0])] += 1
            hidden[name_of(logs, entry.dst[0]), "load balancer"].append((entry.src[0], entry.src[0]))
    rows = ask("client-address-hidden")
    assert totals(rows, ("target", "hidden_by"), "connections") == {
        case: len(pairs) for case, pairs in hidden.items()
    }
    assert {
        name: sum(row["share"] for row in rows if row["target"] == name)
        for name in {row["target"] for row in rows}
    } == pytest.approx(
        {
            name: sum(len(pairs) for (target, _), pairs in hidden.items() if target == name) / of_target[name]
            for name, _ in hidden
        },
        abs=5e-4,
    )
    for row in rows:
        pairs = hidden[row["target"], row["hidden_by"]]
        assert 0 < row["seen_addresses"] <= len({seen for _, seen in pairs})
        if row["hidden_by"] == "masquerade":
            assert 0 < row["clients"] <= len({client for client, _ in pairs})
        else:
            assert row["clients"] is None


def test_explained_bytes(ask: Ask, logs: Logs) -> None:
    rows_of, carried, known_of, repeated = Counter(), Counter(), Counter(), Counter()
    lives: Counter[Hashable] = Counter()
    for entry in logs.entries:
        for sides in {frozenset((entry.src, entry.dst)), frozenset((entry.via, entry.back))}:
            lives[entry.node, wire(entry.protocol, *sides)] += 1
    most: Counter[Hashable] = Counter()
    for (_, sides), number in lives.items():
        most[sides] = max(most[sides], number)
    for row in logs.flows:
        eni, size = row["eni-id"], int(row["bytes"])
        protocol = {"6": "tcp", "17": "udp", "1": "icmp"}[row["protocol"]]
        sides = wire(protocol, (row["srcaddr"], row["srcport"]), (row["dstaddr"], row["dstport"]))
        rows_of[eni] += 1
        carried[eni] += size
        known_of[eni] += size * (most[sides] > 0)
        repeated[eni] += size * (most[sides] > 1)
    rows = ask("explained-bytes")
    assert {row["eni"]: (row["rows"], row["bytes"]) for row in rows} == {
        eni: (rows_of[eni], carried[eni]) for eni in rows_of
    }
    for row in rows:
        assert row["eni_role"] == logs.enis[row["eni"]][0]
        assert row["bytes"] == row["explained_bytes"] + row["alone_bytes"] + row["unmatched_bytes"]
        assert row["share"] == pytest.approx(row["explained_bytes"] / row["bytes"], abs=6e-5)
        assert row["explained_bytes"] == known_of[row["eni"]]
        # a row can only be shared by connections that use one tuple after each other, or by echos, whose ids it lacks
        assert row["shared_bytes"] <= repeated[row["eni"]]
        assert (row["unmatched_bytes"], row["reasons"]) == (0, [])
    assert sum(row["shared_bytes"] for row in rows) > 0


def wire(protocol: str, *ends: tuple[str, str]) -> Hashable:
    """What a flow log tells connections apart by; it has no echo identifiers."""
    return protocol, frozenset(ip if protocol == "icmp" else (ip, port) for ip, port in ends)


# What conntrack of both ends counted, both ways, by pair of nodes.
ENDS = """
with ends as (
    select path_id, part, node, sum(packets) as packets, sum(bytes) as bytes
    from path_counters
    join datapaths using (path_id)
    where part in ('client', 'server') and match <> 'ambiguous'
    group by all
    having count(packets) = 2
)
select
    near.node as near_node, far.node as far_node, count(*) as connections,
    count(*) filter (where (near.packets, near.bytes) <> (far.packets, far.bytes)) as differing,
    count(*) filter (where near.packets > far.packets) as near_more,
    count(*) filter (where near.packets < far.packets) as far_more,
    sum(near.packets)::bigint as near_packets, sum(far.packets)::bigint as far_packets,
    sum(near.bytes)::bigint as near_bytes, sum(far.bytes)::bigint as far_bytes
from ends as near
join ends as far using (path_id)
where near.part = 'client' and far.part = 'server'
group by all
"""


def test_counter_agreement(ask: Ask, logs: Logs, result: Path) -> None:
    of_tuple: dict[Hashable, list[Entry]] = defaultdict(list)
    for entry in logs.entries:
        of_tuple[entry.node, entry.protocol, entry.src, entry.dst].append(entry)
    counts: dict[Hashable, Counter[str]] = defaultdict(Counter)
    for near in logs.entries:
        if node_of(logs, near.src[0]) not in {None, near.node} and near.src[0] != near.dst[0]:
            continue
        far, reused = near, False
        while (node := node_of(logs, far.back[0])) != far.node:
            fits = [
                entry
                for entry in of_tuple[node, far.protocol, far.via, far.back]
                if abs(entry.start - far.start) < 2
            ]
            if not fits:
                break
            reused |= len(fits) > 1
            far = min(fits, key=lambda entry: abs(entry.start - far.start))
        if node != far.node or far is near or not (near.destroyed and far.destroyed):
            continue
        count = counts[near.node, far.node]
        count["connections"] += 1
        count["reused"] += reused
        count["near_more"] += near.packets > far.packets
        count["far_more"] += near.packets < far.packets
        count["differing"] += near.counters != far.counters
        for name, entry in (("near", near), ("far", far)):
            count[f"{name}_packets"] += entry.packets
            count[f"{name}_bytes"] += entry.bytes
    with flowstitch.open(result) as opened:
        rows = opened.sql(ENDS).to_arrow_table().to_pylist()
    for row in rows:
        count = counts.pop((row["near_node"], row["far_node"]))
        assert [row[name] for name in ("differing", "near_more", "far_more")] == [
            count[name] for name in ("differing", "near_more", "far_more")
        ]
        # where a tuple is used again within the time that readers of events are late, the match is ambiguous
        assert count["connections"] - count["reused"] <= row["connections"] <= count["connections"]
        for unit in ("packets", "bytes"):
            assert row[f"far_{unit}"] - row[f"near_{unit}"] == count[f"far_{unit}"] - count[f"near_{unit}"]
            if not count["reused"]:
                assert row[f"near_{unit}"] == count[f"near_{unit}"]
    assert not counts
    # the replies of pod 10.0.3.61 get lost, and nothing else does
    lost = [
        entry
        for entry in logs.entries
        if entry.dst[0] == "10.0.3.61" and entry.node != logs.pods["10.0.3.61"][1] and entry.destroyed
    ]
    assert sum(row["far_more"] for row in rows) == sum(row["differing"] for row in rows) == len(lost) > 10
    asked = ask("counter-agreement")
    for row in asked:
        ways = (row["hop_direction"], row["near_part"], row["far_part"])
        assert not row["loss"] or ways == ("return", "return_out", "client")
        others = ("segmentation", "handshake", "loss", "more", "double_counting", "wrap_around", "not_whole")
        assert sum(row[name] for name in others) == row["differing"]
        assert row["share"] == pytest.approx(row["differing"] / row["connections"], abs=6e-5)
    assert sum(row["loss"] for row in asked) == len(lost)
    assert not any(row[name] for row in asked for name in others if name not in {"loss", "handshake"})
    # nothing of them came back, so that each row of the log is a packet that was lost
    logged = sum(
        int(row["packets"])
        for row in logs.flows
        if row["srcaddr"] == "10.0.3.61" and row["direction"] == "out" and is_one_of(row, lost)
    )
    assert sum(row["lost_packets"] for row in asked) == logged


def is_one_of(row: dict[str, str], lost: list[Entry]) -> bool:
    """A row of replies belongs to one of these entries."""
    return any(
        entry.src == (row["dstaddr"], row["dstport"]) and entry.dst == (row["srcaddr"], row["srcport"])
        for entry in lost
    )


def test_drift(ask: Ask, truth: list[Known], logs: Logs) -> None:
    wanted = Counter()
    for known in truth:
        if known["scenario"] == "pod-to-pod-remote" and known["return_out_eni"] not in UNSEEN:
            role = logs.enis[known["return_out_eni"]][0]
            if role != "secondary":
                wanted[
                    known["scenario"],
                    "return_out_eni_role",
                    "secondary",
                    role,
                    logs.pods[known["dialled_ip"]],
                ] += 1
    rows = ask("drift")
    assert {
        (row["scenario"], row["expectation"], row["expected"], row["observed"], (row["name"], row["node"])): row["connections"]
        for row in rows
    } == wanted  # fmt: skip


def test_dead_ends(ask: Ask, capture: Path, logs: Logs) -> None:
    truth = read_truth(capture.parent / "truth.csv.gz")
    cases = {"clusterip_no_endpoints", "pod_to_extip_local_no_backend", "ext_to_nodeport_local_no_backend"}
    tried, worked = Counter(), set()
    for known in truth:
        kind = logs.services.get((known["dialled_ip"], known["dialled_port"]), (None, None))[1]
        node = logs.node_addresses[known["dialled_ip"]] if kind == "node_port" else known["client_node"]
        place = node, known["dialled_ip"], known["dialled_port"]
        if known["lab_case"] in cases:
            tried[place] += known["client_node"] in UNSEEN
        elif known["outcome"] == "ok":
            worked.add(place)
    rows = ask("dead-ends")
    told = {(row["node"], row["address"], str(row["port"])): row["attempts"] for row in rows}
    assert set(tried) <= set(told)
    assert not worked & set(told)
    # only what comes from outside leaves a trace
    assert {place: attempts for place, attempts in told.items() if attempts} == +tried
    assert {row["answered"] for row in rows} == {0}
