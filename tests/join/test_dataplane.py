"""Files of data planes: what contradicts itself is refused with file, key and reason."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest

from flowstitch.catalog import dataplanes
from flowstitch.catalog.dataplanes import FEATURES, check_dataplane, dataplane_names, read_dataplane
from flowstitch.catalog.likeness import complete
from flowstitch.catalog.load import load_toml
from flowstitch.errors import SchemaError
from flowstitch.join.dataplane import load_dataplane, lower_dataplane, scenario_rows
from flowstitch.join.dataplanes import Dataplanes

MINE = """
title = "Mine"
node = "Node"
veth = "veth…"
lb_source_networks = ["100.64.0.0/10"]

[forward_out]
pod_rule_priority = 2048
direct = "secondary"
ipvs_with_iif = "primary"
ipvs_without_iif = "secondary"
ipvs_untracked = "primary"
other_proxy = "secondary"
node = "primary"

[dead_ends.ipvs]
no_endpoint = { lb_ip = ["node", "pod"] }

[[scenario]]
slug = "near"
title = "Pod to a pod beside it"
kernel_stacks = 3
when = { client_kind = "pod", dialled_kind = "pod", server_place = "local" }
expect = { return_lands_on = "local" }
forward = ["Pod1 eth0", "veth…", "Node", "veth…", "Pod2 eth0"]
return = ["Pod2 eth0", "veth…", "Node", "veth…", "Pod1 eth0"]

[[scenario]]
slug = "far"
title = "Pod to a pod elsewhere"
sop = 3
kernel_stacks = 4
when = { client_kind = "pod", dialled_kind = "pod", server_place = "remote" }
expect = { return_lands_on = "secondary", forward_in_eni_role = "secondary", return_out_eni_role = "secondary" }
forward = ["Node1 Pod1 eth0", "Node1 secondary ENI", "VPC route", "Node2 secondary ENI", "Node2 Pod2 eth0"]
return = ["Node2 Pod2 eth0", "Node2 secondary ENI", "VPC route", "Node1 secondary ENI", "Node1 Pod1 eth0"]

