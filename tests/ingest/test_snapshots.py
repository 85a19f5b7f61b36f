"""Lists of Kubernetes at several times: what they say together, and that it is never more than they know."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowstitch.ingest.addresses import build_addresses
from flowstitch.ingest.discover import discover
from flowstitch.ingest.inventory import finish_inventory
from flowstitch.ingest.model import Inventory
from flowstitch.ingest.snapshots import Dump, Taken, keep
from inventory_reading import read

Row = dict[str, Any]
S = 1_000_000
EPOCH = 1_795_400_000
# a list holds at its own time, and spans are half-open
INSTANT = 1


def stamp(second: float | None) -> str | None:
    return None if second is None else datetime.fromtimestamp(EPOCH + second, UTC).isoformat()


def pod(
    name: str = "p",
    ip: str | None = "10.0.0.1",
    made: float | None = None,
    start: float | None = None,
    **more: Any,
) -> Row:
    end, namespace, node, phase = (
        more.get("end"),
        more.get("namespace", "ns"),
        more.get("node", "n1"),
        more.get("phase", "Running"),
    )
    return {
        "kind": "Pod", "metadata": {"namespace": namespace, "name": name, "creationTimestamp": stamp(made), "deletionTimestamp": stamp(end)},
        "spec": {"nodeName": node}, "status": {"phase": phase, "podIP": ip, "startTime": stamp(start)},
    }  # fmt: skip


def service(
    policy: str = "Cluster", ports: tuple[int, ...] = (80,), made: float | None = 0, **more: Any
) -> Row:
    return {
        "kind": "Service", "metadata": {"namespace": "ns", "name": "s", "creationTimestamp": stamp(made)},
        "spec": {"type": "LoadBalancer", "clusterIP": "192.168.0.1", "externalTrafficPolicy": policy, "ports": [{"port": port} for port in ports]},
        "status": {"loadBalancer": {"ingress": [{"ip": ip} for ip in more.get("lb", ())]}},
    }  # fmt: skip


def slice_of(*ends: str, ready: bool = True, made: float | None = 0, name: str = "s-1") -> Row:
    labels = {"kubernetes.io/service-name": "s"}
    return {
        "kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1",
        "metadata": {"namespace": "ns", "name": name, "labels": labels, "creationTimestamp": stamp(made)},
        "endpoints": [{"addresses": [ip], "conditions": {"ready": ready}} for ip in ends], "ports": [{"port": 8080, "protocol": "TCP"}],
    }  # fmt: skip


def listed(*items: Row, **metadata: Any) -> Row:
    return {"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": list(items)}


@dataclass
class Cluster:
    """Files of an export, read in any order."""

    directory: Path
    inventory: Inventory = field(default_factory=Inventory)

    def at(self, second: float | None, document: object, node: str = "") -> None:
        taken_at = None if second is None else round((EPOCH + second) * S)
        read(self.directory, document, "kubernetes", self.inventory, taken_at=taken_at, node=node)

    def rows(self, table: str) -> list[Row]:
        finish_inventory(self.inventory)
        return self.inventory.tables[table]

    def told(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Chosen columns of the rows, with begin and end in seconds; a list holds ``INSTANT`` longer than its time."""
        spans = ("valid_from", "valid_to")
        return [
            (*(row[name] for name in columns), *(None if row[name] is None else row[name] / S - EPOCH for name in spans))
            for row in self.rows(table)
        ]  # fmt: skip


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def just_after(second: float) -> Any:
    return pytest.approx(second + INSTANT / S, abs=1e-7)


def test_one_list_is_as_ever(cluster: Cluster) -> None:
    cluster.at(100, listed(pod("p", made=20, start=30), pod("q", ip="10.0.0.2")))
    assert cluster.told("pods", "name", "undated") == [("p", False, 30, None), ("q", False, None, None)]


