"""As ``test_questions_truth.py``, for questions about mixes, loads, and what comes from and goes outside."""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from collections.abc import Hashable
from pathlib import Path

import pytest

import flowstitch
from rawlogs import Logs
from sql.second import UNSEEN, Ask, Known, bytes_of, name_of, node_of, server_of, service_of, totals
from truth import read_truth

ZONES = {"10.0.1.": "cn-hongkong-b", "10.0.3.": "cn-hongkong-c"}


def zone_of(node: str) -> str:
    """Zone of a node, by the network that its name has."""
    (zone,) = (zone for network, zone in ZONES.items() if node.startswith(f"cn-hongkong.{network}"))
    return zone


def ratio(part: float, whole: float) -> object:
    return pytest.approx(part / whole, abs=6e-5)


def test_scenario_mix(ask: Ask, truth: list[Known]) -> None:
    known = Counter(row["scenario"] for row in truth if row["scenario"] not in {"?", "lb-to-pod"})
    rows = ask("scenario-mix")
    told = totals(rows, ("scenario",), "connections")
    for scenario, count in known.items():
        # the truth has no scenario for all of them
        assert told[(scenario,)] >= count, scenario
    assert {str(row["day"]) for row in rows} == {"2026-11-23"}
    assert sum(row["share"] for row in rows) == pytest.approx(1, abs=2e-3)
    assert {row["namespace"] for row in rows if row["client_kind"] == "pod"} == {"default"}
    assert {row["namespace"] for row in rows if row["client_kind"] != "pod"} == {None}
    told_bytes, everything = totals(rows, ("scenario",), "bytes"), sum(row["bytes"] for row in rows)
    for row in rows:
        assert row["share"] == ratio(row["bytes"], everything)
    assert sum(told_bytes.values()) == everything


def test_kernel_stacks(ask: Ask, truth: list[Known], logs: Logs) -> None:
    """Namespaces that a packet passes: pods and nodes of both ends, each once."""
    stacks: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for known in truth:
        if known["scenario"] == "?" or service_of(logs, known) not in {"default/api", "default/sticky"}:
            continue
        nodes = {known["client_node"], known["server_node"]}
        pods = {known["client_ip"], server_of(logs, known)[0]} & set(logs.pods)
        stacks[str(service_of(logs, known))].append((len(nodes) + len(pods), sum(bytes_of(logs, known))))
    rows = {row["service"]: row for row in ask("kernel-stacks")}
    assert set(stacks) == {"default/api", "default/sticky"}
    for service, cases in stacks.items():
        row = rows[service]
        assert row["connections"] == len(cases)
        assert row["stacks_per_connection"] == ratio(sum(count for count, _ in cases), len(cases))
        assert row["bytes"] == sum(size for _, size in cases)
        assert row["stacks_per_byte"] == ratio(sum(count * size for count, size in cases), row["bytes"])


def test_dead_end_attempts(ask: Ask, capture: Path) -> None:
    tried = Counter(
        (known["dialled_ip"], int(known["dialled_port"]), known["client_ip"])
        for known in read_truth(capture.parent / "truth.csv.gz")
        if known["lab_case"] == "ext_to_nodeport_local_no_backend"
    )
    rows = ask("dead-end-attempts")
    assert totals(rows, ("address", "port", "client_ip"), "attempts") == tried
    assert {(row["reason"], row["answered"]) for row in rows} == {("no_local_endpoint", 0)}


def test_snat_port_changes(ask: Ask, logs: Logs) -> None:
    entries = [one for one in logs.entries if one.via != one.src and one.via[0] in logs.node_addresses]
    rows = ask("snat-port-changes")
    assert totals(rows, ("node", "snat_ip"), "connections") == Counter(
        (one.node, one.via[0]) for one in entries
    )
    assert totals(rows, ("node",), "changed") == Counter(
        (one.node,) for one in entries if one.via[1] != one.src[1]
    )
    for row in rows:
        assert row["servers"] == len({one.back[0] for one in entries if one.node == row["node"]})
        assert row["changed_share"] == ratio(row["changed"], row["connections"])


def test_cross_zone(ask: Ask, truth: list[Known], logs: Logs) -> None:
    wanted, forward, back, all_of = Counter(), Counter(), Counter(), Counter()
    for known in truth:
        server_node = node_of(logs, server_of(logs, known)[0])
        if known["client_node"] in UNSEEN or server_node is None:
            continue
        service = service_of(logs, known)
        zones = zone_of(known["client_node"]), zone_of(server_node)
        all_of[service] += 1
        if len(set(zones)) == 2:
            counters = bytes_of(logs, known)
            wanted[service, *zones] += 1
            forward[service, *zones] += counters[0]
            back[service, *zones] += counters[1]
    rows = ask("cross-zone")
    key = ("service", "client_zone", "server_zone")
    assert totals(rows, key, "connections") == wanted
    assert totals(rows, key, "forward_bytes") == +forward
    assert totals(rows, key, "return_bytes") == +back
    for row in rows:
        # the backend of a ClusterIP without any is nobody, and its echos stay on the node
        assert row["share"] <= row["connections"] / all_of[row["service"]] + 6e-5


