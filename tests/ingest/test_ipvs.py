from __future__ import annotations

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
    ("TCP  10.0.0.1:80 rr", "not an ipvsadm rule"),
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
    assert services == [IpvsService("tcp", "10.0.0.1", 80, ())]
    assert account.rejected == {"torn line": 1}
    assert account.incomplete


def test_last_line_without_its_end_counts(tmp_path):
    services, account = table_of(tmp_path, "-A -t 10.0.0.1:80 -s rr")
    assert len(services) == 1
    assert not account.incomplete


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
