"""What an export lacks is said, and costs what is said and nothing more."""

from __future__ import annotations

import json
import shutil
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import flowstitch
from conntrack_formats import Entry, line_of
from flowstitch.ingest.holdings import Holdings, LogHoldings, NodeHoldings
from flowstitch.ingest.model import Inventory, IpvsService
from flowstitch.runner.coverage import find_missing
from flowstitch.runner.pipeline import Summary
from truth import read_truth

MINUTE = 60_000_000
NODES = ("cn-hongkong.10.0.1.47", "cn-hongkong.10.0.1.82", "cn-hongkong.10.0.3.49")
ALL_NODES = f"nodes {NODES[0]}, {NODES[1]} and {NODES[2]}: "
# By what is taken away: where it is, and how the one warning begins.
LACKING = {
    "events": ("nodes/*/conntrack-events*", f"{ALL_NODES}conntrack lists but no events;"),
    "lists": ("nodes/*/conntrack-list*", f"{ALL_NODES}conntrack events but no list;"),
    "flow logs": ("vpc-flow", "no flow logs in the export:"),
    **{name: (f"nodes/{name}", f"node {name}: no conntrack in the export;") for name in NODES},
    "ENIs": ("inventory/describe_network_interfaces.json", "no ENIs in the export:"),
    "pods": ("inventory/pods.json", "no pods in the export:"),
    "services": ("inventory/services.json", "no services in the export:"),
    "endpoints": ("inventory/endpointslices.json", "no endpoints of services in the export:"),
    "node list": ("inventory/nodes.json", "no Kubernetes nodes in the export:"),
    "inventory": ("inventory", "no inventory in the export, neither nodes, pods,"),
    "ip rules": ("nodes/*/ip-rule.json", f"{ALL_NODES}no ip rules in the export;"),
    "sysctls": ("nodes/*/sysctl.txt", f"{ALL_NODES}no sysctls in the export;"),
    "nodes": ("nodes", "no conntrack in the export: paths are what flow logs saw of them;"),
}
COMPARED = ("client_node", "server_node", "server_ip", "dialled_ip", "scenario", "return_lands_on")


class Degraded(NamedTuple):
    result: Path
    summary: Summary


@pytest.fixture(scope="module")
def degraded(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Degraded]:
    """Results of the capture without this or that, each made when it is first asked for."""

    class Made(dict[str, Degraded]):
        def __missing__(self, name: str) -> Degraded:
            folder = tmp_path_factory.mktemp("degraded")
            shutil.copytree(capture, folder / "export")
            for path in (folder / "export").glob(LACKING[name][0]):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            summary = flowstitch.run(folder / "export", out=folder / "result")
            self[name] = Degraded(folder / "result", summary)
            return self[name]

    return Made()


def test_a_whole_export_lacks_nothing(result: Path) -> None:
    assert json.loads((result / "run.json").read_text())["warnings"] == []


@pytest.mark.parametrize("name", LACKING)
def test_what_is_missing_is_said_and_is_no_failure(degraded: dict[str, Degraded], name: str) -> None:
    result, summary = degraded[name]
    (warning,) = summary.warnings
    assert warning.startswith(LACKING[name][1])
    assert warning.endswith(".")
    assert not summary.incomplete
    assert json.loads((result / "run.json").read_text())["warnings"] == [warning]


@pytest.mark.parametrize("name", LACKING)
def test_every_row_is_accounted_for(degraded: dict[str, Degraded], name: str) -> None:
    with flowstitch.open(degraded[name].result) as opened:
        query = "select count(*) from sources where rows <> parsed + skipped + rejected"
        assert opened.sql(query).fetchall() == [(0,)]
        query = """
            select source from sources left join
                (select source, count(distinct line) seen from observations group by source) using (source)
            where parsed <> coalesce(seen, 0)
        """
        assert opened.sql(query).fetchall() == []
        unexplained = "select count(*) from observations where (path_id is null) <> (reason is not null)"
        assert opened.sql(unexplained).fetchall() == [(0,)]