def test_eni_load_and_flow_log_windows(ask: Ask, logs: Logs) -> None:
    rows = ask("eni-load")
    assert len(rows) == 8
    for row, windows in zip(
        sorted(rows, key=lambda row: row["eni"]),
        sorted(ask("flow-log-windows"), key=lambda row: row["eni"]),
        strict=True,
    ):
        flows = [flow for flow in logs.flows if flow["eni-id"] == row["eni"]]
        assert row["rows"] == windows["rows"] == windows["ok_rows"] == len(flows)
        assert windows["nodata_rows"] == windows["skipdata_rows"] == 0
        assert row["packets"] == sum(int(flow["packets"]) for flow in flows)
        assert row["bytes"] == sum(int(flow["bytes"]) for flow in flows)
        role, ips = logs.enis[row["eni"]]
        assert row["eni_role"] == windows["eni_role"] == role
        assert row["pods"] == len(ips & set(logs.pods))
        of_node = [other["bytes"] for other in rows if other["node"] == row["node"]]
        assert row["share"] == ratio(row["bytes"], sum(of_node))
        seconds = (windows["last_seen"] - windows["first_seen"]).total_seconds()
        assert row["bytes_per_s"] == pytest.approx(row["bytes"] / seconds, abs=0.051)
        assert windows["first_seen"].timestamp() == min(int(flow["start"]) for flow in flows)
        assert 0 <= windows["uncovered_s"] <= 3


def test_nodes_without_conntrack(ask: Ask, capture: Path, logs: Logs) -> None:
    """A SYN to a node port without a backend makes no entry; the node refuses it by ICMP."""
    tried = {
        (known["client_ip"], known["client_port"], known["dialled_ip"])
        for known in read_truth(capture.parent / "truth.csv.gz")
        if known["lab_case"] == "ext_to_nodeport_local_no_backend"
    }
    refusals = {(node, client) for client, _, node in tried}
    alone: Counter[Hashable] = Counter()
    for flow in logs.flows:
        came = (flow["srcaddr"], flow["srcport"], flow["dstaddr"]) in tried
        refused = flow["protocol"] == "1" and (flow["srcaddr"], flow["dstaddr"]) in refusals
        if came or refused:
            alone[(logs.node_addresses[flow["dstaddr" if came else "srcaddr"]],)] += 1
    rows = ask("nodes-without-conntrack")
    assert totals(rows, ("node",), "alone_rows") == alone
    assert {row["verdict"] for row in rows} == {"all", "some"}
    assert {row["conntrack_sources"] for row in rows} == {5}


def test_conntrack_fill(ask: Ask, capture: Path) -> None:
    rows = {row["source"]: row for row in ask("conntrack-fill")}
    dumps = sorted(capture.glob("nodes/*/conntrack-list.*"))
    assert len(dumps) == len(rows) == 12
    for path in dumps:
        lines = [line for line in gzip.decompress(path.read_bytes()).decode().splitlines() if "src=" in line]
        row = rows[path.relative_to(capture).as_posix()]
        assert (row["entries"], row["maximum"]) == (len(lines), 65536)
        assert row["share"] == ratio(len(lines), 65536)
        for protocol in ("tcp", "udp"):
            assert row[protocol] == sum(f" {protocol} " in line for line in lines)
        assert row["tcp"] + row["udp"] + row["other"] == len(lines)
        assert row["unanswered"] <= sum("[UNREPLIED]" in line or "icmp" in line for line in lines)


def test_lb_probes(ask: Ask, truth: list[Known], logs: Logs) -> None:
    probes = Counter(
        (known["dialled_ip"], int(known["dialled_port"]))
        for known in truth
        if known["lab_case"] == "slb_health_check"
    )
    opened = Counter((one.dst[0], int(one.dst[1])) for one in logs.entries if one.src[0].startswith("100."))
    rows = ask("lb-probes")
    key = ("server_ip", "server_port")
    checks = [row for row in rows if row["purpose"] == "health check"]
    assert totals(checks, key, "connections") == probes
    assert totals(rows, key, "connections") == opened
    assert all(row["server_name"] == name_of(logs, row["server_ip"]) for row in rows)