def test_object_that_stands_in_the_first_list_alone_ended(cluster: Cluster) -> None:
    cluster.at(100, listed(pod("p", made=20), pod("q", ip="10.0.0.2", made=20)))
    cluster.at(200, listed(pod("q", ip="10.0.0.2", made=20)))
    assert cluster.told("pods", "name") == [("p", 20, just_after(100)), ("q", 20, None)]


def test_object_that_stands_in_the_second_list_alone_began(cluster: Cluster) -> None:
    cluster.at(100, listed(pod("q", ip="10.0.0.2")))
    cluster.at(
        200, listed(pod("p", ip="10.0.0.1"), pod("q", ip="10.0.0.2"), pod("r", ip="10.0.0.3", made=150))
    )
    assert cluster.told("pods", "name") == [("p", 200, None), ("q", None, None), ("r", 150, None)]


@pytest.mark.parametrize("order", [(100, 200, 300), (300, 100, 200), (200, 300, 100)])
def test_files_come_in_any_order(cluster: Cluster, order: tuple[int, ...]) -> None:
    for second in order:
        cluster.at(second, listed(pod("q", ip="10.0.0.2"), *([pod()] if second == 200 else [])))
    assert cluster.told("pods", "name") == [("p", 200, just_after(200)), ("q", None, None)]


def test_its_own_end_counts_where_it_is_given(cluster: Cluster) -> None:
    cluster.at(100, listed(pod("p", end=130), pod("q", ip="10.0.0.2", end=250), pod("r")))
    cluster.at(200, listed(pod("r")))
    assert cluster.told("pods", "name") == [("p", None, 130), ("q", None, just_after(100)), ("r", None, None)]


def test_finished_pod_held_its_address_until_its_end(cluster: Cluster) -> None:
    done = pod("p", made=20, phase="Succeeded")
    done["status"]["containerStatuses"] = [{"state": {"terminated": {"finishedAt": stamp(150)}}}]
    cluster.at(100, listed(pod("p", made=20), pod("q", ip="10.0.0.2")))
    cluster.at(200, listed(done, pod("q", ip="10.0.0.2")))
    assert cluster.told("pods", "name", "phase") == [
        ("p", "Succeeded", 20, 150),
        ("q", "Running", None, None),
    ]


def test_pod_made_again_is_another(cluster: Cluster) -> None:
    cluster.at(100, listed(pod("p", made=20, node="n1")))
    cluster.at(200, listed(pod("p", made=150, start=160, node="n2")))
    assert cluster.told("pods", "node") == [("n1", 20, just_after(100)), ("n2", 160, None)]


def test_pending_pod_gets_its_address(cluster: Cluster) -> None:
    cluster.at(100, listed(pod("p", ip=None, made=90, node=None, phase="Pending")))
    cluster.at(200, listed(pod("p", made=90, start=120)))
    # the pod was there in between, and nothing else is known of it
    assert cluster.told("pods", "ips", "node", "phase") == [
        ([], None, "Pending", 90, just_after(100)),
        ([], None, None, just_after(100), 120),
        (["10.0.0.1"], "n1", "Running", 120, None),
    ]


def test_address_that_moved(cluster: Cluster) -> None:
    cluster.at(100, listed(pod("p", made=20), pod("q", ip="10.0.0.2", made=20)))
    cluster.at(200, listed(pod("r", made=150, start=151), pod("q", ip="10.0.0.2", made=20)))
    rows = build_addresses(cluster.inventory) if cluster.rows("pods") else []
    owners = [(row["ip"], row["owner"], row["valid_from"], row["valid_to"]) for row in rows]
    assert owners == [
        ("10.0.0.1", "ns/p", (EPOCH + 20) * S, (EPOCH + 100) * S + INSTANT),
        ("10.0.0.1", "ns/r", (EPOCH + 151) * S, None),
        ("10.0.0.2", "ns/q", (EPOCH + 20) * S, None),
    ]


