from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flowstitch.ingest.inventory import finish_inventory
from flowstitch.ingest.model import Inventory, IpvsService
from inventory_reading import read, read_exported


def table_of(directory, text):
    inventory, account = read(directory, text, "ipvs-rules", node="n1")
    return inventory.facts["n1"].ipvs, account


def test_shipped_export():
    inventory = Inventory()
    accounts = list(read_exported("nodes/*/ipvsadm-save.txt", "ipvs-rules", inventory))
    assert [account.parsed for account in accounts] == [account.rows for account in accounts] == [33, 31, 33]
    services = inventory.facts["cn-hongkong.10.0.1.47"].ipvs
    dead = [service for service in services if service.ip == "192.168.2.99"]
    assert dead == [IpvsService("tcp", "192.168.2.99", 80, ())]
    list(read_exported("inventory/nodes.json", "kubernetes", inventory))
    finish_inventory(inventory)
    assert {row["proxy_mode"] for row in inventory.tables["nodes"]} == {"ipvs"}


def test_every_option(tmp_path):
    services, account = table_of(
        tmp_path,
        """\
-A -t 10.96.0.1:443 -s rr -p 10800 -M 255.255.255.0 -o --pe sip
-a -t 10.96.0.1:443 -r 192.168.1.3:6443 -m -w 0
-a -t 10.96.0.1:443 -r 192.168.1.2:6443 -g -w 1

-A -u [FD00::1]:53 -s wlc
-a -u [fd00::1]:53 -r [fd00::2]:53 -i -w 65535\r
-A --sctp-service 10.96.0.2:9 -s rr
-A -f 7 -s rr
-a -f 7 -r 10.0.0.1:0 -m -w 1
""",
    )
    assert services == [
        IpvsService("sctp", "10.96.0.2", 9, ()),
        IpvsService("tcp", "10.96.0.1", 443, (("192.168.1.2", 6443, 1), ("192.168.1.3", 6443, 0))),
        IpvsService("udp", "fd00::1", 53, (("fd00::2", 53, 65535),)),
    ]
    assert account.skipped == {"blank": 1, "fwmark service": 2}
    assert account.lines == [1, 2, 3, 5, 6, 7]
    assert not account.rejects


@pytest.mark.parametrize("text", ["", "\n", " \n\n"])
def test_empty_table_is_known_to_be_empty(tmp_path, text):
    services, account = table_of(tmp_path, text)
    assert services == []
    assert account.rows == account.skipped["blank"]


@pytest.mark.parametrize(("line", "reason"), [
    ("-A -t kubernetes.default:https -s rr", "not numeric"),
    ("-A -t 10.0.0.1:70000 -s rr", "not numeric"),
    ("-A -t 10.0.0.300:80 -s rr", "not numeric"),
    ("-A -t [10.0.0.1:80 -s rr", "not numeric"),
    ("-A -t", "not an ipvsadm rule"),
    ("-A", "not an ipvsadm rule"),
    ("ICMP 10.0.0.1:80 rr", "not an ipvsadm rule"),
    ("-a -t 10.0.0.1:80 -m -w 1", "not an ipvsadm rule"),
    ("-a -t 10.0.0.1:80 -r node:http -m -w 1", "not numeric"),
    ("-a -t 10.0.0.1:80 -r 10.0.0.2:80 -m -w x", "not numeric"),
    ("-a -t 10.0.0.9:80 -r 10.0.0.2:80 -m -w 1", "server of no service"),
    ("\xff\x00", "not an ipvsadm rule"),
])  # fmt: skip
def test_bad_lines(tmp_path, line, reason):
    services, account = table_of(
        tmp_path, f"-A -t 10.0.0.1:80 -s rr\n{line}\n-a -t 10.0.0.1:80 -r 10.0.0.2:80 -m -w 1\n"
    )
    assert [(reject.line, reject.byte_offset, reject.reason) for reject in account.rejects] == [
        (2, 24, reason)
    ]
    assert services == [IpvsService("tcp", "10.0.0.1", 80, (("10.0.0.2", 80, 1),))]
    assert account.rows == 3


@pytest.mark.parametrize("cut", range(26, 59))
def test_cut_line_is_no_shorter_rule(tmp_path, cut):
    text = "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.0.0.2:8080 -m -w 1\n"
    services, account = table_of(tmp_path, text[:cut])
    assert services == []
    assert account.rejected == {"torn line": 1}
    assert account.incomplete