[[scenario]]
slug = "unclassified"
title = "None"
when = {}
"""
FAR_CHAINS = MINE[MINE.index('forward = ["Node1') : MINE.index('[[scenario]]\nslug = "unclassified')]
DRIFT = '[[drift]]\nleg = "return_in"\nexpected = "secondary"\nobserved = "primary"\ncause = "the moon"\n'
WITHOUT = '[[scenario]]\nslug = "unclassified"'
VARIANT = '[[scenario.variants]]\nname = "kept"\nkernel_stacks = 4\nwhen = { snat = "no" }\n' + FAR_CHAINS
NEAR = 'when = { client_kind = "pod", dialled_kind = "pod", server_place = "local" }'
FAR = 'when = { client_kind = "pod", dialled_kind = "pod", server_place = "remote" }'
OUT = '"Node1 secondary ENI", "VPC route", "Node2 secondary ENI", "Node2 Pod2 eth0"]'
BACK = '"Node2 secondary ENI", "VPC route", "Node1 secondary ENI", "Node1 Pod1 eth0"]'


def lower(text: str) -> None:
    raw = tomllib.loads(text)
    check_dataplane("mine", raw)
    lower_dataplane("mine", raw)


def test_one_that_is_right_is_taken() -> None:
    lower(MINE)


def test_what_conntrack_is_bypassed_by_is_told() -> None:
    raw = tomllib.loads(MINE.replace("sop = 3", "sop = 3\nbypasses_conntrack = ['server']"))
    check_dataplane("mine", raw)
    plane = lower_dataplane("mine", raw)
    scenarios, _ = scenario_rows([plane])
    assert {row["scenario"]: row["bypasses_conntrack"] for row in scenarios} == {
        "near": None,
        "far": ["server"],
        "unclassified": None,
    }
    planes = Dataplanes(plane)
    assert planes.bypasses("server", np.array([0, 1, -1])).tolist() == [False, True, False]
    assert not planes.bypasses("client", np.array([0, 1, -1])).any()


def test_a_variant_is_tried_before_its_scenario() -> None:
    raw = tomllib.loads(MINE.replace(WITHOUT, VARIANT + WITHOUT))
    check_dataplane("mine", raw)
    plane = lower_dataplane("mine", raw)
    tried = [(scenario["slug"], scenario["variant"]) for scenario in plane.scenarios]
    assert tried == [("near", None), ("far", "kept"), ("far", None), ("unclassified", None)]
    assert [scenario.get("sop") for scenario in plane.scenarios] == [None, 3, 3, None]
    features = {name: np.zeros(2, np.int64) for name in FEATURES}
    for name, value in {"client_kind": "pod", "dialled_kind": "pod", "server_place": "remote"}.items():
        features[name] += FEATURES[name].index(value) + 1
    features["snat"] += [1, 2]
    assert plane.classify(features).tolist() == [1, 2]
    scenarios, hops = scenario_rows([plane])
    assert [row["scenario"] for row in scenarios] == ["near", "far", "unclassified"]
    assert {row["variant"] for row in hops if row["scenario"] == "far"} == {None, "kept"}


def test_what_is_known_of_a_drift_stands_in_its_sentence() -> None:
    raw = tomllib.loads(MINE.replace("[[scenario]]", DRIFT + "[[scenario]]", 1))
    check_dataplane("mine", raw)
    plane = lower_dataplane("mine", raw)
    told = {row["code"]: row["sentence"] for row in plane.drift}
    assert (
        told["return-in-primary-not-secondary"]
        == "The reply came back by the primary ENI, expected by the secondary one: the moon."
    )
    assert told["return-in-primary-not-local"] == "The reply came back by the primary ENI, expected by none."
    assert len(told) == len(plane.drift) == 4 * 9 + 3
    legs = {
        (hop["hop_direction"], hop["hop"]): hop["leg"]
        for hop in scenario_rows([plane])[1]
        if hop["scenario"] == "far" and hop["leg"]
    }
    assert legs == {
        ("forward", 2): "forward_out",
        ("forward", 4): "forward_in",
        ("return", 2): "return_out",
        ("return", 4): "return_in",
    }


def test_those_that_are_shipped_are_right() -> None:
    for name in dataplane_names():
        assert load_dataplane(name).scenarios[-1]["slug"] == "unclassified"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        # fields
        ("kernel_stacks = 3", "kernel_stacks = 3\nbypasses_conntrack = true", "scenario near: bypasses_conntrack: got True, expected a list."),
        ("kernel_stacks = 3", "kernel_stacks = 3\nbypasses_conntrack = ['node']", "scenario near: bypasses_conntrack: got 'node', expected one of client, server."),
        ("[forward_out]", "node_labels = {pool = 1}\n[forward_out]", "node_labels.pool: got 1, expected text."),
        ("[forward_out]", "pod_addresses = 'route'\n[forward_out]", "pod_addresses: got 'route', expected one of held, routed; did you mean 'routed'?"),
        ("[forward_out]", "service_nat = 'seen'\n[forward_out]", "service_nat: got 'seen', expected one of tracked, masqueraded, unseen; did you mean 'unseen'?"),
        ('title = "Mine"\n', "", "lacks 'title'."),
        ('node = "Node"', "node = 1", "node: got 1, expected text."),
        ("veth =", "vet =", "unknown key 'vet'; did you mean 'veth'?"),
        ('["100.64.0.0/10"]', "[100]", "lb_source_networks: got [100], expected a list of texts."),
        ("100.64.0.0/10", "100.64.0.1/10",
         "lb_source_networks: 100.64.0.1/10 has host bits set; expected a CIDR like 100.64.0.0/10."),
        ("pod_rule_priority = 2048", 'pod_rule_priority = "x"', "forward_out: pod_rule_priority: got 'x', expected a number."),
        ("pod_rule_priority = 2048\n", "", "forward_out: lacks 'pod_rule_priority'."),
        ('direct = "secondary"', 'direct = "secundary"',
         "forward_out.direct: got 'secundary', expected one of primary, secondary, member, owner; did you mean 'secondary'?"),
        ("[dead_ends.ipvs]", "[dead_ends.ebpf]", "dead_ends: got 'ebpf', expected one of ipvs, ipvs_falling_back, other."),
        ("no_endpoint =", "no_endpoints =",
         "dead_ends.ipvs: got 'no_endpoints', expected one of no_endpoint, no_local_endpoint; did you mean 'no_endpoint'?"),
        ("{ lb_ip", "{ vip", "dead_ends.ipvs.no_endpoint: got 'vip', expected one of cluster_ip, lb_ip"),
        ('["node", "pod"]', '["lb"]', "dead_ends.ipvs.no_endpoint.lb_ip: got 'lb', expected one of node, outside, pod."),
        ('{ lb_ip = ["node", "pod"] }', '"pod"', "dead_ends.ipvs.no_endpoint: got 'pod', expected a table."),
        ("[forward_out]", "ipvs_falls_back_since = \"new\"\n[forward_out]", "ipvs_falls_back_since: got 'new', expected a version like 1.21."),
        ("[[scenario]]", DRIFT.replace("observed", "observd") + "[[scenario]]", "drift 1: unknown key 'observd'; did you mean 'observed'?"),
        ("[[scenario]]", DRIFT.replace("return_in", "return") + "[[scenario]]", "drift 1: leg: got 'return', expected one of forward_out,"),
        ("[[scenario]]", DRIFT.replace('"secondary"', '"primary"') + "[[scenario]]", "drift 1: return_in expected primary and observed primary is no drift."),
        ("[[scenario]]", DRIFT.replace('"secondary"', '"local"').replace("return_in", "forward_in") + "[[scenario]]",
         "drift 1: forward_in expected local and observed primary is no drift."),
        ("[[scenario]]", DRIFT + DRIFT + "[[scenario]]", "drift 2: return_in expected secondary and observed primary has a cause already."),
        # scenarios
        ('slug = "near"\n', "", "scenario 1: lacks 'slug'."),
        ('slug = "far"', 'slug = "near"', "scenario.slug: 'near' is there 2 times."),
        ("kernel_stacks = 3\n", "", "scenario near: lacks 'kernel_stacks'."),
        ("kernel_stacks = 3", 'kernel_stacks = "3"', "scenario near: kernel_stacks: got '3', expected a number."),
        ("sop = 3", "sop = 300", "scenario far: sop: got 300, expected 0 to 255."),
        ("sop =", "soap =", "scenario far: unknown key 'soap'; did you mean 'sop'?"),
        ('slug = "unclassified"', 'slug = "rest"', "scenario rest: lacks 'kernel_stacks'."),
        ("when = {}", 'when = { snat = "no" }',
         "the last scenario must be 'unclassified' with an empty `when`."),
        # what matches
        ("server_place = \"local\"", "server_plaice = \"local\"", "scenario near: when: got 'server_plaice', expected one of client_kind,"),
        ("server_place = \"local\"", "server_plaice = \"local\"", "; did you mean 'server_place'?"),
        ("server_place = \"local\"", "server_place = \"locale\"",
         "scenario near: when.server_place: got 'locale', expected one of local, remote; did you mean 'local'?"),
        ("server_place = \"local\"", "server_place = []",
         "scenario near: when.server_place: is empty, so nothing matches; leave it out if it may be anything."),
        (NEAR, FAR, "scenario far: is never met: near before it matches the same features; put it before, or name another"),
        (NEAR, 'when = { client_kind = "pod", dialled_kind = "pod" }', "scenario far: is never met: near before it matches"),
        # variants
        (WITHOUT, VARIANT.replace("snat", "server_place"), "scenario far: variants: kept: when.server_place: got 'no', expected one of"),
        (WITHOUT, VARIANT.replace('snat = "no"', 'server_place = "local"'),
         "scenario far: variants: kept: when.server_place: is in `when` of the scenario already."),
        (WITHOUT, VARIANT.replace('name = "kept"\n', ""), "scenario far: variants: lacks 'name'."),
        (WITHOUT, VARIANT + VARIANT, "scenario far: variants.name: 'kept' is there 2 times."),
        (WITHOUT, VARIANT + VARIANT.replace("kept", "other"), "scenario far other: is never met: far kept before it matches"),
        (WITHOUT, VARIANT.replace("= 4", "= 3"), "scenario far, kept: kernel_stacks: got 3, expected the 4"),
        # what is expected
        ('return_lands_on = "local"', 'returns_on = "local"',
         "scenario near: expect: got 'returns_on', expected one of return_lands_on, forward_out_eni_role, forward_in_eni_role,"),
        ('return_lands_on = "local"', 'return_lands_on = "seconary"',
         "scenario near: expect.return_lands_on: got 'seconary', expected one of primary, secondary,"),
        ('return_lands_on = "local"', 'return_lands_on = "primary"',
         "scenario near: expect.return_lands_on: got 'primary', but no ENI is crossed there."),
        ('return_lands_on = "secondary"', 'return_lands_on = "local"',
         "scenario far: expect.return_lands_on: got 'local', but 'Node1 secondary ENI' is an ENI."),
        ('return_lands_on = "secondary"', 'return_lands_on = "outside"',
         "scenario far: expect.return_lands_on: got 'outside', but return ends at 'Node1 Pod1 eth0'."),
        ('return_lands_on = "secondary"', 'return_lands_on = "primary"',
         "scenario far: return: 'Node1 secondary ENI' is secondary, expected primary, as expect.return_lands_on says with 'primary'."),
        ('return_lands_on = "secondary"', 'return_lands_on = "owner"',
         "scenario far: return: 'Node1 secondary ENI' is secondary, expected none, as expect.return_lands_on says with 'owner'."),
        ("[forward_out]", "masquerade_source = \"pod\"\n[forward_out]", "masquerade_source: got 'pod', expected one of node, eni."),
        # hops
        (OUT, OUT.replace("Node2 secondary ENI", "Node2 ENI"),
         "scenario far: forward: 'Node2 ENI' has no role, expected secondary, as expect.forward_in_eni_role says with 'secondary'."),
        (OUT, OUT.replace("Node2 secondary ENI", "Node2 secundary ENI"),
         "scenario far: forward: 'Node2 secundary ENI' has an unknown ENI role 'secundary'; did you mean 'secondary'?"),
        (OUT, OUT.replace("Node1 secondary ENI", "Node1 Pod2 secondary ENI"),
         "scenario far: forward: 'Node1 Pod2 secondary ENI' cannot follow 'Node1 Pod1 eth0': an ENI of a pod is in the pod, not on the node."),
        (OUT, OUT.replace("Node1 secondary ENI", "Node1 Pod1 secondary ENI"), "scenario far: kernel_stacks: got 4, expected the 3 that forward goes"),
        (BACK, BACK.replace("VPC route", "VPN route"),
         "scenario far: return: no data plane has a hop 'VPN route'; did you mean 'VPC route'?"),
        (BACK, BACK.replace('"VPC route", ', ""),
         "scenario far: return: 'Node1 secondary ENI' cannot follow 'Node2 secondary ENI': another node is reached by 'VPC route'."),
        ('forward = ["Pod1 eth0", "veth…", "Node",', 'forward = ["Node",',
         "scenario near: forward: begins at 'Node', expected pod, as client_kind says."),
        (OUT, '"Node1 secondary ENI", "VPC route"]',
         "scenario far: forward: ends at 'VPC route', expected pod, as server_kind or dialled_kind says."),
        (BACK, BACK.replace("Node1 Pod1", "Node1 Pod2"),
         "scenario far: return: ends at 'Node1 Pod2 eth0', expected it where forward begins, at 'Node1 Pod1 eth0'."),
        ('return = ["Node2 Pod2 eth0", ', "return = [",
         "scenario far: return: begins at 'Node2 secondary ENI', expected it where forward ends, at 'Node2 Pod2 eth0'."),
        ('forward = ["Pod1 eth0", "veth…", "Node", "veth…", "Pod2 eth0"]', "forward = []",
         "scenario near: forward: is empty, expected at least one hop."),
        ("kernel_stacks = 4", "kernel_stacks = 5",
         "scenario far: kernel_stacks: got 5, expected the 4 that forward goes through"),
        ('"Node", "veth…", "Pod2 eth0"]', '1, "veth…", "Pod2 eth0"]', "scenario near: forward: got ['Pod1 eth0', 'veth…', 1,"),
    ],
)  # fmt: skip
def test_one_that_contradicts_itself_is_refused(old: str, new: str, sentence: str) -> None:
    assert MINE.count(old) >= 1
    behind = old if old == WITHOUT else ""
    with pytest.raises(SchemaError) as refused:
        lower(MINE.replace(old, new + behind, 1))
    assert str(refused.value).startswith("dataplanes/mine.toml: ")
    assert sentence in str(refused.value)


LIKE = """
title = "Like mine"
like = "mine"
roles = { secondary = "owner" }
node = "Host"
veth = "tap…"
forward_out = {}
without = ["near"]