def paths_of(result: Path) -> list[dict[str, Any]]:
    with flowstitch.open(result) as opened:
        return opened.table("datapaths").to_pylist()


@pytest.mark.parametrize("name", LACKING)
def test_what_is_still_said_is_so(degraded: dict[str, Degraded], result: Path, name: str) -> None:
    """Everything that is not null is what the whole export says of a path of the same client at that time."""
    whole = defaultdict(list)
    for path in paths_of(result):
        whole[path["protocol"], path["client_ip"], path["client_port"], path["icmp_id"]].append(path)
    wrong: Counter[tuple[str, ...]] = Counter()
    compared = 0
    for path in paths_of(degraded[name].result):
        if path["client_ip"] is None:
            continue
        same = [
            other
            for other in whole[path["protocol"], path["client_ip"], path["client_port"], path["icmp_id"]]
            if abs((other["first_seen"] - path["first_seen"]).total_seconds()) <= 2
        ]
        compared += bool(same)
        wrong.update(
            (column, str(path[column]), str({other[column] for other in same}))
            for column in COMPARED
            if same and path[column] is not None and path[column] not in {other[column] for other in same}
        )
    assert compared > 300
    assert wrong == Counter()


Wire = tuple[str, frozenset[tuple[str, str]]]


def wires_of(known: dict[str, str]) -> list[Wire]:
    """Protocol and both ends of what a connection can have been seen as: before and after its translations."""
    echo = known["protocol"].startswith("icmp")
    client, dialled, server, snat = (
        (known[f"{end}_ip"], "" if echo else known[f"{end}_port"])
        for end in ("client", "dialled", "server", "snat")
    )
    shown = client if snat[0] in {"", "?"} else snat
    return [
        (known["protocol"], frozenset(ends))
        for ends in ((client, dialled), (client, server), (shown, server))
    ]


@pytest.mark.parametrize("name", ["events", *NODES])
def test_a_path_without_a_client_is_a_leg_of_a_real_connection(
    degraded: dict[str, Degraded], capture: Path, name: str
) -> None:
    truth = read_truth(capture.parent / "truth.csv.gz")
    spans = defaultdict(list)
    for known in truth:
        for wire in wires_of(known):
            spans[wire].append((float(known["t_start"]), float(known["t_end"])))
    # a connection that a node translated on its way out: the truth does not know with which port
    hidden = {known["server_ip"] for known in truth if known["lab_case"] == "pod_to_external_node_snat"}
    assert hidden == {"198.51.100.21"}
    with flowstitch.open(degraded[name].result) as opened:
        rows = opened.sql("""
            select s.protocol, src_ip, src_port, dst_ip, dst_port, epoch(s.first_seen), epoch(s.last_seen)
            from segments s join datapaths d using (path_id) where client_ip is null
        """).fetchall()
    assert len(rows) > 30
    for protocol, *ends, first, last in rows:
        wire = protocol, frozenset({(ends[0], str(ends[1] or "")), (ends[2], str(ends[3] or ""))})
        at_that_time = any(begin - 2 <= last and end + 121 >= first for begin, end in spans[wire])
        assert at_that_time or hidden & {ends[0], ends[2]}, wire


def test_stitching_needs_no_node_list(degraded: dict[str, Degraded], result: Path) -> None:
    """Nodes' own addresses are in their IPVS tables for node ports, and cross wires all the same."""
    assert len(paths_of(degraded["node list"].result)) == len(paths_of(result))


