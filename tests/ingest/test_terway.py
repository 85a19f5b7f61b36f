"""What Terway says of pods and ENIs, and where it counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowstitch.ingest.addresses import build_addresses
from flowstitch.ingest.facts import inventory_rows, take_rows
from flowstitch.ingest.inventory import finish_inventory
from flowstitch.ingest.model import Account, Inventory
from inventory_reading import read

TREE = """\
└─┬ENI: eni-1
  ├──MAC: 00:16:3e:00:00:01
  ├──Status: InUse
  ├──Type: secondary
  └─┬IPs
    ├──10.0.1.9  ns/p  Valid
    └──10.0.1.10    Valid

"""
LIST = """\
• slot 0
 - eni-1
 - 00:16:3e:00:00:01
 - InUse
 - Type secondary
 - InhibitExpireAt 0001-01-01 00:00:00 +0000 UTC
  • 10.0.1.9  ns/p  Valid
  • 10.0.1.10    Valid

"""
COLOURED = (
    LIST.replace("•", "\x1b[31m•\x1b[0m")
    .replace(" - ", " \x1b[90m-\x1b[0m ")
    .replace("ns/p", "\x1b[39mns/p\x1b[0m")
)


def mapping(
    directory: Path, text: str | bytes, inventory: Inventory | None = None, **known: Any
) -> tuple[Inventory, Account]:
    return read(directory, text, "terway-mapping", inventory, node=known.pop("node", "n1"), **known)


def told(inventory: Inventory) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """ENIs with role, node and addresses, and pods with node and addresses."""
    finish_inventory(inventory)
    enis, pods = inventory.tables["enis"], inventory.tables["pods"]
    return (
        [(row["eni"], row["role"], row["node"], row["ips"]) for row in enis],
        [(f"{row['namespace']}/{row['name']}", row["node"], row["ips"]) for row in pods],
    )


@pytest.mark.parametrize(
    "text", [TREE, LIST, COLOURED, "\ufeff" + TREE, TREE.replace("\n", "\r\n"), LIST + TREE]
)
def test_releases_say_the_same(tmp_path: Path, text: str) -> None:
    inventory, account = mapping(tmp_path, text)
    assert told(inventory) == (
        [("eni-1", "secondary", "n1", ["10.0.1.10", "10.0.1.9"])],
        [("ns/p", "n1", ["10.0.1.9"])],
    )
    assert not account.rejected


@pytest.mark.parametrize("text", [TREE, LIST, COLOURED], ids=["tree", "list", "colours"])
def test_cut_lines_say_nothing(tmp_path: Path, text: str) -> None:
    data = text.encode()
    for cut in range(len(data)):
        inventory, account = mapping(tmp_path, data[:cut])
        enis, pods = told(inventory)
        assert {eni for eni, *_ in enis} <= {"eni-1"}
        assert {ip for *_, ips in enis for ip in ips} <= {"10.0.1.9", "10.0.1.10"}
        assert {name for name, *_ in pods} <= {"ns/p"}
        assert account.incomplete == bool(account.rejected)


def test_a_pod_of_a_list_counts_and_not_what_terway_says_of_it(tmp_path: Path) -> None:
    pods = [
        {"kind": "Pod", "metadata": {"namespace": "ns", "name": name}, "spec": {"nodeName": "n2"}, "status": {"phase": "Running", "podIP": ip}}
        for name, ip in (("p", "10.0.1.7"), ("q", "10.0.1.8"))
    ]  # fmt: skip
    inventory, _ = mapping(tmp_path, TREE + TREE.replace("ns/p", "ns/r").replace("10.0.1.9", "10.0.1.8"))
    read(tmp_path, pods, "kubernetes", inventory)
    _, found = told(inventory)
    # 10.0.1.8 is q's
    assert found == [("ns/p", "n2", ["10.0.1.7"]), ("ns/q", "n2", ["10.0.1.8"]), ("ns/r", "n1", [])]


def test_addresses_of_prefixes_are_those_of_their_eni(tmp_path: Path) -> None:
    listed = {
        "NetworkInterfaceId": "eni-1",
        "Type": "Secondary",
        "InstanceId": "i-1",
        "VpcId": "vpc-1",
        "PrivateIpAddress": "10.0.1.2",
    }
    inventory, _ = read(tmp_path, [listed], "enis", dialect="alibaba-eni")
    mapping(
        tmp_path,
        TREE.replace("  Valid", "")
        .replace("10.0.1.9  ns/p", "10.0.1.9 -> ns/p")
        .replace("10.0.1.10  ", "10.0.1.10 -> ns/q"),
        inventory,
    )
    finish_inventory(inventory)
    holders = {(row["ip"], row["owner"]): (row["eni"], row["node"]) for row in build_addresses(inventory)}
    assert holders[("10.0.1.9", "ns/p")] == holders[("10.0.1.10", "ns/q")] == ("eni-1", "n1")
    assert [row["instance_id"] for row in inventory.tables["enis"]] == ["i-1"]


def test_mappings_of_several_times(tmp_path: Path) -> None:
    inventory = Inventory()
    for taken_at, pod in ((100, "ns/p"), (200, "ns/p"), (300, "ns/q")):
        mapping(tmp_path, TREE.replace("ns/p", pod), inventory, taken_at=taken_at)
        mapping(
            tmp_path,
            TREE.replace("eni-1", "eni-2").replace("10.0.1", "10.0.2").replace("ns/p", "ns/other"),
            inventory,
            taken_at=taken_at + 1,
            node="n2",
        )
    finish_inventory(inventory)
    spans = {row["name"]: (row["valid_from"], row["valid_to"]) for row in inventory.tables["pods"]}
    assert spans == {"p": (None, 201), "q": (300, None), "other": (None, None)}


def test_the_node_of_the_instance_counts_more(tmp_path: Path) -> None:
    listed = {
        "NetworkInterfaceId": "eni-1",
        "Type": "Secondary",
        "InstanceId": "i-1",
        "VpcId": "vpc-1",
        "PrivateIpAddress": "10.0.1.2",
    }
    inventory, _ = read(tmp_path, [listed], "enis", dialect="alibaba-eni")
    read(
        tmp_path,
        [{"kind": "Node", "metadata": {"name": "n2"}, "spec": {"providerID": "r.i-1"}}],
        "kubernetes",
        inventory,
    )
    mapping(tmp_path, TREE, inventory)
    assert told(inventory)[0] == [("eni-1", "secondary", "n2", ["10.0.1.10", "10.0.1.2", "10.0.1.9"])]


def test_it_comes_back_from_its_tables(tmp_path: Path) -> None:
    inventory, _ = mapping(tmp_path, TREE)
    finish_inventory(inventory)
    again = Inventory()
    for name, rows in inventory_rows(inventory).items():
        take_rows(name, [dict(row) for row in rows], again)
    assert told(again) == told(inventory)
    assert [again.has_list(name) for name in ("pods", "enis")] == [False, False]


def test_old_table_is_left_out_and_said(tmp_path: Path) -> None:
    text = "Pod Name   Res ID   Factory Res ID\n\x1b[0mp   00:16:3e:00:00:01.10.0.1.9   X\n\x1b[0m"
    inventory, account = mapping(tmp_path, text + "\n")
    assert told(inventory) == ([], [])
    assert account.skipped == {"neither ENI nor namespace": 2, "blank": 1}
    assert len(account.warnings) == 1


@pytest.mark.parametrize(
    "address",
    [
        "10.0.1.9  p  Valid",
        "10.0.1.9  a/b/c  Valid",
        "ten  ns/p  Valid",
        "10.0.1.9  ns/p  valid",
        "10.0.1.9 -> p",
    ],
)
def test_what_is_no_pod_or_address_is_rejected(tmp_path: Path, address: str) -> None:
    inventory, account = mapping(tmp_path, TREE.replace("10.0.1.9  ns/p  Valid", address))
    assert account.rejected == {"not a mapping": 1}
    assert told(inventory)[1] == []


def test_addresses_before_any_eni_are_nobodys(tmp_path: Path) -> None:
    inventory, account = mapping(tmp_path, "• slot 0\n - \n - \n - Init\n  • 10.0.1.9  ns/p  Valid\n")
    assert account.rejected == {"not a mapping": 1}
    assert told(inventory) == ([], [])