def test_service_whose_policy_changed_has_none_in_between(cluster: Cluster) -> None:
    cluster.at(100, listed(service("Cluster", lb=["1.1.1.1"])))
    cluster.at(200, listed(service("Local", lb=["1.1.1.1", "2.2.2.2"])))
    cluster.at(300, listed(service("Local", lb=["1.1.1.1", "2.2.2.2"])))
    assert cluster.told("services", "external_traffic_policy", "lb_ips") == [
        ("Cluster", ["1.1.1.1"], 0, just_after(100)),
        (None, ["1.1.1.1"], just_after(100), 200),
        ("Local", ["1.1.1.1", "2.2.2.2"], 200, None),
    ]
    addresses = build_addresses(cluster.inventory)
    spans = {row["ip"]: (row["valid_from"], row["valid_to"]) for row in addresses}
    assert len(addresses) == len(spans)
    assert spans == {
        "192.168.0.1": (EPOCH * S, None), "1.1.1.1": (EPOCH * S, None), "2.2.2.2": ((EPOCH + 200) * S, None),
    }  # fmt: skip


def test_ports_of_a_service_change_together(cluster: Cluster) -> None:
    cluster.at(100, listed(service(ports=(80, 443))))
    cluster.at(200, listed(service(ports=(80, 81))))
    assert cluster.told("services", "port") == [
        (80, 0, just_after(100)), (80, just_after(100), 200), (80, 200, None), (81, 200, None), (443, 0, just_after(100)),
    ]  # fmt: skip


def test_endpoint_that_came_may_have_been_there_before(cluster: Cluster) -> None:
    cluster.at(100, listed(slice_of("10.0.0.1")))
    cluster.at(200, listed(slice_of("10.0.0.1", "10.0.0.2")))
    cluster.at(300, listed(slice_of("10.0.0.2")))
    assert cluster.told("endpoints", "endpoint_ip", "ready") == [
        ("10.0.0.1", True, 0, just_after(200)), ("10.0.0.1", None, just_after(200), 300),
        ("10.0.0.2", None, just_after(100), 200), ("10.0.0.2", True, 200, None),
    ]  # fmt: skip


def test_endpoint_of_an_emptied_slice_ended(cluster: Cluster) -> None:
    cluster.at(100, listed(slice_of("10.0.0.1")))
    cluster.at(200, listed(slice_of()))
    assert [row[:2] for row in cluster.told("endpoints", "ready")] == [(True, 0), (None, just_after(100))]


def test_endpoint_that_became_ready(cluster: Cluster) -> None:
    cluster.at(100, listed(slice_of("10.0.0.1", ready=False)))
    cluster.at(200, listed(slice_of("10.0.0.1")))
    cluster.at(300, listed(slice_of("10.0.0.1", ready=False)))
    cluster.at(400, listed(slice_of()))
    assert cluster.told("endpoints", "ready") == [
        (False, 0, just_after(100)), (None, just_after(100), 200), (True, 200, just_after(200)),
        (None, just_after(200), 300), (False, 300, just_after(300)),
    ]  # fmt: skip


def test_slice_that_is_newer_than_the_last_list_was_not_there_before(cluster: Cluster) -> None:
    cluster.at(100, listed(slice_of("10.0.0.1"), pod()))
    cluster.at(200, listed(slice_of("10.0.0.1"), slice_of("10.0.0.2", made=150, name="s-2"), pod()))
    assert cluster.told("endpoints", "endpoint_ip", "ready") == [
        ("10.0.0.1", True, 0, None),
        ("10.0.0.2", True, 150, None),
    ]


