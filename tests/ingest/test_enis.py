from __future__ import annotations

import pytest

from flowstitch.catalog import table
from flowstitch.ingest.addresses import build_addresses
from flowstitch.ingest.inventory import finish_inventory
from flowstitch.ingest.model import Inventory
from inventory_reading import read, read_exported


def interface(eni="eni-1", **more):
    return {
        "NetworkInterfaceId": eni, "Type": "Secondary", "InstanceId": "i-1", "PrivateIpAddress": "10.0.0.5", "VpcId": "vpc-1",
        "VSwitchId": "vsw-1", "ZoneId": "z", "CreationTime": "2026-11-20T08:00Z",
        "PrivateIpSets": {"PrivateIpSet": [{"PrivateIpAddress": "10.0.0.5", "Primary": True, "AssociatedPublicIp": {}},
                                           {"PrivateIpAddress": "10.0.0.20"}]},
        "Ipv6Sets": {"Ipv6Set": [{"Ipv6Address": "FD00:0::1"}]}, **more,
    }  # fmt: skip


def page(*interfaces):
    return {"PageNumber": 1, "NetworkInterfaceSets": {"NetworkInterfaceSet": list(interfaces)}}


def pages(directory, *documents):
    return read(directory, *documents, "enis", dialect="alibaba-eni")


def test_shipped_export():
    inventory = Inventory()
    (account,) = read_exported(
        "inventory/describe_network_interfaces.json", "enis", inventory, dialect="alibaba-eni"
    )
    assert (account.parsed, account.rows, account.warnings) == (8, 8, [])
    finish_inventory(inventory)
    enis = inventory.tables["enis"]
    assert all(set(row) == {field.name for field in table("enis").fields} for row in enis)
    assert [row["role"] for row in enis].count("primary") == 3
    assert {row["node"] for row in enis} == {None}
    list(read_exported("inventory/nodes.json", "kubernetes", inventory))
    finish_inventory(inventory)
    assert {row["node"] for row in enis} == {row["name"] for row in inventory.tables["nodes"]}


def test_interface(tmp_path):
    inventory, account = pages(tmp_path, page(interface()))
    assert account.lines == [1]
    assert inventory.tables["enis"] == [{
        "eni": "eni-1", "role": "secondary", "node": None, "instance_id": "i-1", "primary_ip": "10.0.0.5",
        "ips": ["10.0.0.20", "10.0.0.5", "fd00::1"], "vpc_id": "vpc-1", "vswitch_id": "vsw-1", "zone_id": "z",
        "valid_from": 1795161600_000000, "valid_to": None, "undated": True, "load_balancer": None,
    }]  # fmt: skip


@pytest.mark.parametrize(("parts", "role"), [
    ({"Type": "Primary"}, "primary"), ({"Type": "Trunk"}, "secondary"), ({"Type": "Member"}, "member"),
    ({"Type": None, "InstanceType": "Primary"}, "primary"), ({"Type": "Novel"}, None), ({"Type": ""}, None),
])  # fmt: skip
def test_roles(tmp_path, parts, role):
    inventory, account = pages(tmp_path, page(interface(**parts), interface("eni-2", **parts)))
    assert [row["role"] for row in inventory.tables["enis"]] == [role, role]
    assert len(account.warnings) == (role is None)


def test_instance_of_the_attachment(tmp_path):
    inventory, _ = pages(
        tmp_path,
        page(interface(InstanceId="", Attachment={"InstanceId": "i-2"}), interface("e", InstanceId="")),
    )
    assert [row["instance_id"] for row in inventory.tables["enis"]] == ["i-2", None]


def test_prefixes_warn_once(tmp_path):
    owner = {"Ipv4PrefixSets": {"Ipv4PrefixSet": [{"Ipv4Prefix": "10.0.0.16/28"}]}}
    inventory, account = pages(tmp_path, page(interface(**owner), interface("eni-2", **owner)))
    assert len(account.warnings) == 1
    assert "prefixes" in account.warnings[0]
    assert inventory.tables["enis"][0]["ips"] == ["10.0.0.20", "10.0.0.5", "fd00::1"]


def test_pages_and_repetitions(tmp_path):
    inventory, _ = pages(tmp_path, page(interface("eni-2")))
    read(
        tmp_path,
        [page(interface("eni-1")), page(interface("eni-2"))],
        "enis",
        inventory,
        dialect="alibaba-eni",
    )
    finish_inventory(inventory)
    assert [row["eni"] for row in inventory.tables["enis"]] == ["eni-1", "eni-2"]


def test_bad_interfaces(tmp_path):
    bad = [interface(""), interface("e", PrivateIpAddress="x"), interface("f", Ipv6Sets=[]), 5]
    inventory, account = pages(tmp_path, page(*bad, interface()))
    assert account.rejected == {
        "bad value: NetworkInterfaceId": 1, "bad value: PrivateIpAddress": 1, "bad value: Ipv6Sets.Ipv6Set[].Ipv6Address": 1,
        "bad value: item": 1,
    }  # fmt: skip
    assert account.lines == [5]
    assert len(inventory.tables["enis"]) == 1