# --- each kind by itself --------------------------------------------------------------------------
def whole(*names: str) -> Holdings:
    """Holdings of an export that is whole, with some nodes of one ENI each."""
    open_ended = {"valid_from": None, "valid_to": None}
    inventory = Inventory()
    tables = inventory.tables
    tables["nodes"] = [{"name": name, **open_ended} for name in names]
    tables["pods"] = [{"node": name, "phase": "Running", **open_ended} for name in names]
    tables["enis"] = [
        {"eni": f"eni-{name}", "node": name, "instance_id": f"i-{name}", "vpc_id": "vpc-1", **open_ended}
        for name in names
    ]
    tables["services"] = tables["endpoints"] = [{}]
    held = Holdings(
        flow_logs=True,
        logs={f"eni-{name}": LogHoldings() for name in names},
        first=0,
        last=10 * MINUTE,
        inventory=inventory,
    )
    for name in names:
        held.nodes[name] = NodeHoldings(True, True, 0, 10 * MINUTE, counted=True, stamped=True)
        facts = inventory.of_node(name)
        facts.rules, facts.sysctls = [], {"net.netfilter.nf_conntrack_acct": "1"}
    return held


def test_nothing_is_missing_of_what_is_whole() -> None:
    assert find_missing(whole("a", "b")) == []


def test_many_names_are_a_handful_and_a_number() -> None:
    held = whole(*(f"n{number}" for number in range(9)))
    for number in range(1, 9):
        del held.nodes[f"n{number}"]
    (sentence,) = find_missing(held)
    assert sentence.startswith("nodes n1, n2, n3, n4, n5 and 3 more: no conntrack in the export; ")


@pytest.mark.parametrize("table", ["nodes", "pods", "enis"])
def test_a_node_is_known_by_whatever_is_on_it(table: str) -> None:
    held = whole("a", "b")
    row = {
        "name": "c",
        "node": "c",
        "eni": "eni-a",
        "instance_id": "i-c",
        "valid_from": None,
        "valid_to": None,
    }
    held.inventory.tables[table].append(row)
    (sentence,) = find_missing(held)
    assert sentence.startswith("node c: no conntrack in the export; ")


@pytest.mark.parametrize("span", [(None, 0), (11 * MINUTE, None)])
def test_what_was_not_there_during_the_export_is_not_missing(span: tuple[int | None, int | None]) -> None:
    held = whole("a", "b")
    row = {
        "name": "c",
        "node": "c",
        "eni": "eni-c",
        "instance_id": "i-c",
        "valid_from": span[0],
        "valid_to": span[1],
    }
    for table in ("nodes", "pods", "enis"):
        held.inventory.tables[table].append(row)
    assert find_missing(held) == []


def test_enis_without_a_flow_log() -> None:
    held = whole("a", "b")
    held.logs = {"eni-a": LogHoldings()}
    # of another machine of the VPC, and of none
    more = {"node": None, "valid_from": None, "valid_to": None}
    held.inventory.tables["enis"] += [
        {"eni": "eni-x", "instance_id": "i-x", **more},
        {"eni": "eni-y", "instance_id": None, **more},
    ]
    (sentence,) = find_missing(held)
    assert sentence.startswith(
        "ENI eni-b: no flow log; ENI legs and return_evidence 'observed' are not possible"
    )
    held.inventory.tables["nodes"] = []
    for row in held.inventory.tables["enis"]:
        row["node"] = None
    assert find_missing(held)[0].startswith("ENIs eni-b and eni-x: no flow log; ")


def test_what_a_plug_in_says_is_no_list_of_the_cluster() -> None:
    held = whole("a")
    for row in (*held.inventory.tables["pods"], *held.inventory.tables["enis"]):
        row |= {"phase": None, "vpc_id": None}
    assert [sentence.partition(" in the export")[0] for sentence in find_missing(held)] == [
        "no pods",
        "no ENIs",
    ]


def test_nothing_to_find_a_path_in() -> None:
    held = whole("a")
    held.nodes, held.flow_logs = {}, False
    assert find_missing(held) == ["neither conntrack nor flow logs in the export: there is no path to find."]