# What follows the list of p and q (namespaces ns and other) at 100 s and says nothing of p: it lists none of its kind or
# namespace, one object, a page, or changes whose times are not known; or not everything in it could be read.
SILENT: dict[str, object] = {
    "no list": pod("r", ip="10.0.0.3"),
    "another namespace": listed(
        pod("q", ip="10.0.0.2", namespace="other"), pod("t", ip="10.0.0.4", namespace="other")
    ),
    "another kind": listed(service(), slice_of("10.0.0.1")),
    "nothing": listed(),
    "a page": listed(pod("r", ip="10.0.0.3"), **{"continue": "abc", "remainingItemCount": 5}),
    "a bad object": listed(pod("r", ip="10.0.0.3"), pod("p", ip="ten")),
    "a torn list": json.dumps(pod("r", ip="10.0.0.3")) + "\n" + json.dumps(pod("t"))[:40],
    "a stream": json.dumps(pod("r", ip="10.0.0.3"), indent=4) + json.dumps(pod("t", ip="10.0.0.4"), indent=4),
    "a stream by line": "\n".join(
        json.dumps(pod("r", ip="10.0.0.3", phase=phase)) for phase in ("Pending", "Running")
    ),
}


@pytest.mark.parametrize("case", SILENT)
def test_what_does_not_list_an_object_says_nothing_of_it(cluster: Cluster, case: str) -> None:
    cluster.at(100, listed(pod("p"), pod("q", ip="10.0.0.2", namespace="other")))
    cluster.at(200, SILENT[case])
    assert ("p", None, None) in cluster.told("pods", "name")


@pytest.mark.parametrize("shape", [
    listed(pod("q", ip="10.0.0.2")), [pod("q", ip="10.0.0.2")], [listed(pod("q", ip="10.0.0.2"))],
    json.dumps(listed(), indent=1) + json.dumps(listed(pod("q", ip="10.0.0.2"))),
    json.dumps(pod("q", ip="10.0.0.2")) + "\r\n\n" + json.dumps(pod("r", ip="10.0.0.3")) + "\n",
])  # fmt: skip
def test_whatever_is_a_list_tells_what_is_gone(cluster: Cluster, shape: object) -> None:
    cluster.at(100, listed(pod("p"), pod("q", ip="10.0.0.2")))
    cluster.at(200, shape)
    assert cluster.told("pods", "name")[:2] == [("p", None, just_after(100)), ("q", None, None)]


@pytest.mark.parametrize("indent", [None, 4])
def test_an_object_alone_is_seen_at_its_time(cluster: Cluster, indent: int | None) -> None:
    cluster.at(100, json.dumps(service("Cluster"), indent=indent))
    cluster.at(200, json.dumps(service("Local"), indent=indent))
    assert [row[0] for row in cluster.told("services", "external_traffic_policy")] == [
        "Cluster",
        None,
        "Local",
    ]


def test_lists_of_nodes_say_nothing_of_each_other(cluster: Cluster) -> None:
    for second in (100, 200):
        for shift, node in enumerate(("n1", "n2")):
            pods = [
                pod(f"{node}-{name}", ip=f"10.0.{shift}.{name}", node=node)
                for name in range(1 if second == 200 else 0, 2)
            ]
            cluster.at(second + shift, listed(*pods), node)
    assert cluster.told("pods", "name") == [
        ("n1-0", None, just_after(100)), ("n1-1", None, None), ("n2-0", None, just_after(101)), ("n2-1", None, None),
    ]  # fmt: skip


def test_lists_of_one_time_do_not_contradict_each_other(cluster: Cluster) -> None:
    for name, ip in (("p", "10.0.0.1"), ("q", "10.0.0.2")):
        cluster.at(100, listed(pod(name, ip=ip)))
    assert cluster.told("pods", "name") == [("p", None, None), ("q", None, None)]


def test_an_object_that_is_in_a_later_list_again_was_gone(cluster: Cluster) -> None:
    for second, there in ((100, True), (200, False), (300, True)):
        cluster.at(second, listed(pod("q", ip="10.0.0.2"), *([pod("p", made=20)] if there else [])))
    assert cluster.told("pods", "name")[:2] == [("p", 20, just_after(100)), ("p", 300, None)]