[[scenario]]
slug = "far"
title = "Pod to a pod elsewhere, in its own way"
bypasses_conntrack = ["server"]

[[scenario]]
slug = "wide"
title = "Pod to a pod, however"
kernel_stacks = 3
when = { client_kind = "pod" }
forward = ["Pod1 eth0", "tap…", "Host", "tap…", "Pod2 eth0"]
return = ["Pod2 eth0", "tap…", "Host", "tap…", "Pod1 eth0"]
"""


def test_one_that_is_like_another_says_what_differs() -> None:
    raw = complete("dataplanes/yours.toml", tomllib.loads(LIKE), tomllib.loads(MINE))
    check_dataplane("yours", raw)
    plane = lower_dataplane("yours", raw)
    far, wide, last = plane.scenarios
    assert (far["slug"], wide["slug"], last["slug"]) == ("far", "wide", "unclassified")
    assert far["title"] == "Pod to a pod elsewhere, in its own way"
    assert (far["sop"], far["bypasses_conntrack"]) == (3, ["server"])
    assert far["expect"] == dict.fromkeys(far["expect"], "owner")
    assert far["forward"] == ["Host1 Pod1 eth0", "Host1 ENI", "VPC route", "Host2 ENI", "Host2 Pod2 eth0"]
    assert (plane.forward_out, plane.lb_source_networks) == ({}, ("100.64.0.0/10",))
    assert ("ipvs", "no_endpoint", "lb_ip") in plane.dead_ends


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('secondary = "owner"', 'secundary = "owner"', "roles: got 'secundary', expected one of primary, secondary, member."),
        ('secondary = "owner"', 'secondary = "local"', "roles: got 'local', expected one of primary, secondary, member, owner."),
        ('roles = { secondary = "owner" }', "roles = 1", "roles: got 1, expected a table."),
        ('["near"]', '["neer"]', "without: mine has no scenario 'neer'; did you mean 'near'?"),
        ('title = "Like mine"\n', "", "lacks 'title'."),
        ('slug = "wide"\n', "", "scenario 2: lacks 'slug'."),
        ("bypasses_conntrack", "bypasses", "scenario far: unknown key 'bypasses'; did you mean 'bypasses_conntrack'?"),
        ('slug = "far"', 'slug = "farther"', "scenario farther: lacks 'when'."),
        ('"tap…", "Host", "tap…", "Pod2 eth0"]', '"veth…", "Pod2 eth0"]', "scenario wide: forward: no data plane has a hop 'veth…'"),
    ],
)  # fmt: skip
def test_one_that_is_like_another_is_refused_where_it_contradicts_itself(
    old: str, new: str, sentence: str
) -> None:
    assert old in LIKE
    place = "dataplanes/yours.toml"
    with pytest.raises(SchemaError) as refused:
        check_dataplane(
            "yours", complete(place, tomllib.loads(LIKE.replace(old, new, 1)), tomllib.loads(MINE))
        )
    assert str(refused.value).startswith(f"{place}: ")
    assert sentence in str(refused.value)


@pytest.mark.parametrize("like", ["terway-trunk", "terway-enip", 1])
def test_one_is_like_a_file_that_is_whole(like: object, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {name: load_toml(f"dataplanes/{name}") for name in dataplane_names()} | {"yours": {"like": like}}
    monkeypatch.setattr(dataplanes, "dataplane_names", lambda: sorted(files))
    monkeypatch.setattr(dataplanes, "load_toml", lambda name: files[name.rpartition("/")[2]])
    with pytest.raises(SchemaError) as refused:
        read_dataplane("yours")
    assert f"dataplanes/yours.toml: like: got {like!r}, expected one of aws-vpc-cni, terway-eniip" in str(
        refused.value
    )
