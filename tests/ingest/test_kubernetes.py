from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowstitch.catalog import table
from flowstitch.ingest.inventory import finish_inventory, read_inventory
from flowstitch.ingest.items import BadValue, Item
from flowstitch.ingest.kubernetes import take_object
from flowstitch.ingest.model import Account, Inventory
from flowstitch.ingest.snapshots import Dump, keep
from inventory_reading import read, read_exported, source_of

CREATED, CREATED_AT = "2026-11-20T08:00:00Z", 1795161600_000000


def pod(name="p", status=None, spec=None, **metadata):
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "ns", "creationTimestamp": CREATED, **metadata},
        "spec": {"nodeName": "n1", **(spec or {})},
        "status": {"phase": "Running", "podIP": "10.0.0.1", **(status or {})},
    }  # fmt: skip


def service(spec, status=None, **metadata):
    return {
        "kind": "Service", "metadata": {"name": "s", "namespace": "ns", **metadata},
        "spec": {"ports": [{"port": 80}], **spec}, "status": status or {},
    }  # fmt: skip


def endpointslice(**parts):
    return {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": "s-1", "namespace": "ns", "labels": {"kubernetes.io/service-name": "s"}}, "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"port": 80, "protocol": "TCP", "name": ""}], **parts,
    }  # fmt: skip


def rows_of(directory, name, *items):
    inventory, account = read(directory, {"kind": "List", "items": list(items)}, "kubernetes")
    assert account.parsed == len(items), account.rejects
    return inventory.tables[name]


def test_shipped_export():
    inventory = Inventory()
    counts = [account.parsed for account in read_exported("inventory/[enps]*s.json", "kubernetes", inventory)]
    assert counts == [8, 3, 17, 8]
    finish_inventory(inventory)
    assert {name: len(rows) for name, rows in inventory.tables.items()} == {
        "nodes": 3, "enis": 0, "pods": 17, "services": 9, "endpoints": 14,
    }  # fmt: skip
    for name, rows in inventory.tables.items():
        assert all(set(row) == {field.name for field in table(name).fields} for row in rows)
    nginx = next(row for row in inventory.tables["services"] if row["name"] == "nginx")
    assert nginx == {
        "namespace": "default", "name": "nginx", "service_type": "LoadBalancer", "protocol": "tcp", "port_name": "http", "port": 80,
        "target_port": "80", "node_port": 30062, "cluster_ips": ["192.168.2.115"], "lb_ips": ["10.0.3.62"], "external_ips": [],
        "lb_id": "lb-j6cw3daxxukxln8xccive", "external_traffic_policy": "Local", "internal_traffic_policy": "Cluster",
        "session_affinity": "None", "valid_from": CREATED_AT, "valid_to": None, "undated": True,
    }  # fmt: skip
    assert inventory.tables["nodes"][0]["instance_id"] == "i-j6c63x8m9rb0vdc5dctl"
    assert [row["host_network"] for row in inventory.tables["pods"]].count(True) == 3


def test_read_again_adds_nothing():
    inventory = Inventory()
    for _ in range(2):
        list(read_exported("inventory/[enps]*s.json", "kubernetes", inventory))
    finish_inventory(inventory)
    assert [len(rows) for rows in inventory.tables.values()] == [3, 0, 17, 9, 14]


def test_later_description_of_an_object_counts(tmp_path):
    inventory, _ = read(tmp_path, pod(), "kubernetes")
    read(tmp_path, pod(deletionTimestamp="2026-11-21T08:00:00Z"), "kubernetes", inventory)
    read(tmp_path, pod(creationTimestamp="2026-11-22T08:00:00Z"), "kubernetes", inventory)
    finish_inventory(inventory)
    assert [(row["valid_from"], row["valid_to"]) for row in inventory.tables["pods"]] == [
        (CREATED_AT, CREATED_AT + 86_400_000_000),
        (CREATED_AT + 172_800_000_000, None),
    ]


def test_pod(tmp_path):
    (row,) = rows_of(tmp_path, "pods", pod(
        status={"startTime": "2026-11-20T08:00:01.25Z", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "2001:DB8::0:1"}]},
        spec={"hostNetwork": True}, deletionTimestamp="2026-11-20T08:00:02+00:00",
    ))  # fmt: skip
    assert row == {
        "namespace": "ns", "name": "p", "node": "n1", "host_network": True, "phase": "Running", "ips": ["10.0.0.1", "2001:db8::1"],
        "valid_from": CREATED_AT + 1_250_000, "valid_to": CREATED_AT + 2_000_000, "undated": True,
    }  # fmt: skip


