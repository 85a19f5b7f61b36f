from __future__ import annotations

import time

from flowstitch.ingest.model import Inventory
from inventory_reading import read, read_exported


def test_shipped_export():
    inventory = Inventory()
    accounts = list(read_exported("nodes/*/sysctl.txt", "sysctl", inventory))
    assert (
        [account.parsed for account in accounts] == [account.rows for account in accounts] == [97, 103, 105]
    )
    assert inventory.facts["cn-hongkong.10.0.1.47"].sysctls["net.netfilter.nf_conntrack_udp_timeout"] == "30"


def test_settings(tmp_path):
    inventory, account = read(tmp_path, """\
net.ipv4.vs.conntrack = 1
net.ipv4.ip_forward=1
net.ipv4.ip_local_port_range = 32768\t60999
kernel.core_pattern = |/bin/x a=b

net.ipv4.conf.eth0/100.rp_filter = 0
net.ipv4.ip_forward = 0
kernel.domainname =
net/ipv4/tcp_ecn = 2""", "sysctl", node="n1")  # fmt: skip
    assert inventory.facts["n1"].sysctls == {
        "net.ipv4.vs.conntrack": "1",
        "net.ipv4.ip_forward": "0",
        "net.ipv4.ip_local_port_range": "32768\t60999",
        "kernel.core_pattern": "|/bin/x a=b",
        "net.ipv4.conf.eth0/100.rp_filter": "0",
        "kernel.domainname": "",
        "net/ipv4/tcp_ecn": "2",
    }
    assert account.skipped == {"blank": 1}
    assert account.lines == [1, 2, 3, 4, 6, 7, 8, 9]


def test_other_lines(tmp_path):
    text = 'sysctl: permission denied on key "kernel.x"\nno_dots = 1\n= 3\nnet.x.y\n# net.x = 1\n'
    inventory, account = read(tmp_path, text, "sysctl", node="n1")
    assert account.rejected == {"not a sysctl": 5}
    assert [reject.byte_offset for reject in account.rejects][:2] == [0, 44]
    assert inventory.facts["n1"].sysctls == {}


def test_what_cannot_be_printed_is_no_setting(tmp_path):
    text = b"net.\x1b[31m = 1\nnet.x = \x9b\nnet.y = \xc2\x9b\nnet.z = 1\t2\n"
    inventory, account = read(tmp_path, text, "sysctl", node="n1")
    assert account.rejected == {"not a sysctl": 3}
    assert inventory.facts["n1"].sysctls == {"net.z": "1\t2"}


def test_hostile_line_is_quick(tmp_path):
    start = time.perf_counter()
    _, account = read(tmp_path, "a." * 200_000 + "\n" + " =" * 200_000, "sysctl", node="n1")
    assert time.perf_counter() - start < 5
    assert account.rejected == {"not a sysctl": 2}
