"""``schema``: the contracts, as people and programs read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flowstitch.catalog import table, table_names
from flowstitch.catalog.model import FIELD_TYPES
from flowstitch.cli.schema import DUCKDB_TYPES

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


@pytest.mark.parametrize("arguments", [["datapath"], ["datapaths", "-f", "yaml"]])
def test_wrong_use(call: Call, arguments: list[str]) -> None:
    done = call("schema", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