def test_pending_pod_has_no_address(tmp_path):
    (row,) = rows_of(tmp_path, "pods", pod(status={"phase": "Pending", "podIP": ""}, spec={"nodeName": None}))
    assert row["ips"] == []
    assert row["node"] is None


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_finished_pod_gives_its_address_back(tmp_path, phase):
    ends = [{"state": {"terminated": {"finishedAt": f"2026-11-20T08:00:0{second}Z"}}} for second in (3, 7, 5)]
    finished, unknown = rows_of(
        tmp_path,
        "pods",
        pod(status={"phase": phase, "containerStatuses": ends}),
        pod("q", status={"phase": phase}),
    )
    assert (finished["ips"], finished["valid_to"]) == (["10.0.0.1"], CREATED_AT + 7_000_000)
    assert unknown["ips"] == []


def test_dated_by_the_capture(tmp_path):
    inventory, _ = read(tmp_path, pod(), "kubernetes", taken_at=1)
    finish_inventory(inventory)
    assert inventory.tables["pods"][0]["undated"] is False


def test_service_ports_and_addresses(tmp_path):
    rows = rows_of(tmp_path, "services", service({
        "type": "NodePort", "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1", "fd00::1"], "externalIPs": ["1.2.3.4"],
        "ports": [{"name": "dns", "port": 53, "protocol": "UDP", "targetPort": "dns", "nodePort": 30053},
                  {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 5353, "nodePort": 0}],
    }))  # fmt: skip
    assert [
        (row["protocol"], row["port_name"], row["port"], row["target_port"], row["node_port"]) for row in rows
    ] == [
        ("udp", "dns", 53, "dns", 30053),
        ("tcp", "dns-tcp", 53, "5353", None),
    ]
    assert rows[0]["cluster_ips"] == ["10.96.0.1", "fd00::1"]
    assert rows[0]["external_ips"] == ["1.2.3.4"]
    assert rows[0]["external_traffic_policy"] == "Cluster"


@pytest.mark.parametrize(("spec", "external", "internal"), [
    ({"clusterIP": "10.96.0.1"}, None, "Cluster"),
    ({"clusterIP": "10.96.0.1", "externalTrafficPolicy": "Local", "internalTrafficPolicy": "Local"}, None, "Local"),
    ({"clusterIP": "10.96.0.1", "externalIPs": ["1.2.3.4"]}, "Cluster", "Cluster"),
    ({"type": "LoadBalancer", "externalTrafficPolicy": "Local"}, "Local", "Cluster"),
    ({"type": "ExternalName", "externalName": "x"}, None, None),
])  # fmt: skip
def test_traffic_policies(tmp_path, spec, external, internal):
    (row,) = rows_of(tmp_path, "services", service(spec))
    assert (row["external_traffic_policy"], row["internal_traffic_policy"]) == (external, internal)


@pytest.mark.parametrize(
    "spec", [{"clusterIP": "None", "clusterIPs": ["None"]}, {"type": "ExternalName", "clusterIP": ""}]
)
def test_services_without_an_address(tmp_path, spec):
    (row,) = rows_of(tmp_path, "services", service({**spec, "ports": None}))
    assert row["cluster_ips"] == []
    assert row["port"] is None


def test_load_balancers(tmp_path):
    ingress = [
        {"ip": "1.1.1.1", "ipMode": "VIP"},
        {"ip": "2.2.2.2", "ipMode": "Proxy"},
        {"hostname": "x"},
        {"ip": "0.0.0.9"},
    ]
    status = {"loadBalancer": {"ingress": ingress}}
    label = {"labels": {"service.k8s.alibaba/loadbalancer-id": "lb-1"}}
    note = {"annotations": {"service.beta.kubernetes.io/alibaba-cloud-loadbalancer-id": "lb-2"}, "labels": {}}
    rows = rows_of(
        tmp_path,
        "services",
        *(service({"type": "LoadBalancer"}, status, **metadata) for metadata in (label, note, {})),
    )
    assert [row["lb_id"] for row in rows] == ["lb-1", "lb-2", None]
    assert rows[0]["lb_ips"] == ["0.0.0.9", "1.1.1.1"]


