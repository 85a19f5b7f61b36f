"""Every way through a data plane that is known: what each observer wrote down of it, and what the run must say of that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import flowstitch
from dataplanes.building import Case
from flowstitch.cli.main import commands
from flowstitch.runner.pipeline import Options

FOLDER = Path(__file__).parent
CASES = sorted(path for path in FOLDER.glob("*/*.toml") if path.name != "cluster.toml")


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path: Path, tmp_path: Path) -> None:
    case = Case(path)
    options = Options(dataplane=case.cluster.get("dataplane", path.parent.name))
    summary = flowstitch.run(case.write(tmp_path / "export"), out=tmp_path / "result", options=options)
    assert not summary.incomplete
    with flowstitch.open(tmp_path / "result") as opened:
        paths = opened.table("datapaths").to_pylist()
        dead_ends = opened.table("dead_ends").to_pylist()
        drifts = opened.sql("from drifts").to_arrow_table().to_pylist()
        for asked in case.raw.get("asked", ()):
            answer = _where(
                opened.ask(asked["question"]).to_arrow_table().to_pylist(), asked.get("where", {})
            )
            assert _like(answer, asked["rows"], case) == asked["rows"]
    for line in case.raw.get("explained", ()):
        told = CliRunner().invoke(commands, ["explain", str(tmp_path / "result"), str(paths[0]["path_id"])])
        assert line in [text.strip() for text in told.stdout.splitlines()], told.output
    wanted = [case.raw["path"]] if "path" in case.raw else []
    paths = _where(paths, case.raw.get("path_of", {}))
    assert _like(paths, wanted, case) == [_named(want, case) for want in wanted]
    wanted = case.raw.get("dead_ends")
    if wanted is not None:
        dead_ends = _where(dead_ends, case.raw["dead_end_of"])
        assert _like(dead_ends, wanted, case) == [_named(want, case) for want in wanted]
    assert len(drifts) == sum(len(row["drift"] or ()) for row in paths)
    wanted = case.raw.get("drifts", ())
    assert not wanted or _like(drifts, wanted, case) == [_named(want, case) for want in wanted]
    for sentence in case.raw.get("warnings", ()):
        assert any(sentence in warning for warning in summary.warnings), summary.warnings


def _where(rows: list[dict[str, Any]], wanted: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def _like(rows: list[dict[str, Any]], wanted: list[dict[str, Any]], case: Case) -> list[Any]:
    """Rows cut down to the wanted columns; whole ones where their number differs."""
    if len(rows) != len(wanted):
        return rows
    return [{name: _plain(row[name]) for name in want} for row, want in zip(rows, wanted, strict=True)]


def _plain(value: Any) -> Any:
    return "null" if value is None else value


def _named(want: dict[str, Any], case: Case) -> dict[str, Any]:
    """Wanted columns, names in place of addresses resolved."""
    return {
        name: case.addresses.get(value, value) if name.endswith("_ip") or name == "address" else value
        for name, value in want.items()
    }
