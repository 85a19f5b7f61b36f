"""``schema``: the contracts, as people and programs read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.shell_completion import BashComplete

from cli.conftest import on_terminal
from flowstitch.catalog import table, table_names
from flowstitch.catalog.dataplanes import dataplane_names, flat_scenarios, read_dataplane
from flowstitch.catalog.ddl import DUCKDB_TYPES
from flowstitch.catalog.model import FIELD_TYPES
from flowstitch.cli.main import commands

if TYPE_CHECKING:
    from cli.conftest import Call


def test_every_table_is_listed_with_its_grain(call: Call) -> None:
    listed = {row["table"]: row for row in json.loads(call("schema", "-f", "json").stdout)}
    assert tuple(listed) == table_names()
    assert listed["datapaths"]["grain"] == "one row per connection"
    assert call("schema").stdout.count("\n") == len(listed) + 1


def test_a_table_is_told_column_by_column(call: Call) -> None:
    rows = json.loads(call("schema", "datapaths", "-f", "json").stdout)
    assert [row["column"] for row in rows] == [item.name for item in table("datapaths").fields]
    (landing,) = (row for row in rows if row["column"] == "return_lands_on")
    assert landing["null"] == "nothing came back to the client, or it cannot be known"
    assert landing["doc"].endswith("One of: primary, secondary, member, local, outside.")
    markdown = call("schema", "datapaths", "-f", "markdown").stdout.splitlines()
    assert markdown[:2] == ["| column | type | null | doc |", "| --- | --- | --- | --- |"]
    assert len(markdown) == len(rows) + 2
    assert {line.count(" | ") for line in markdown} == {3}


def test_types_are_those_of_duckdb(call: Call, result: Path) -> None:
    assert set(DUCKDB_TYPES) == set(FIELD_TYPES)
    for name in ("datapaths", "observations", "sources", "services", "rejects"):
        described = json.loads(call("sql", result, f"describe {name}", "-f", "json").stdout)
        told = json.loads(call("schema", name, "-f", "json").stdout)
        assert [(row["column"], row["type"]) for row in told] == [
            (row["column_name"], row["column_type"]) for row in described
        ]


def test_a_data_plane_is_told_scenario_by_scenario(call: Call) -> None:
    told = json.loads(call("schema", "dataplanes", "terway-eniip", "-f", "json").stdout)
    (fifth,) = (row for row in told if row["sop"] == 5)
    assert (fifth["scenario"], fifth["kernel_stacks"]) == ("pod-to-lbip-cluster-remote", 4)
    assert (fifth["forward"][0], fifth["return"][-1]) == ("ECS1 Pod1 eth0", "ECS1 Pod1 eth0")
    text = call("schema", "dataplanes", "terway-eniip").stdout
    paragraph = next(part for part in text.split("\n\n") if part.startswith("pod-to-lbip-cluster-remote"))
    assert paragraph.splitlines() == [
        "pod-to-lbip-cluster-remote (SOP 5, 4 kernel stacks)",
        "  Pod to a load balancer's address, policy Cluster, backend on another node",
        "  when     client_kind pod, dialled_kind lb_ip, traffic_policy Cluster, server_kind pod or node, server_place remote",
        "  expects  return_lands_on primary, forward_in_eni_role secondary, return_out_eni_role secondary",
        f"  forward  {' → '.join(fifth['forward'])}",
        f"  return   {' → '.join(fifth['return'])}",
    ]
    markdown = call("schema", "dataplanes", "terway-eniip", "-f", "markdown").stdout.splitlines()
    assert len(markdown) == len(told) + 2
    assert {line.count(" | ") for line in markdown} == {10}


def test_all_data_planes_are_told(call: Call) -> None:
    told = json.loads(call("schema", "dataplanes", "-f", "json").stdout)
    assert sorted({row["dataplane"] for row in told}) == dataplane_names()
    text = call("schema", "dataplanes").stdout
    assert text.count("\n  forward  ") == sum(bool(row["forward"]) for row in told)


def test_chains_are_folded_on_a_terminal() -> None:
    lines = on_terminal("schema", "dataplanes", "terway-eniip", columns=60).splitlines()
    assert max(map(len, lines)) <= 60
    first = lines.index("  forward  Pod eth0 → cali… → ECS service NAT and masquerade")
    assert lines[first + 1] == "           → cali… → Pod eth0"


def test_all_data_planes_are_told_with_their_chains(call: Call) -> None:
    lines = call("schema", "dataplanes").stdout.splitlines()
    told = {name: read_dataplane(name) for name in dataplane_names()}
    assert [line for line in lines if not line.startswith(" ") and ": " in line] == [
        f"{name}: {raw['title']}" for name, raw in told.items()
    ]
    chains = [
        scenario["forward"]
        for raw in told.values()
        for scenario in flat_scenarios(raw)
        if "forward" in scenario
    ]
    assert [line.split(None, 1)[1] for line in lines if line.startswith("  forward ")] == [
        " → ".join(chain) for chain in chains
    ]


def test_what_conntrack_is_bypassed_by_is_told(call: Call) -> None:
    lines = call("schema", "dataplanes", "terway-exclusive-eni").stdout.splitlines()
    first = lines.index("pod-to-pod-remote (SOP 3, 2 kernel stacks)")
    assert (
        "  bypasses conntrack of the client's node and conntrack of the server's node"
        in lines[first : first + 7]
    )


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (["schema", "dat"], ["datapaths", "dataplanes"]),
        (["schema", "dataplanes", "terway-e"], ["terway-eniip", "terway-exclusive-eni"]),
        (["schema", "datapaths", "terway"], []),
    ],
)
def test_names_are_completed(words: list[str], known: list[str]) -> None:
    completion = BashComplete(commands, {}, "flowstitch", "_FLOWSTITCH_COMPLETE")
    assert [item.value for item in completion.get_completions(words[:-1], words[-1])] == known


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["datapath"], "there is no table 'datapath'; did you mean 'datapaths'?"),
        (["dataplane"], "there is no table 'dataplane'; did you mean 'dataplanes'?"),
        (["dataplanes", "terway-enip"], "there is no data plane 'terway-enip'; did you mean 'terway-eniip'?"),
        (["pods", "terway-eniip"], "got 'terway-eniip' behind 'pods'; only 'dataplanes' takes a name."),
        (["datapaths", "-f", "yaml"], "'yaml' is not one of"),
    ],
)
def test_wrong_use(call: Call, arguments: list[str], sentence: str) -> None:
    done = call("schema", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr
