from __future__ import annotations

import pytest

from flowstitch.ingest.inventory import finish_inventory
from flowstitch.ingest.model import Inventory, IpRule
from inventory_reading import read, read_exported


def facts_of(directory, document, kind):
    inventory, account = read(directory, document, kind, node="n1")
    finish_inventory(inventory)
    return inventory.facts["n1"], account


@pytest.mark.parametrize(
    ("name", "count"), [("addr", 28), ("link", 28), ("rule", 35), ("route-table-all", 70)]
)
def test_shipped_export(name, count):
    inventory = Inventory()
    kind = f"ip-{name.partition('-')[0]}"
    accounts = list(read_exported(f"nodes/*/ip-{name}.json", kind, inventory))
    assert sum(account.parsed for account in accounts) == sum(account.rows for account in accounts) == count
    assert len(inventory.facts) == 3


def test_addresses(tmp_path):
    facts, account = facts_of(tmp_path, [
        {},
        {"ifname": "eth0", "addr_info": [{"family": "inet", "local": "10.0.0.1", "prefixlen": 24}, {},
                                         {"local": "10.1.0.1", "address": "10.1.0.2", "prefixlen": 32}]},
        {"ifname": "eth1", "addr_info": []},
        {"ifname": "eth2", "addr_info": [{"local": "FE80::1", "prefixlen": 64}]},
    ], "ip-addr")  # fmt: skip
    assert facts.addresses == [("eth0", "10.0.0.1", 24), ("eth0", "10.1.0.1", 32), ("eth2", "fe80::1", 64)]
    assert account.skipped == {"empty object": 1}
    assert account.lines == [2, 3, 4]


def test_links(tmp_path):
    facts, _ = facts_of(
        tmp_path,
        [{"ifindex": 2, "ifname": "eth0", "address": "00:16:3e:00:00:01"}, {"ifindex": 9, "ifname": "tun0"}],
        "ip-link",
    )
    assert facts.links == [(2, "eth0", "00:16:3e:00:00:01"), (9, "tun0", "")]


def test_rules(tmp_path):
    facts, account = facts_of(tmp_path, [
        {"priority": 2048, "src": "10.0.0.1", "iif": "cali1", "table": "1001"},
        {"priority": 512, "src": "all", "dst": "10.0.0.0", "dstlen": 24, "table": "main"},
        {"priority": 512, "src": "10.0.0.1", "srclen": 32, "dst": "fd00::1", "dstlen": 128},
        {"priority": 600, "src": "fd00::", "srclen": 32, "table": "7", "protocol": "kernel"},
        {"priority": 600, "src": "all", "fwmark": "0x10", "fwmask": "0x10", "table": "100"},
        {"priority": 700, "not": None, "src": "10.0.0.1", "table": "100"},
    ], "ip-rule")  # fmt: skip
    assert facts.rules == [
        IpRule(512, "", "10.0.0.0/24", "", "main"),
        IpRule(512, "10.0.0.1", "fd00::1", "", "main"),
        IpRule(600, "fd00::/32", "", "", "7"),
        IpRule(2048, "10.0.0.1", "", "cali1", "1001"),
    ]
    assert account.skipped == {"rule with another selector": 2}


def test_no_rules_are_not_unknown_rules(tmp_path):
    facts, _ = facts_of(tmp_path, [], "ip-rule")
    assert facts.rules == []
    facts, _ = facts_of(tmp_path, [], "ip-route")
    assert facts.rules is None


def test_routes(tmp_path):
    facts, _ = facts_of(tmp_path, [
        {"dst": "default", "gateway": "10.0.0.253", "dev": "eth1", "table": "1001", "flags": ["onlink"]},
        {"dst": "10.0.0.7", "dev": "cali1", "scope": "link"},
        {"type": "blackhole", "dst": "10.9.0.0/16"},
        {"dst": "10.8.0.0/16", "via": {"family": "inet6", "host": "fe80::1"}, "dev": "eth0"},
        {"dst": "10.7.0.0/16", "nexthops": [{"gateway": "10.0.0.1", "dev": "eth0"}, {"gateway": "10.0.0.2", "dev": "eth1"}]},
    ], "ip-route")  # fmt: skip
    assert facts.routes == [
        ("default", "eth1", "10.0.0.253", "1001"),
        ("10.0.0.7", "cali1", "", "main"),
        ("10.9.0.0/16", "", "", "main"),
        ("10.8.0.0/16", "eth0", "fe80::1", "main"),
        ("10.7.0.0/16", "eth0", "10.0.0.1", "main"),
        ("10.7.0.0/16", "eth1", "10.0.0.2", "main"),
    ]


def test_families_and_repetitions_come_together(tmp_path):
    inventory = Inventory()
    for source in ("10.0.0.1", "fd00::1", "10.0.0.1"):
        read(tmp_path, [{"priority": 1, "src": source, "table": "9"}], "ip-rule", inventory, node="n1")
    finish_inventory(inventory)
    assert [rule.src for rule in inventory.facts["n1"].rules] == ["10.0.0.1", "fd00::1"]


@pytest.mark.parametrize(("kind", "entry", "path"), [
    ("ip-addr", {"addr_info": []}, "ifname"),
    ("ip-addr", {"ifname": "x", "addr_info": [{"local": "10.0.0.1", "prefixlen": 33}]}, "prefixlen"),
    ("ip-addr", {"ifname": "x", "addr_info": [{"local": "ten", "prefixlen": 3}]}, "addr_info[].local"),
    ("ip-addr", {"ifname": "x", "addr_info": {}}, "addr_info[]"),
    ("ip-link", {"ifname": "x"}, "ifindex"),
    ("ip-link", {"ifname": 1, "ifindex": 1}, "ifname"),
    ("ip-rule", {"src": "all"}, "priority"),
    ("ip-rule", {"priority": -1, "src": "all"}, "priority"),
    ("ip-rule", {"priority": 1, "src": "some"}, "src"),
    ("ip-route", {"dev": "eth0"}, "dst"),
    ("ip-route", 5, "item"),
])  # fmt: skip
def test_bad_entries(tmp_path, kind, entry, path):
    facts, account = facts_of(tmp_path, [entry], kind)
    assert account.parsed == 0
    assert account.rejects[0].reason.endswith(path)
    assert not any((facts.addresses, facts.links, facts.rules, facts.routes))


def test_node_that_is_not_known_is_said(tmp_path):
    _, account = read(tmp_path, [{"dst": "default", "dev": "eth0"}], "ip-route")
    assert account.warnings == [
        "the file does not say of which node it is; put it under nodes/<node>/ or set node in export.toml."
    ]