@pytest.mark.parametrize(
    ("field", "key"),
    [("counted", "net.netfilter.nf_conntrack_acct"), ("stamped", "net.netfilter.nf_conntrack_timestamp")],
)
@pytest.mark.parametrize(
    ("shown", "setting", "off"),
    [(True, "0", False), (False, "1", True), (None, "0", True), (None, "1", False), (None, None, False)],
)
def test_what_rows_show_counts_more_than_a_setting(
    field: str, key: str, shown: bool | None, setting: str | None, off: bool
) -> None:
    held = whole("a", "b")
    setattr(held.nodes["b"], field, shown)
    held.inventory.facts["b"].sysctls = {"net.ipv4.ip_forward": "1"} | ({key: setting} if setting else {})
    found = find_missing(held)
    assert [
        sentence.startswith("node b: conntrack ") and f"off ({key})" in sentence for sentence in found
    ] == [True] * off


@pytest.mark.parametrize(
    ("table", "told"), [(None, True), ([], False), ([IpvsService("tcp", "10.0.0.1", 80, ())], True)]
)
def test_ipvs_without_conntrack(table: list[IpvsService] | None, told: bool) -> None:
    held = whole("a", "b")
    held.inventory.facts["a"].sysctls["net.ipv4.vs.conntrack"] = "1"
    held.inventory.facts["b"].sysctls["net.ipv4.vs.conntrack"] = "0"
    held.inventory.facts["b"].ipvs = table
    found = find_missing(held)
    assert [sentence.startswith("node b: net.ipv4.vs.conntrack is 0; ") for sentence in found] == [
        True
    ] * told


def test_rules_are_missed_where_the_data_plane_goes_by_them() -> None:
    held = whole("a")
    held.inventory.facts["a"].rules = None
    (told,) = find_missing(held)
    assert told.startswith("node a: no ip rules in the export; ")
    assert find_missing(held, by_rules=lambda _: False) == []


def test_events_that_begin_late_or_end_early() -> None:
    held = whole("a", "b", "c")
    held.nodes["a"].first, held.nodes["b"].last = MINUTE, 9 * MINUTE
    assert find_missing(held) == []
    held.nodes["a"].first, held.nodes["b"].last, held.nodes["c"].last = 2 * MINUTE, 5 * MINUTE, 9 * MINUTE - 1
    late, early = find_missing(held)
    assert late.startswith("node a (by 120 s): conntrack events begin later than those of other nodes; ")
    assert early.startswith(
        "nodes b (by 300 s) and c (by 60 s): conntrack events end earlier than those of other nodes; "
    )


def test_default_settings_are_told(tmp_path: Path, capture: Path) -> None:
    """Dumps and events as a kernel with its default settings writes them: no counters, no stamps."""
    entry = "ipv4     2 tcp      6 {} src=10.0.0.1 dst=10.0.0.2 sport={} dport=80 src=10.0.0.2 dst=10.0.0.1 sport=80 dport={} [ASSURED] {}"
    folder = tmp_path / "export" / "nodes" / "a"
    folder.mkdir(parents=True)
    rows = [entry.format("100 ESTABLISHED", port, port, "mark=0 use=1") for port in (1025, 1026)]
    (folder / "list.1795394843.0.txt").write_text("\n".join(rows) + "\n")
    (folder / "events").write_text(
        f"[1795394850.000000]\t[DESTROY] {entry.format('TIME_WAIT', 1025, 1025, 'id=7')}\n"
    )
    warnings = flowstitch.run(tmp_path / "export", out=tmp_path / "result").warnings
    assert sum("node a: conntrack accounting is off" in sentence for sentence in warnings) == 1
    assert sum("node a: conntrack time stamps are off" in sentence for sentence in warnings) == 1


@pytest.mark.parametrize("form", ["save", "conntrackd", "conntrackd-xml"])
def test_a_form_without_counters_says_nothing_of_settings(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "export" / "nodes" / "a"
    folder.mkdir(parents=True)
    ends = ("10.0.0.1", "10.0.0.2", 1025, 80), ("10.0.0.2", "10.0.0.1", 80, 1025)
    (folder / "list.1795394843.0.txt").write_text(line_of(Entry(6, *ends, state=3), form))
    warnings = flowstitch.run(tmp_path / "export", out=tmp_path / "result").warnings
    assert [sentence for sentence in warnings if "is off" in sentence or "are off" in sentence] == []