@pytest.mark.parametrize(
    "document", [{"NetworkInterfaces": []}, [{"NetworkInterfaces": []}, {"NetworkInterfaces": []}]]
)
def test_pages_without_interfaces(tmp_path, document):
    inventory, account = read(tmp_path, document, "enis", dialect="aws-eni")
    assert account.rows == 0
    assert inventory.tables["enis"] == []


def test_node_of_an_instance_of_aws(tmp_path):
    attached = {"InstanceId": "i-0abc", "DeviceIndex": 0, "NetworkCardIndex": 0}
    page = {
        "NetworkInterfaces": [
            {"NetworkInterfaceId": "eni-1", "InterfaceType": "interface", "Attachment": attached}
        ]
    }
    inventory, _ = read(tmp_path, page, "enis", dialect="aws-eni")
    node = {"kind": "Node", "metadata": {"name": "n1"}, "spec": {"providerID": "aws:///eu-west-1a/i-0abc"}}
    read(tmp_path, node, "kubernetes", inventory)
    finish_inventory(inventory)
    assert [(row["role"], row["node"]) for row in inventory.tables["enis"]] == [("primary", "n1")]


def test_a_page_that_is_none(tmp_path):
    _, account = pages(tmp_path, {"NetworkInterfaceSets": "none"})
    assert account.rejected == {"bad value: NetworkInterfaceId": 1}


def test_an_instance_of_two_nodes_is_of_none(tmp_path):
    inventory, _ = pages(tmp_path, page(interface()))
    nodes = [
        {"kind": "Node", "metadata": {"name": name}, "spec": {"providerID": "r.i-1"}} for name in ("n1", "n2")
    ]
    read(tmp_path, nodes, "kubernetes", inventory)
    finish_inventory(inventory)
    assert inventory.tables["enis"][0]["node"] is None


def addresses(directory, *objects, enis=()):
    inventory, _ = read(directory, list(objects), "kubernetes")
    pages_of = page(*enis)
    read(directory, pages_of, "enis", inventory, dialect="alibaba-eni")
    finish_inventory(inventory)
    return [
        (row["ip"], row["owner_kind"], row["owner"], row["node"], row["eni"])
        for row in build_addresses(inventory)
    ]


def node(name, ip, instance):
    return {
        "kind": "Node", "metadata": {"name": name}, "spec": {"providerID": f"r.{instance}"},
        "status": {"addresses": [{"type": "InternalIP", "address": ip}]},
    }  # fmt: skip


def pod(name, ip, on, **spec):
    return {
        "kind": "Pod", "metadata": {"name": name, "namespace": "ns"}, "spec": {"nodeName": on, **spec},
        "status": {"phase": "Running", "podIP": ip},
    }  # fmt: skip


def test_owners_of_addresses(tmp_path):
    balanced = {
        "kind": "Service", "metadata": {"name": "s", "namespace": "ns"}, "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.99"}]}},
        "spec": {"type": "LoadBalancer", "clusterIP": "10.96.0.1", "externalIPs": ["9.9.9.9"], "ports": [{"port": 1}, {"port": 2}]},
    }  # fmt: skip
    found = addresses(
        tmp_path, node("n1", "10.0.0.5", "i-1"), pod("p", "10.0.0.20", "n1"), pod("h", "10.0.0.5", "n1", hostNetwork=True), balanced,
        enis=[interface()],
    )  # fmt: skip
    assert found == [
        ("9.9.9.9", "external_ip", "ns/s", None, None),
        ("10.0.0.5", "node", "n1", "n1", "eni-1"),
        ("10.0.0.20", "pod", "ns/p", "n1", "eni-1"),
        ("10.0.0.99", "lb_ip", "ns/s", None, None),
        ("10.96.0.1", "cluster_ip", "ns/s", None, None),
        ("fd00::1", "eni", "eni-1", "n1", "eni-1"),
    ]


def test_address_that_moved_between_interfaces(tmp_path):
    both = [interface("eni-1"), interface("eni-2", InstanceId="i-2")]
    nodes = [node("n1", "10.0.0.1", "i-1"), node("n2", "10.0.0.2", "i-2")]
    found = addresses(tmp_path, *nodes, pod("p", "10.0.0.20", "n2"), enis=both)
    assert ("10.0.0.20", "pod", "ns/p", "n2", "eni-2") in found
    found = addresses(tmp_path, *nodes, pod("p", "10.0.0.20", None), enis=both)
    assert ("10.0.0.20", "pod", "ns/p", None, None) in found


def test_shipped_owners():
    inventory = Inventory()
    list(
        read_exported("inventory/describe_network_interfaces.json", "enis", inventory, dialect="alibaba-eni")
    )
    list(read_exported("inventory/[enps]*s.json", "kubernetes", inventory))
    finish_inventory(inventory)
    rows = build_addresses(inventory)
    assert all(set(row) == {field.name for field in table("addresses").fields} for row in rows)
    kinds = [row["owner_kind"] for row in rows]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "pod": 14,
        "node": 3,
        "cluster_ip": 8,
        "lb_ip": 2,
        "eni": 5,
    }
    assert all(row["eni"] for row in rows if row["owner_kind"] in {"pod", "node", "eni"})