def test_clocks_differ(cluster: Cluster) -> None:
    cluster.at(100, listed(pod("p", made=100.9), pod("q", ip="10.0.0.2")))
    cluster.at(200, listed(pod("q", ip="10.0.0.2")))
    assert cluster.told("pods", "name")[0] == ("p", 100, just_after(100))


def test_a_list_without_a_time_does_not_count_where_one_with_a_time_has_the_object(cluster: Cluster) -> None:
    cluster.at(None, listed(pod("p", ip="10.9.9.9"), pod("old", ip="10.0.0.9")))
    cluster.at(100, listed(pod("p")))
    assert cluster.told("pods", "name", "ips", "undated") == [
        ("old", ["10.0.0.9"], True, None, None), ("p", ["10.0.0.1"], False, None, None),
    ]  # fmt: skip


def test_equal_lists_of_two_times_both_count(tmp_path: Path) -> None:
    documents = {
        100: listed(service("Cluster")),
        200: listed(service("Local")),
        300: listed(service("Cluster")),
    }
    for second, document in documents.items():
        (tmp_path / f"services.{EPOCH + second}.json").write_text(json.dumps(document))
    (tmp_path / f"copy-of-services.{EPOCH + 100}.json").write_text(json.dumps(documents[100]))
    assert [source.name for source in discover([str(tmp_path)]).sources] == [
        f"copy-of-services.{EPOCH + 100}.json", f"services.{EPOCH + 200}.json", f"services.{EPOCH + 300}.json",
    ]  # fmt: skip


# A world in which one object is something or not there at every second, and lists of it.
STATES = st.lists(st.sampled_from([None, "a", "b"]), min_size=12, max_size=12)
TIMES = st.sets(st.integers(0, 11), min_size=1)


def settled(world: list[str | None], times: set[int], table: str) -> list[Row]:
    inventory = Inventory()
    for at in times:
        rows = {
            "pods": {"namespace": "ns", "name": "p", "node": world[at], "phase": "x"},
            "endpoints": {"service": "ns/s", "protocol": "tcp", "port": 1, "port_name": None, "endpoint_ip": "::1", "node": world[at], "ready": True},
        }[table]  # fmt: skip
        row = rows | {"valid_from": None, "valid_to": None, "undated": False}
        other = {name: "other" if name in {"name", "service"} else value for name, value in row.items()}
        taken = [Taken(table, "ns", "other", None, [other])]
        taken += [Taken(table, "ns", "p", None, [row])] if world[at] else []
        keep(Dump(at * S, "", taken, 1, 1), inventory, lines=1, intact=True)
    finish_inventory(inventory)
    return [row for row in inventory.tables[table] if "other" not in (row.get("name"), row.get("service"))]


def valid(rows: list[Row], at: float) -> list[Row]:
    return [
        row
        for row in rows
        if (row["valid_from"] is None or row["valid_from"] <= at)
        and (row["valid_to"] is None or at < row["valid_to"])
    ]


@given(STATES, TIMES, st.sampled_from(["pods", "endpoints"]))
def test_what_the_lists_say_is_said_and_no_more(world: list[str | None], times: set[int], table: str) -> None:
    rows = settled(world, times, table)
    order = sorted(times)
    for at in order:
        found = [row["node"] for row in valid(rows, at * S) if row.get("ready", True)]
        assert found == ([world[at]] if world[at] else [])
    for before, after in itertools.pairwise(order):
        found = valid(rows, before * S + S // 2)
        states = {world[before], world[after]}
        if table == "endpoints" and len(states) == 2 and None in states:
            assert [row["ready"] for row in found] == [None]
        elif None in states:
            assert found == []
        else:
            assert [row["node"] for row in found] == ([world[before]] if len(states) == 1 else [None])
    assert all(
        row["valid_from"] is None or row["valid_to"] is None or row["valid_from"] < row["valid_to"]
        for row in rows
    )