def test_node_ports(ask: Ask, capture: Path, truth: list[Known], logs: Logs) -> None:
    found, detours, carried = Counter(), Counter(), Counter()
    for known in truth:
        if known["lab_case"].startswith("ext_to_nodeport") and known["server_node"] not in UNSEEN:
            case = logs.node_addresses[known["dialled_ip"]], int(known["dialled_port"])
            found[case] += 1
            if known["server_node"] != case[0]:
                detours[case] += 1
                carried[case] += sum(bytes_of(logs, known))
    rows = ask("node-port-detours")
    key = ("node", "dialled_port")
    assert totals(rows, key, "connections") == found
    assert totals(rows, key, "detours") == detours
    assert totals(rows, key, "detour_bytes") == carried
    for row in rows:
        # a node without a backend of its own sends all of it on
        assert (row["share"] == 1) == (row["local_backends"] == 0)
    replies = ask("node-port-reply-eni")
    # with those that the node refused, which conntrack does not know
    everything = read_truth(capture.parent / "truth.csv.gz")
    answered = sum(known["lab_case"].startswith("ext_to_nodeport") for known in everything)
    assert sum(row["connections"] for row in replies) == answered
    # IPVS sends the replies of node ports by the ENI that the requests came by
    assert {(row["symmetric"], row["in_eni_role"], row["out_eni_role"]) for row in replies} == {
        (True, "primary", "primary")
    }


def test_rejected_flows(ask: Ask, truth: list[Known], logs: Logs) -> None:
    dropped = Counter(
        (known["client_ip"], name_of(logs, known["dialled_ip"]), int(known["dialled_port"]))
        for known in truth
        if known["lab_case"] == "sg_drop"
    )
    refusing = {flow["eni-id"] for flow in logs.flows if flow["action"] == "REJECT"}
    rows = ask("rejected-flows")
    assert totals(rows, ("client_ip", "target", "dialled_port"), "connections") == dropped
    assert {row["eni"] for row in rows} == refusing
    assert {row["side"] for row in rows} == {"server"}
    assert [row["unreplied"] for row in rows] == [row["connections"] for row in rows]


def test_host_clients_and_hairpins(ask: Ask, truth: list[Known], logs: Logs) -> None:
    hosts, own, dialled, selves = Counter(), Counter(), Counter(), Counter()
    for known in truth:
        service = service_of(logs, known)
        if service is None or known["client_node"] in UNSEEN:
            continue
        if known["client_ip"] in logs.node_addresses:
            hosts[known["client_node"], service] += 1
            own[known["client_node"], service] += logs.of_client(known).src[0] == known["dialled_ip"]
        elif known["client_ip"] in logs.pods:
            dialled[(service,)] += 1
            selves[(service,)] += server_of(logs, known)[0] == known["client_ip"]
    rows = ask("host-clients")
    assert totals(rows, ("node", "service"), "connections") == hosts
    assert totals(rows, ("node", "service"), "by_service_address") == +own
    rows = ask("hairpins")
    assert totals(rows, ("service",), "hairpins") == +selves
    echos = Counter(
        (service,)
        for known in truth
        if known["protocol"] == "icmp" and (service := service_of(logs, known)) is not None
    )
    assert totals(rows, ("service",), "connections") == dialled - echos
    assert {row["pods"] for row in rows if row["hairpins"]} == {1}


def test_dns(ask: Ask, truth: list[Known]) -> None:
    asked = Counter(
        (known["client_node"], known["dialled_ip"], known["protocol"])
        for known in truth
        if known["dialled_port"] == "53"
    )
    rows = ask("dns")
    assert totals(rows, ("client_node", "dialled_ip", "protocol"), "connections") == asked
    assert {row["resolver"] for row in rows} == {"service", "pod", "outside"}
    lost = sum(row["unanswered"] for row in rows)
    assert lost == sum(known["dialled_port"] == "53" and known["outcome"] == "none" for known in truth) > 0


def test_outside_destinations(ask: Ask, truth: list[Known], logs: Logs) -> None:
    wanted = Counter()
    for known in truth:
        ip = known["dialled_ip"]
        inside = ip in logs.pods or ip in logs.node_addresses or any(ip == vip for vip, _ in logs.services)
        if known["client_node"] in UNSEEN or inside:
            continue
        wanted[ip, "node" if known["lab_case"] == "pod_to_external_node_snat" else "client"] += 1
    rows = ask("outside-destinations")
    assert totals(rows, ("dialled_ip", "leaves_as"), "connections") == wanted
    # the node translates, and the pod's rule still leads out by the pod's ENI
    assert {row["forward_out_eni_role"] for row in rows if row["leaves_as"] == "node"} == {"secondary"}


