from __future__ import annotations

import gzip
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowstitch.ingest.sniff_json import sniff_json
from inventory_reading import EXPORT

POD = {"metadata": {"name": "a", "namespace": "b"}, "spec": {"nodeName": "n"}}
FLOW = {"eni-id": "eni-1", "start": "1", "end": "2", "log-status": "NODATA"}
REQUESTS = ("lb-access-log", "alibaba-clb-access")
FLOWS, KUBERNETES, ENIS = ("vpc-flow-log", "alibaba-vpc-flow"), ("kubernetes", ""), ("enis", "alibaba-eni")

ACCESS = {"upstream_addr": "", "status": "", "request_time": "", "vip_addr": ""}
KNOWN = {
    "requests of a CLB": (ACCESS | {"slbid": ""}, REQUESTS),
    "requests of an ALB": (ACCESS | {"app_lb_id": ""}, ("lb-access-log", "alibaba-alb-access")),
    "nodata row": (FLOW, FLOWS),
    "another spelling": ({"EniId": "", "START": "", "end": "", "log_status": "", "x": {"kind": ""}}, FLOWS),
    "kind first": ({"kind": "PodList", "apiVersion": "v1", "items": [POD]}, KUBERNETES),
    "kind last": ({"items": [POD], "apiVersion": "v1", "kind": "List"}, KUBERNETES),
    "no items": ({"apiVersion": "v1", "items": [], "kind": "List"}, KUBERNETES),
    "one object": ({"metadata": {"name": "a"}, "kind": "Node", "apiVersion": "v1"}, KUBERNETES),
    "plain list of objects": ([{"apiVersion": "v1", "kind": "Pod"} | POD], KUBERNETES),
    "interfaces": (
        {"TotalCount": 1, "NetworkInterfaceSets": {"NetworkInterfaceSet": [{"ifname": "x"}]}},
        ENIS,
    ),
    "interfaces of AWS": ({"NetworkInterfaces": [], "NextToken": "x"}, ("enis", "aws-eni")),
    "interfaces alone": ([{"VpcId": "v", "SubnetId": "s", "NetworkInterfaceId": "e"}], ("enis", "aws-eni")),
    "an interface alone": ({"NetworkInterfaceId": "e", "VSwitchId": "s", "VpcId": "v"}, ENIS),
    "addr": ([{}, {"ifindex": 1, "ifname": "lo", "flags": ["UP"], "addr_info": [{}]}], ("ip-addr", "")),
    "link": (
        [{"ifindex": 1, "ifname": "lo", "flags": ["UP"], "address": "00:00:00:00:00:00"}],
        ("ip-link", ""),
    ),
    "rule": ([{"priority": 0, "src": "all", "table": "local"}], ("ip-rule", "")),
    "rule with dst": ([{"priority": 512, "src": "all", "dst": "10.0.0.1", "table": "main"}], ("ip-rule", "")),
    "route": ([{"dst": "default", "gateway": "10.0.0.1"}], ("ip-route", "")),
    "route over several hops": (
        [{"dst": "default", "nexthops": [{"dev": "eth0"}], "flags": []}],
        ("ip-route", ""),
    ),
}

UNKNOWN = {
    "neighbours": [{"dst": "10.0.0.1", "dev": "eth0", "lladdr": "00:00:00:00:00:01", "state": ["REACHABLE"]}],
    "load balancer log without its key": {
        "upstream_addr": "10.0.0.1:80",
        "status": "200",
        "request_time": "0.1",
    },
    "key in a text": {"message": '"eni-id": 1, "start": 1, "end": 1, "log-status": 1'},
    "keys one deeper": {"row": FLOW},
    "flow rows in a list": [FLOW],
    "metadata of something else": {"metadata": {"name": "x"}, "cells": []},
    "interface outside of a list": {"ifname": "lo", "addr_info": []},
    "empty list": [],
    "empty object": {},
    "number": 1,
    "interfaces of an instance": {"Reservations": [{"Instances": [{"NetworkInterfaces": []}]}]},
}


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("indent", [None, 4])
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n  \r\n"])
def test_known(name, indent, before):
    value, expected = KNOWN[name]
    assert sniff_json(before + json.dumps(value, indent=indent).encode()) == expected


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("indent", [None, 4])
def test_unknown(name, indent):
    assert sniff_json(json.dumps(UNKNOWN[name], indent=indent).encode()) is None


@pytest.mark.parametrize(("pattern", "expected"), [
    ("inventory/describe_network_interfaces.json", ENIS),
    ("inventory/describe_vswitches.json", None),
    ("inventory/[enps]*s.json", KUBERNETES),
    ("nodes/*/ip-addr.json", ("ip-addr", "")),
    ("nodes/*/ip-link.json", ("ip-link", "")),
    ("nodes/*/ip-rule.json", ("ip-rule", "")),
    ("nodes/*/ip-route-table-all.json", ("ip-route", "")),
    ("vpc-flow/*.jsonl.gz", FLOWS),
    ("slb/*.jsonl.gz", REQUESTS),
])  # fmt: skip
def test_shipped_files_cut_anywhere(pattern, expected):
    paths = sorted(EXPORT.glob(pattern))
    assert paths
    for path in paths:
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        assert sniff_json(data[: 1 << 16]) == expected
        seen = {sniff_json(data[:cut]) for cut in range(0, 1500, 11)}
        assert seen <= {None, expected}
        assert seen == {None, expected}


def test_minified_list_with_kind_behind_the_cut():
    document = json.dumps({"items": [POD] * 100, "apiVersion": "v1", "kind": "List"})
    assert sniff_json(document[:500].encode()) == KUBERNETES
    document = json.dumps(
        {"metadata": {"annotations": {"x": "y" * 500}, "name": "a", "uid": "z" * 500}, "kind": "Pod"}
    )
    assert sniff_json(document[:900].encode()) == KUBERNETES


def test_json_lines():
    assert (
        sniff_json(
            b"\n".join(json.dumps({"apiVersion": "v1", "kind": "Pod"} | POD).encode() for _ in range(3))
        )
        == KUBERNETES
    )
    row = json.dumps(FLOW).encode()
    assert sniff_json(row[20:] + b"\n" + row + b"\n") == FLOWS
    assert sniff_json(b"{}\n" + row) == FLOWS


@pytest.mark.parametrize("data", [
    b'{"a":"' + b'\\"' * 30_000, b'{"a":' * 13_000, b"[" * 65_000, b'{"a"' + b" " * 60_000, b'"a' * 30_000, b"}]" * 9, b"[}", b'{"',
    b'{"a":1}\n' * 8_000, b"\xff\xfe{\x00", b"{" + b'"a":{},' * 9_000,
])  # fmt: skip
def test_hostile_heads_are_nothing_and_quick(data):
    start = time.perf_counter()
    assert sniff_json(data) is None
    assert time.perf_counter() - start < 2


@given(
    st.lists(
        st.sampled_from(
            [b"{", b"}", b"[", b"]", b'"', b"\\", b'"kind":', b'"ifname"', b":", b",", b"\n", b"\xff"]
        )
    ).map(b"".join)
)
def test_never_fails(data):
    assert sniff_json(data) is None or isinstance(sniff_json(data), tuple)