@pytest.mark.parametrize(
    ("server", "weight"), [("-r 10.0.0.3:80", 0), ("-r 10.0.0.3:80", 1), ("-r node:http", 1)]
)
def test_service_whose_servers_are_not_all_known_is_not_one_without(tmp_path, server, weight):
    text = f"""\
-A -t 10.0.0.1:80 -s rr
-a -t 10.0.0.1:80 {server} -m -w {weight}
-a -t 10.0.0.1:80 -r web:http -m -w 1
-A -t 10.0.0.2:80 -s rr
-A -t web:http -s rr
"""
    services, _ = table_of(tmp_path, text)
    serves = [IpvsService("tcp", "10.0.0.1", 80, (("10.0.0.3", 80, 1),))]
    assert services == (serves if server.endswith(":80") and weight else []) + [
        IpvsService("tcp", "10.0.0.2", 80, ())
    ]


HEAD = "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port"
PLAIN = HEAD + " Scheduler Flags\n  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
STATS = HEAD + "               Conns   InPkts  OutPkts  InBytes OutBytes\n  -> RemoteAddress:Port\n"
WEIGHTED = PLAIN + "TCP  10.0.0.1:80 rr\n  -> 10.0.0.2:80     Masq    0      0      0\n"
COUNTED = STATS + "TCP  10.0.0.1:80   1 1 1 1 1\n  -> 10.0.0.2:80     1 1 1 1 1\n"


def test_captures_of_one_node_say_the_same(tmp_path):
    """The rules and the counters of one node, taken while nothing changed."""
    folder = Path(__file__).parents[1] / "dialects" / "one-ipvs-table-two-formats"
    tables = {}
    for path in sorted(folder.iterdir()):
        inventory, account = read(tmp_path, path.read_bytes(), "ipvs-rules", node="n1")
        assert not account.rejected
        tables[path.stem] = inventory.facts["n1"].ipvs
    bare = {
        name: [replace(service, servers=tuple(end[:2] for end in service.servers)) for service in table]
        for name, table in tables.items()
    }
    assert bare["save"] == bare["listing-stats"]
    assert len(bare["save"]) == 13
    assert {weight for service in tables["save"] for *_, weight in service.servers} == {1}
    assert {weight for service in tables["listing-stats"] for *_, weight in service.servers} == {None}
    dead = {name: [service for service in table if not service.servers] for name, table in tables.items()}
    assert dead["save"] == dead["listing-stats"] == [IpvsService("tcp", "192.168.2.99", 80, ())]


@pytest.mark.parametrize("cut", [cut for cut in range(len(COUNTED)) if not COUNTED[:cut].endswith("\n")])
def test_cut_listing_is_no_shorter_listing(tmp_path, cut):
    services, account = table_of(tmp_path, COUNTED[:cut])
    assert [service for service in services if not service.servers] == []
    assert {(end[0], end[1]) for service in services for end in service.servers} <= {("10.0.0.2", 80)}
    assert account.rows == account.parsed + account.skipped.total() + account.rejected.total()


@pytest.mark.parametrize("files", [(WEIGHTED, COUNTED), (COUNTED, WEIGHTED)])
def test_weights_stay_where_a_listing_has_none(tmp_path, files):
    inventory = Inventory()
    for text in files:
        read(tmp_path, text, "ipvs-rules", inventory, node="n1")
    assert inventory.facts["n1"].ipvs == [IpvsService("tcp", "10.0.0.1", 80, (("10.0.0.2", 80, 0),))]


def test_servers_below_what_is_no_service_belong_to_none(tmp_path):
    text = PLAIN + "TCP  10.0.0.1:80 rr\nICMP 10.0.0.3:0 rr\n  -> 10.0.0.2:80 Masq 1 0 0\n"
    services, account = table_of(tmp_path, text)
    assert services == [IpvsService("tcp", "10.0.0.1", 80, ())]
    assert account.rejected == {"not an ipvsadm rule": 1, "server of no service": 1}


def test_last_line_without_its_end_counts(tmp_path):
    services, account = table_of(
        tmp_path, "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.0.0.2:80 -m -w 1"
    )
    assert services == [IpvsService("tcp", "10.0.0.1", 80, (("10.0.0.2", 80, 1),))]
    assert not account.incomplete


def test_servers_may_follow_a_last_line_without_its_end(tmp_path):
    services, account = table_of(tmp_path, "-A -t 10.0.0.1:80 -s rr")
    assert services == []
    assert account.parsed == account.rows == 1


def test_later_dump_of_a_service_counts(tmp_path):
    rule = "-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r {}:80 -m -w 1\n"
    inventory, _ = read(
        tmp_path, rule.format("10.0.0.2") + "-A -t 10.0.0.9:80 -s rr\n", "ipvs-rules", node="n1"
    )
    read(tmp_path, rule.format("10.0.0.3"), "ipvs-rules", inventory, node="n1")
    assert inventory.facts["n1"].ipvs == [
        IpvsService("tcp", "10.0.0.1", 80, (("10.0.0.3", 80, 1),)),
        IpvsService("tcp", "10.0.0.9", 80, ()),
    ]