def test_lb_entries(ask: Ask, capture: Path) -> None:
    cases = {"ext_to_slb_l4_local_svc": "pod", "ext_to_slb_l4_cluster_svc": "pod"}
    known = Counter(
        cases.get(row["lab_case"], "node port")
        for row in read_truth(capture.parent / "truth.csv.gz")
        if row["lab_case"].startswith(("ext_to_slb_l4", "ext_to_nodeport"))
    )
    rows = [row for row in ask("lb-entries") if row["client_kind"] == "outside"]
    assert totals(rows, ("entry",), "connections") == {(entry,): count for entry, count in known.items()}
    assert {row["kernel_stacks"] for row in rows if row["entry"] == "pod"} == {2}


def test_long_lived(ask: Ask, truth: list[Known]) -> None:
    rows = ask("long-lived")
    lives = [float(row["t_end"]) - float(row["t_start"]) for row in truth if row["outcome"] == "ok"]
    # a connection outlives the call that opened it by the kernel's closing, not by minutes
    assert max(row["longest_s"] for row in rows) == pytest.approx(max(lives), abs=120)
    assert {(row["over_1h"], row["over_1d"]) for row in rows} == {(0, 0)}


def test_who_leaves_by_the_wrong_eni(ask: Ask, truth: list[Known], logs: Logs) -> None:
    faults: Counter[Hashable] = Counter()
    for known in truth:
        if known["return_out_eni"] not in UNSEEN and known["scenario"] == "pod-to-pod-remote":
            role, ips = logs.enis[known["return_out_eni"]]
            server = server_of(logs, known)[0]
            faults[server] += role == "primary" and server not in ips
    rows = ask("pod-source-on-primary")
    wrong = [row for row in rows if row["translated"] is False]
    assert totals(wrong, ("src_ip",), "connections") == {
        (ip,): count for ip, count in faults.items() if count
    }
    assert {row["hop_direction"] for row in wrong} == {"return"}
    nodes = ask("node-source-on-secondary")
    snat = sum(known["lab_case"] == "pod_to_external_node_snat" for known in truth)
    assert sum(row["connections"] for row in nodes) == snat
    assert {row["src_ip"] for row in nodes} == {"10.0.1.47"}


def test_noisy_neighbours(ask: Ask, logs: Logs) -> None:
    for row in ask("noisy-neighbours"):
        _, ips = logs.enis[row["eni"]]
        on_eni = {logs.pods[ip][0] for ip in ips & set(logs.pods)}
        assert {row["name"], row["talker"]} <= on_eni
        assert 0 < row["failed"] <= row["connections"]
        assert row["bytes"] < row["talker_bytes"]
    assert ask("noisy-neighbours")[0]["name"] == "default/asymbh-7c6d5f8b9-x2v5m"


def test_what_the_capture_has_none_of(ask: Ask, truth: list[Known], logs: Logs) -> None:
    # no pod came or went, every attempt of the load balancer has a candidate, and eight minutes are less than 900 s
    assert max(one.end for one in logs.entries) - min(one.start for one in logs.entries) < 900
    assert len({row["client_ip"] for row in truth}) > 10
    for name in ("idle-without-ipvs", "requests-without-connection", "shared-addresses", "stale-backends"):
        assert ask(name) == []


def test_drift_between(result: Path, capture: Path, tmp_path: Path) -> None:
    flowstitch.run(
        capture / "inventory",
        *(capture / "nodes" / node for node in ("cn-hongkong.10.0.1.82", "cn-hongkong.10.0.3.49")),
        out=tmp_path / "less",
    )
    with flowstitch.open(result, after=result) as same:
        assert same.ask("drift-between").fetchall() == []
    with flowstitch.open(result, after=tmp_path / "less") as compared:
        rows = compared.ask("drift-between").to_arrow_table().to_pylist()
        totals_of = [
            compared.sql(f"select count(*) from {name}").fetchall()[0][0]
            for name in ("datapaths", "after.datapaths")
        ]
    assert totals_of[0] > totals_of[1]
    # without flow logs no pair of ENIs and no drift is seen any more
    gone = {row["aspect"] for row in rows if row["verdict"] == "gone"}
    assert {"asymmetric", "drift"} <= gone
    for row in rows:
        if row["aspect"] != "dead end":
            assert row["before_share"] == ratio(row["before"], totals_of[0])
            assert row["after_share"] == ratio(row["after"], totals_of[1])
    assert sum(row["before"] for row in rows if row["aspect"] == "scenario") <= totals_of[0]