def test_endpoints(tmp_path):
    rows = rows_of(tmp_path, "endpoints", endpointslice(
        endpoints=[
            {"addresses": ["10.0.0.1", "10.0.0.2"], "conditions": {"ready": None}, "nodeName": "n1",
             "targetRef": {"kind": "Pod", "name": "p"}},
            {"addresses": ["10.0.0.3"], "conditions": {"ready": False}, "targetRef": {"kind": "Node", "name": "n2"}},
        ],
        ports=[{"name": "a", "port": 80, "protocol": "TCP"}, {"name": "b", "port": None, "protocol": "SCTP"}],
    ))  # fmt: skip
    assert [
        (row["endpoint_ip"], row["protocol"], row["port"], row["ready"], row["pod"], row["node"])
        for row in rows
    ] == [
        ("10.0.0.1", "tcp", 80, True, "ns/p", "n1"),
        ("10.0.0.1", "sctp", None, True, "ns/p", "n1"),
        ("10.0.0.2", "tcp", 80, True, "ns/p", "n1"),
        ("10.0.0.2", "sctp", None, True, "ns/p", "n1"),
        ("10.0.0.3", "tcp", 80, False, None, None),
        ("10.0.0.3", "sctp", None, False, None, None),
    ]
    assert {row["service"] for row in rows} == {"ns/s"}


def test_endpoints_without_ports_or_addresses(tmp_path):
    (row,) = rows_of(tmp_path, "endpoints", endpointslice(ports=None))
    assert (row["protocol"], row["port"]) == (None, None)
    assert rows_of(tmp_path, "endpoints", endpointslice(endpoints=None)) == []


def test_two_ports_of_one_number_stay_two(tmp_path):
    ports = [{"name": name, "port": 80, "protocol": "TCP"} for name in ("b", "a")]
    inventory, _ = read(tmp_path, endpointslice(ports=ports), "kubernetes")
    finish_inventory(inventory)
    assert [row["port_name"] for row in inventory.tables["endpoints"]] == ["a", "b"]


@pytest.mark.parametrize(("provider", "instance"), [
    ("cn-hangzhou.i-bp1", "i-bp1"), ("aws:///eu-west-1a/i-0abc", "i-0abc"), ("alicloud://cn-x.i-1", "i-1"), ("", None),
])  # fmt: skip
def test_node(tmp_path, provider, instance):
    addresses = [
        ("InternalIP", "10.0.0.9"),
        ("InternalIP", "fd00::9"),
        ("ExternalIP", "1.2.3.4"),
        ("Hostname", "n1"),
    ]
    (row,) = rows_of(tmp_path, "nodes", {
        "kind": "Node", "metadata": {"name": "n1", "labels": {"topology.kubernetes.io/zone": "z"}}, "spec": {"providerID": provider},
        "status": {"addresses": [{"type": kind, "address": address} for kind, address in addresses]},
    })  # fmt: skip
    assert row == {
        "name": "n1", "instance_id": instance, "internal_ips": ["10.0.0.9", "fd00::9"], "external_ips": ["1.2.3.4"], "zone_id": "z",
        "proxy_mode": None, "kubelet_version": None, "dataplane": None, "valid_from": None, "valid_to": None, "undated": True,
    }  # fmt: skip


def test_shapes_of_documents(tmp_path):
    bare = pod()
    kindless = {key: value for key, value in bare.items() if key not in {"kind", "apiVersion"}}
    documents = {
        "bare": bare,
        "list of one kind": {"kind": "PodList", "apiVersion": "v1", "items": [kindless]},
        "plain list": [bare],
        "lists in a list": [{"kind": "List", "items": [bare]}, {"kind": "List", "items": None}],
        "JSON lines": json.dumps(bare) + "\r\n\n",
        "pages": json.dumps({"kind": "List", "items": []}, indent=1) + json.dumps({"items": [bare]}),
        "byte order mark": b"\xef\xbb\xbf" + json.dumps(bare).encode(),
    }
    for shape, document in documents.items():
        inventory, account = read(tmp_path, document, "kubernetes")
        assert account.lines == [1], shape
        assert len(inventory.tables["pods"]) == 1


def test_other_objects_are_skipped(tmp_path):
    others = [
        {"kind": "Secret"},
        {"kind": "Service", "apiVersion": "serving.knative.dev/v1"},
        {"kind": "Event", "metadata": 1},
    ]
    nameless = endpointslice()
    nameless["metadata"] = {"namespace": "ns"}
    _, account = read(
        tmp_path, {"items": [*others, nameless, endpointslice(addressType="FQDN")]}, "kubernetes"
    )
    assert account.skipped == {"other object": 3, "object without addresses": 2}
    assert account.rows == 5


