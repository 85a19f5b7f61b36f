"""What is written: the same for the same settings, complete, and in either form."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flowstitch.errors import UsageError
from flowstitch.simulator.generate import generate
from flowstitch.simulator.settings import Settings
from plain_duckdb import answered
from simulator.conftest import SMALL, Simulate

Reconstruct = Callable[[Path], Path]


def digests(directory: Path) -> dict[str, str]:
    """Hash of each file by its name."""
    files = (path for path in sorted(directory.rglob("*")) if path.is_file())
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("form", ["raw", "parquet"])
def test_same_seed_same_bytes(form: str, tmp_path: Path) -> None:
    settings = replace(
        SMALL, connections=600, form=form, lost_events=0.1, skipped_windows=0.1, clock_skew_s=2
    )
    for name in ("one", "two"):
        generate(settings, tmp_path / name)
    generate(replace(settings, seed=2), tmp_path / "other")
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert digests(tmp_path / "one")["truth.parquet"] != digests(tmp_path / "other")["truth.parquet"]


def test_defects_change_what_is_observed_alone(simulate: Simulate) -> None:
    worse = simulate(lost_events=0.2, lost_nodes=1, skipped_windows=0.2, clock_skew_s=3, torn_files=0.2)
    assert digests(simulate())["truth.parquet"] == digests(worse)["truth.parquet"]
    assert digests(simulate() / "export") != digests(worse / "export")


def rows(result: Path, query: str) -> list[tuple[object, ...]]:
    """Answer of a query, with the directory of the result in place of ``{}``."""
    return answered(query.replace("{}", str(result)))


def test_raw_logs_and_tables_of_one_seed_have_one_result(
    simulate: Simulate, reconstruct: Reconstruct
) -> None:
    wishes = {"skipped_windows": 0.05, "clock_skew_s": 2}
    raw, tables = (reconstruct(simulate(form=form, **wishes)) for form in ("raw", "parquet"))
    for query in (
        "from '{}/datapaths/*.parquet' order by path_id",
        "select * exclude (source, line) from '{}/observations/*.parquet' order by all",
        "from '{}/lb_requests/*.parquet' order by all",
        "select source, kind, dialect, node, \"rows\", parsed, first_seen, last_seen, complete, warnings from '{}/sources/*.parquet' order by all",
    ):
        assert rows(raw, query) == rows(tables, query)


@pytest.mark.parametrize("flow_logs", ["alibaba", "alibaba-csv", "aws"])
def test_converted_logs_are_the_tables(flow_logs: str, simulate: Simulate, tmp_path: Path) -> None:
    import flowstitch

    wishes = {"skipped_windows": 0.05, "clock_skew_s": 2, "families": (0, 1), "flow_logs": flow_logs}
    flowstitch.convert(simulate(form="raw", **wishes) / "export", out=tmp_path / "tables")
    written = simulate(form="parquet", **wishes) / "export" / "tables"
    for name in ("conntrack", "flows", "requests", "ipvs_connections"):
        query = f"from '{{}}/{name}/*.parquet' order by source, line"
        assert rows(written, query) == rows(tmp_path / "tables", query), name


def test_every_line_is_understood(simulate: Simulate, reconstruct: Reconstruct) -> None:
    result = reconstruct(simulate())
    ((rejected, skipped, incomplete),) = rows(
        result,
        "select sum(rejected), sum(skipped) filter (kind <> 'ipvs-connections'), count(*) filter (not complete) from '{}/sources/*.parquet'",
    )
    assert (rejected, skipped, incomplete) == (0, 0, 0)
    left = rows(result, "select distinct reason from '{}/unmatched/*.parquet'")
    assert set(left) <= {("no traffic in the window",), ("several connections could have carried it",)}


def test_listed_ipvs_connections_are_on_paths_to_what_they_say(
    simulate: Simulate, reconstruct: Reconstruct
) -> None:
    simulation = simulate(form="parquet")
    listed = simulation / "export" / "tables" / "ipvs_connections"
    found = rows(
        reconstruct(simulation),
        f"""select count(*), count(path_id), count(*) filter (dialled_ip = virtual_ip and p.server_ip = i.server_ip)
            from '{listed}/*.parquet' i
            left join '{{}}/observations/*.parquet' o on i.source = o.source and i.line = o.line
            left join '{{}}/datapaths/*.parquet' p using (path_id)""",
    )
    ((all_of_them, on_paths, agreeing),) = found
    assert all_of_them == on_paths == agreeing > 100


def test_too_much_is_refused(tmp_path: Path) -> None:
    for wishes, word in (
        ({"connections": 10**9}, "--nodes"),
        ({"lost_nodes": 4}, "--lost-nodes"),
        ({"torn_files": 0.1, "form": "parquet"}, "--format raw"),
    ):
        with pytest.raises(UsageError, match=word):
            replace(SMALL, **wishes)
    assert Settings().until > Settings().begin


def test_slices_meet(simulate: Simulate, monkeypatch: pytest.MonkeyPatch, reconstruct: Reconstruct) -> None:
    from flowstitch.simulator.accuracy import accuracy

    monkeypatch.setattr("flowstitch.simulator.generate.SLICE", 300)
    simulation = simulate(seed=8)
    found = accuracy(reconstruct(simulation), simulation)
    assert {
        name: measure for name, measure in found.items() if (measure.precision, measure.recall) != (1, 1)
    } == {}
    ((late,),) = rows(
        reconstruct(simulation),
        """select count(*) from (
             select observed_at < lag(observed_at) over (partition by source order by line) late
             from '{}/observations/*.parquet' where kind = 'conntrack-events') where late""".replace(
            "observed_at", "first_seen"
        ),
    )
    assert late == 0
