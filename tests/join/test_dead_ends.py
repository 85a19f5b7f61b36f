"""Dead ends: from services, endpoints, policies and IPVS tables, and what decides where these differ."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowstitch
from flowstitch.ingest.model import Inventory, IpvsService
from flowstitch.join.dataplane import load_dataplane
from flowstitch.join.dataplanes import Dataplanes
from flowstitch.join.dead_ends import find_dead_ends

PLANE = load_dataplane("terway-eniip")
EVERYBODY = ["node", "outside", "pod"]
Row = dict[str, Any]


def node(name: str, *ips: str, since: int | None = None, until: int | None = None) -> Row:
    return {
        "name": name,
        "internal_ips": list(ips),
        "kubelet_version": None,
        "valid_from": since,
        "valid_to": until,
    }


def service(name: str = "web", since: int | None = None, until: int | None = None, **more: Any) -> Row:
    row = {
        "namespace": "ns", "name": name, "service_type": "ClusterIP", "protocol": "tcp", "port_name": "p", "port": 80,
        "node_port": None, "cluster_ips": ["192.168.0.5"], "lb_ips": [], "external_ips": [], "external_traffic_policy": None,
        "internal_traffic_policy": "Cluster", "valid_from": since, "valid_to": until,
    }  # fmt: skip
    return row | more


def local_lb(**more: Any) -> Row:
    """A service of type LoadBalancer with policy Local."""
    return service(
        service_type="LoadBalancer", lb_ips=["10.0.9.9"], node_port=30080, external_traffic_policy="Local", **more
    )  # fmt: skip


def endpoint(
    on: str | None, since: int | None = None, until: int | None = None, name: str = "web", **more: Any
) -> Row:
    row = {
        "service": f"ns/{name}", "protocol": "tcp", "port_name": "p", "port": 8080, "endpoint_ip": "10.0.2.1", "node": on,
        "ready": True, "valid_from": since, "valid_to": until,
    }  # fmt: skip
    return row | more


def cluster(
    services: list[Row], endpoints: list[Row], ipvs: dict[str, list[IpvsService]] | None = None
) -> Inventory:
    """Nodes a and b with InternalIPs 10.0.0.1 and 10.0.0.2."""
    inventory = Inventory()
    inventory.tables["nodes"] = [node("a", "10.0.0.1"), node("b", "10.0.0.2")]
    inventory.tables["services"], inventory.tables["endpoints"] = services, endpoints
    for name, table in (ipvs or {}).items():
        inventory.of_node(name).ipvs = table
    return inventory


def told(inventory: Inventory, *columns: str, dumped: tuple[str, ...] = (), plane: Any = PLANE) -> list[Any]:
    """Chosen columns of the dead ends, or all rows."""
    rows = find_dead_ends(inventory, dumped, Dataplanes(plane))
    return [tuple(row[name] for name in columns) for row in rows] if columns else rows


def virtual(ip: str, port: int, *weights: int | None) -> IpvsService:
    return IpvsService("tcp", ip, port, tuple(("10.0.2.1", 8080 + at, one) for at, one in enumerate(weights)))


def test_the_capture(result: Path) -> None:
    with flowstitch.open(result) as opened:
        query = "select node[len('cn-hongkong.')+1:], service, protocol, address, port, address_kind, client_kinds, reason, certainty, evidence from dead_ends"
        found = opened.sql(query).fetchall()
        dumped = opened.sql("select distinct since, until from dead_ends").fetchall()
    ghost = (
        "default/ghost",
        "tcp",
        "192.168.2.99",
        80,
        "cluster_ip",
        ["node", "pod"],
        "no_endpoint",
        "proven",
    )
    local = ("no_local_endpoint", "proven", ["endpoints", "ipvs", "policy"])
    assert found == [
        ("10.0.1.47", *ghost, ["endpoints", "ipvs"]),
        ("10.0.1.82", *ghost, ["endpoints", "ipvs"]),
        ("10.0.1.82", "default/nginx", "tcp", "10.0.1.82", 30062, "node_port", EVERYBODY, *local),
        ("10.0.1.82", "default/nginx", "tcp", "10.0.3.62", 80, "lb_ip", ["node", "pod"], *local),
        ("10.0.3.49", *ghost, ["endpoints", "ipvs"]),
    ]
    assert [(since.isoformat(), until) for since, until in dumped] == [("2026-11-20T08:00:00", None)]


def test_without_ipvs_tables_they_are_expected(capture: Path, result: Path, tmp_path: Path) -> None:
    shutil.copytree(capture / "inventory", tmp_path / "export" / "inventory")
    flowstitch.run(tmp_path / "export", out=tmp_path / "result")
    query = "select node, service, protocol, address, port, address_kind, reason, since, until from dead_ends"
    with flowstitch.open(tmp_path / "result") as opened, flowstitch.open(result) as proven:
        assert opened.sql(query).fetchall() == proven.sql(query).fetchall()
        assert opened.sql("select distinct certainty from dead_ends").fetchall() == [("expected",)]
        who = "select client_kinds, evidence from dead_ends where address = '10.0.3.62'"
        assert opened.sql(who).fetchall() == [(["pod"], ["endpoints", "policy"])]


def test_an_endpoint_that_comes_and_goes_leaves_the_times_without() -> None:
    found = told(cluster([service(until=90)], [endpoint("b", 10, 20)]), "node", "reason", "since", "until")
    assert found == [
        (name, "no_endpoint", *span) for name in ("a", "b") for span in ((None, 10), (20, 90))
    ]  # fmt: skip


def test_policy_local_is_a_matter_of_each_node() -> None:
    inventory = cluster([local_lb()], [endpoint("b", 10), endpoint("a", 30)])
    found = told(inventory, "node", "address", "reason", "since", "until", "client_kinds")
    assert found == [
        ("a", "10.0.0.1", "no_endpoint", None, 10, EVERYBODY),
        ("a", "10.0.0.1", "no_local_endpoint", 10, 30, ["outside", "pod"]),
        ("a", "10.0.9.9", "no_endpoint", None, 10, ["node", "pod"]),
        ("a", "10.0.9.9", "no_local_endpoint", 10, 30, ["pod"]),
        ("a", "192.168.0.5", "no_endpoint", None, 10, ["node", "pod"]),
        ("b", "10.0.0.2", "no_endpoint", None, 10, EVERYBODY),
        ("b", "10.0.9.9", "no_endpoint", None, 10, ["node", "pod"]),
        ("b", "192.168.0.5", "no_endpoint", None, 10, ["node", "pod"]),
    ]


def test_internal_policy_counts_for_the_cluster_ip_alone() -> None:
    row = local_lb(internal_traffic_policy="Local") | {"external_traffic_policy": "Cluster"}
    assert told(cluster([row], [endpoint("b")]), "node", "address_kind", "client_kinds") == [
        ("a", "cluster_ip", ["node", "pod"])
    ]


@pytest.mark.parametrize("weights", [(), (0,), (0, 0)])
def test_a_virtual_service_that_sends_to_nobody_proves_it(weights: tuple[int, ...]) -> None:
    table = [
        virtual("10.0.9.9", 80, *weights),
        virtual("10.0.0.1", 30080, *weights),
        virtual("192.168.0.5", 80, 1),
    ]
    found = told(
        cluster([local_lb()], [endpoint("b")], {"a": table}),
        "node",
        "address_kind",
        "client_kinds",
        "certainty",
    )
    assert found == [("a", "node_port", EVERYBODY, "proven"), ("a", "lb_ip", ["node", "pod"], "proven")]


def test_a_virtual_service_with_real_servers_is_no_dead_end() -> None:
    table = [virtual("10.0.9.9", 80, 0, 1), virtual("10.0.0.1", 30080, 1)]
    assert told(cluster([local_lb()], [endpoint("b")], {"a": table})) == []


@pytest.mark.parametrize("weights", [(None,), (0, None)])
def test_servers_of_unknown_weight_decide_nothing(weights: tuple[int | None, ...]) -> None:
    for endpoints, expected in (
        ([endpoint("b")], []),
        ([endpoint("b", 10)], [(None, 10, "expected", ["endpoints"])]),
    ):
        inventory = cluster([service()], endpoints, {"a": [virtual("192.168.0.5", 80, *weights)]})
        found = [row for row in told(inventory) if row["node"] == "a"]
        assert [(row["since"], row["until"], row["certainty"], row["evidence"]) for row in found] == expected


def test_a_virtual_service_with_a_server_of_known_weight_is_no_dead_end() -> None:
    table = [virtual("192.168.0.5", 80, None, 1)]
    assert [row["node"] for row in told(cluster([service()], [endpoint("b", 10)], {"a": table}))] == ["b"]


def test_a_virtual_service_that_is_missing_decides_nothing() -> None:
    found = told(
        cluster([local_lb()], [endpoint("b")], {"a": [virtual("10.0.9.9", 81)]}), "address_kind", "client_kinds", "certainty"
    )  # fmt: skip
    assert found == [("node_port", EVERYBODY, "expected"), ("lb_ip", ["node", "pod"], "expected")]


@pytest.mark.parametrize("endpoints", [[], [endpoint("b")]])
def test_an_empty_virtual_service_counts_more_than_endpoints(endpoints: list[Row]) -> None:
    inventory = cluster(
        [service(since=5)], [*endpoints, endpoint("b", name="other")], {"b": [virtual("192.168.0.5", 80)]}
    )
    (row,) = [row for row in find_dead_ends(inventory, (), Dataplanes(PLANE)) if row["node"] == "b"]
    evidence = ["ipvs"] if endpoints else ["endpoints", "ipvs"]
    assert (row["reason"], row["certainty"], row["evidence"]) == ("no_endpoint", "proven", evidence)
    assert (row["since"], row["until"]) == (5, None)


def test_a_dump_does_not_say_which_of_two_stretches_it_saw() -> None:
    inventory = cluster([service()], [endpoint("b", 10, 20)], {"a": [virtual("192.168.0.5", 80)]})
    found = told(inventory, "node", "since", "until", "certainty", "evidence")
    assert found == [
        ("a", None, 10, "expected", ["endpoints", "ipvs"]),
        ("a", 20, None, "expected", ["endpoints", "ipvs"]),
        ("b", None, 10, "expected", ["endpoints"]),
        ("b", 20, None, "expected", ["endpoints"]),
    ]


def test_without_endpoints_in_the_export_nothing_is_expected() -> None:
    inventory = cluster([local_lb()], [], {"a": [virtual("10.0.9.9", 80)]})
    assert told(inventory, "node", "address", "reason", "evidence") == [
        ("a", "10.0.9.9", "no_local_endpoint", ["ipvs"])
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"service_type": "ExternalName", "cluster_ips": [], "protocol": None, "port": None},
        {"cluster_ips": []},
        {"protocol": None, "port": None, "port_name": None},
    ],
)
def test_what_no_node_translates_is_no_dead_end(more: dict[str, Any]) -> None:
    assert told(cluster([service(**more)], [endpoint("b", name="other")])) == []


@pytest.mark.parametrize(
    "more",
    [{"ready": False}, {"port_name": "q"}, {"protocol": "udp"}, {"port": None, "protocol": None}, {"endpoint_ip": "fd00::1"}],
)  # fmt: skip
def test_an_endpoint_that_is_not_for_the_port_or_not_ready_does_not_count(more: dict[str, Any]) -> None:
    assert len(told(cluster([service()], [endpoint("b", **more)]))) == 2


def test_each_family_has_its_own_endpoints() -> None:
    inventory = cluster(
        [service(cluster_ips=["192.168.0.5", "fd00::5"], node_port=30080, external_traffic_policy="Cluster")],
        [endpoint("b", endpoint_ip="fd00::1")],
    )
    inventory.tables["nodes"] = [node("a", "10.0.0.1", "fd00::a")]
    assert told(inventory, "address", "port") == [("10.0.0.1", 30080), ("192.168.0.5", 80)]


def test_nodes_come_from_dumps_where_there_is_no_list() -> None:
    inventory = cluster([local_lb()], [endpoint("b")])
    inventory.tables["nodes"] = []
    assert told(inventory, "node", "address_kind", dumped=("a", "b", "")) == [("a", "lb_ip")]


def test_a_node_is_no_dead_end_before_it_is_there() -> None:
    inventory = cluster([service(until=50)], [endpoint("b", name="other")])
    inventory.tables["nodes"] = [node("a", since=10, until=20), node("a", since=20), node("b", since=60)]
    assert told(inventory, "node", "since", "until") == [("a", 10, 50)]


def test_a_service_made_again_ends_the_one_before() -> None:
    again = service(since=30, cluster_ips=["192.168.0.6"])
    found = told(cluster([service(), again], [endpoint("b", 40)]), "node", "address", "since", "until")
    assert found == [
        (name, *span) for name in ("a", "b") for span in (("192.168.0.5", None, 30), ("192.168.0.6", 30, 40))
    ]  # fmt: skip


def test_a_data_plane_that_falls_back_to_all_endpoints_expects_none() -> None:
    kept = {key: clients for key, clients in PLANE.dead_ends.items() if key[1] == "no_endpoint"}
    plane = replace(PLANE, dead_ends=kept)
    inventory = cluster([local_lb()], [endpoint("b", 10)], {"b": [virtual("10.0.9.9", 80)]})
    found = told(inventory, "node", "address_kind", "reason", plane=plane)
    assert {reason for _, _, reason in found} == {"no_endpoint"}
    # what a table proves is so, whatever the data plane lets expect
    inventory = cluster([local_lb()], [endpoint("a")], {"b": [virtual("10.0.9.9", 80)]})
    assert told(inventory, "node", "address_kind", "reason", "client_kinds", plane=plane) == [
        ("b", "lb_ip", "no_local_endpoint", ["node", "pod"])
    ]


# --- the same, instant by instant -----------------------------------------------------------------
LAST = 8
INSTANTS = range(-1, LAST + 1)


def alive(row: Row, at: int) -> bool:
    return (row["valid_from"] is None or row["valid_from"] <= at) and (
        row["valid_to"] is None or at < row["valid_to"]
    )


def service_alive(row: Row, services: list[Row], at: int) -> bool:
    def start(one: Row) -> int:
        return -99 if one["valid_from"] is None else one["valid_from"]

    newer = [
        one for one in services if one["name"] == row["name"] and start(row) < start(one) <= at
    ]  # fmt: skip
    return alive(row, at) and not newer


def why_at(inventory: Inventory, row: Row, name: str, ip: str, local: bool, at: int) -> str | None:
    """Why policy and endpoints make it a dead end at an instant."""
    if not inventory.tables["endpoints"]:
        return None
    ready = [
        one
        for one in inventory.tables["endpoints"]
        if one["service"] == f"ns/{row['name']}"
        and (one["protocol"], one["port_name"]) == (row["protocol"], row["port_name"])
        and (":" in one["endpoint_ip"]) == (":" in ip)
        and one["ready"]
        and alive(one, at)
    ]
    if not ready:
        return "no_endpoint"
    return "no_local_endpoint" if local and name not in {one["node"] for one in ready} else None


def dialled(inventory: Inventory, row: Row, name: str) -> list[tuple[str, str, int, bool]]:
    own = sorted(
        {ip for one in inventory.tables["nodes"] if one["name"] == name for ip in one["internal_ips"]}
    )
    outside, inside = row["external_traffic_policy"] == "Local", row["internal_traffic_policy"] == "Local"
    return [
        *(("cluster_ip", ip, 80, inside) for ip in row["cluster_ips"]),
        *(("lb_ip", ip, 80, outside) for ip in row["lb_ips"]),
        *(("node_port", ip, row["node_port"], outside) for ip in own if row["node_port"]),
    ]


def naive(inventory: Inventory) -> list[Row]:
    """Every service on every node at every instant."""
    services, nodes = inventory.tables["services"], inventory.tables["nodes"]
    rows = []
    for row, name in itertools.product(services, sorted({one["name"] for one in nodes})):
        facts = inventory.facts.get(name)
        there = [
            at
            for at in INSTANTS
            if service_alive(row, services, at)
            and any(one["name"] == name and alive(one, at) for one in nodes)
        ]
        for kind, ip, port, local in dialled(inventory, row, name):
            table = {(one.protocol, one.ip, one.port): one for one in (facts and facts.ipvs) or []}
            found = table.get(("tcp", ip, port))
            if found and any(weight for _, _, weight in found.servers):
                continue
            why = {at: why_at(inventory, row, name, ip, local, at) for at in there}
            dead = {at: reason for at, reason in why.items() if reason}
            shown = True
            if found and not dead:
                shown = False
                dead = dict.fromkeys(there, "no_local_endpoint" if local else "no_endpoint")
            starts = sum(at - 1 not in dead for at in dead)
            for at, reason in dead.items():
                if dead.get(at - 1) == reason:
                    continue
                end = next(later for later in range(at, LAST + 2) if dead.get(later) != reason)
                evidence = {"no_endpoint": ["endpoints"], "no_local_endpoint": ["endpoints", "policy"]}[
                    reason
                ]
                proxy = ("ipvs", "no_endpoint") if found else ("ipvs" if table else "other", reason)
                rows.append(
                    {
                        "node": name, "service": f"ns/{row['name']}", "protocol": "tcp", "address": ip, "port": port,
                        "address_kind": kind, "client_kinds": PLANE.dead_ends[(*proxy, kind)], "reason": reason,
                        "since": None if at == -1 else at, "until": None if end == LAST + 1 else end,
                        "certainty": "proven" if found and starts == 1 else "expected",
                        "evidence": sorted([*(evidence if shown else []), *(["ipvs"] if found else [])]),
                    }
                )  # fmt: skip
    return rows


spans = st.tuples(st.none() | st.integers(0, LAST - 1), st.none() | st.integers(0, LAST - 1))
names = st.sampled_from(["web", "api"])
addresses = {"web": ("192.168.0.5", "10.0.9.9", 30080), "api": ("192.168.0.6", "10.0.9.8", 30081)}
policies = st.sampled_from(["Cluster", "Local"])


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    services = {}
    for name, (since, until) in draw(st.lists(st.tuples(names, spans), max_size=4)):
        cluster_ip, lb_ip, port = addresses[name]
        services[name, since] = service(
            name, since, until, cluster_ips=[cluster_ip, "fd00::5"], lb_ips=draw(st.sampled_from([[], [lb_ip]])),
            node_port=draw(st.sampled_from([None, port])), external_traffic_policy=draw(policies),
            internal_traffic_policy=draw(policies),
        )  # fmt: skip
    endpoints = [
        endpoint(on, *span, name=name, ready=ready, endpoint_ip=ip, port_name=port)
        for name, on, span, ready, ip, port in draw(
            st.lists(
                st.tuples(
                    names, st.sampled_from(["a", "b", "c", None]), spans, st.sampled_from([True, True, False]),
                    st.sampled_from(["10.0.2.1", "10.0.2.1", "fd00::9"]), st.sampled_from(["p", "p", "p", "q"]),
                ),
                max_size=6,
            )
        )
    ]  # fmt: skip
    inventory = cluster(list(services.values()), endpoints)
    inventory.tables["nodes"] = [
        node(name, ip, *(["fd00::a"] if name == "a" else []), since=since, until=until)
        for name, ip in (("a", "10.0.0.1"), ("b", "10.0.0.2"))
        for since, until in draw(st.lists(spans, min_size=1, max_size=2))
    ]
    targets = [(ip, 80) for pair in addresses.values() for ip in pair[:2]]
    targets += [(ip, pair[2]) for pair in addresses.values() for ip in ("10.0.0.1", "10.0.0.2")]
    for name in draw(st.sets(st.sampled_from(["a", "b", "c"]))):
        chosen = draw(st.lists(st.tuples(st.sampled_from(targets), st.sampled_from([(), (0,), (1, 0)]))))
        inventory.of_node(name).ipvs = [virtual(*key, *weights) for key, weights in dict(chosen).items()]
    return inventory


@settings(max_examples=400)
@given(inventories())
def test_it_says_what_every_instant_says(inventory: Inventory) -> None:
    found = find_dead_ends(inventory, (), Dataplanes(PLANE))

    def order(row: Row) -> tuple[str, ...]:
        return tuple(
            str(row[name]) for name in ("node", "service", "address", "port", "address_kind", "since")
        )

    assert sorted(found, key=order) == sorted(naive(inventory), key=order)
    keys = [
        tuple(
            row[name] for name in ("node", "service", "protocol", "address", "port", "address_kind", "since")
        )
        for row in found
    ]
    assert len(set(keys)) == len(keys)