BAD = {
    "item": 7,
    "kind": {"metadata": {}},
    "metadata.name": pod(name=""),
    "metadata.namespace": pod(namespace=None),
    "metadata.creationTimestamp": pod(creationTimestamp="yesterday"),
    "status.podIP": pod(status={"podIP": "10.0.0.256"}),
    "status.podIPs[].ip": pod(status={"podIPs": [{"ip": 5}]}),
    "status.podIPs[]": pod(status={"podIPs": {"ip": "10.0.0.1"}}),
    "spec.hostNetwork": pod(spec={"hostNetwork": "yes"}),
    "spec.nodeName": pod(spec={"nodeName": "n\u001b[1m"}),
    "spec.ports[].port": service({"ports": [{"port": 70_000}]}),
    "spec.ports[].protocol": service({"ports": [{"port": 1, "protocol": "ICMP"}]}),
    "spec.ports[].targetPort": service({"ports": [{"port": 1, "targetPort": True}]}),
    "spec.internalTrafficPolicy": service({"internalTrafficPolicy": "Sideways"}),
    "endpoints[].addresses[]": endpointslice(endpoints=[{"addresses": ["x"]}]),
    "endpoints[].conditions.ready": endpointslice(
        endpoints=[{"addresses": ["::1"], "conditions": {"ready": 1}}]
    ),
    "metadata": {"kind": "Pod", "metadata": "x"},
}


@pytest.mark.parametrize("path", BAD)
def test_bad_objects_are_rejected_and_their_neighbours_are_not(tmp_path, path):
    inventory, account = read(tmp_path, {"items": [pod("before"), BAD[path], pod("after")]}, "kubernetes")
    (reject,) = account.rejects
    assert reject.line == 2
    assert reject.reason.startswith(f"bad value: {path}")
    assert json.loads(reject.raw) == BAD[path]
    assert account.lines == [1, 3]
    assert [row["name"] for row in inventory.tables["pods"]] == ["before", "after"]
    assert not inventory.tables["services"] + inventory.tables["endpoints"]


@pytest.mark.parametrize("document", [
    b'{"items": [', b'{"items": []} {', b"", b"\xff", b"{'a': 1}", b"[" * 100_000, b'{"items": []}\n{"kind"',
])  # fmt: skip
def test_torn_documents(tmp_path, document):
    _, account = read(tmp_path, document, "kubernetes")
    torn = bool(document)
    assert account.rejected == ({"torn document": 1} if torn else {})
    assert account.incomplete is torn


def test_torn_document_keeps_what_came_before(tmp_path):
    document = json.dumps(pod()).encode() + b"\n" + json.dumps(pod("q")).encode()[:50]
    inventory, account = read(tmp_path, document, "kubernetes")
    assert len(inventory.tables["pods"]) == 1
    assert [(reject.line, reject.byte_offset) for reject in account.rejects] == [
        (2, document.index(b"\n") + 1)
    ]


def test_document_that_is_too_large_is_refused(tmp_path):
    path = tmp_path / "pods.json"
    path.write_text(json.dumps(pod()))
    inventory, account = Inventory(), Account(whole_bytes=100)
    read_inventory(source_of(path, "kubernetes"), account, inventory)
    assert account.rejected == {"document too large": 1}
    assert "more than the 100 bytes that --memory allows" in account.warnings[0]
    assert not inventory.tables["pods"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["10.0.0.1", "TCP", CREATED]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["metadata", "name", "namespace", "labels", "spec", "status", "ports", "port", "podIPs", "ip", "endpoints", "addresses", "type"]
    ), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(
    st.sampled_from(["Pod", "Service", "Node", "EndpointSlice"]),
    st.dictionaries(st.sampled_from(["metadata", "spec", "status", "endpoints", "ports"]), JSON),
)
def test_any_object_is_taken_or_rejected(kind, parts):
    item = Item({"kind": kind, **parts})
    inventory, dump = Inventory(), Dump(None)
    with suppress(BadValue):
        take_object(item, dump)
    keep(dump, inventory, lines=1, intact=True)
    finish_inventory(inventory)
    for name, rows in inventory.tables.items():
        assert all(set(row) == {field.name for field in table(name).fields} for row in rows)
