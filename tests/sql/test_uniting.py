"""Several results as one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import flowstitch
from cli.conftest import Call
from flowstitch.catalog import table, table_names
from flowstitch.errors import UsageError
from flowstitch.runner.pipeline import Options
from flowstitch.runner.times import parse_time
from flowstitch.sql.session import Result


def rows(opened: Result, query: str) -> list[tuple[Any, ...]]:
    return opened.sql(query).fetchall()


@pytest.fixture(scope="module")
def halves(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Results of two stretches of the capture that have two minutes in common."""
    home = tmp_path_factory.mktemp("halves")
    until, since = (parse_time(f"2026-11-23T00:{minute}:00Z", "") for minute in (49, 47))
    flowstitch.run(capture, out=home / "first", options=Options(until=until))
    flowstitch.run(capture, out=home / "second", options=Options(since=since))
    return [home / "first", home / "second"]


def test_a_key_is_told_once(halves: list[Path]) -> None:
    with flowstitch.open(halves) as opened:
        assert opened.tables == tuple(name for name in table_names() if (halves[0] / name).is_dir())
        for name in opened.tables:
            key = ", ".join(f'"{item}"' for item in table(name).key)
            assert rows(opened, f"select {key} from {name} group by all having count(*) > 1") == [], name
            assert opened.table(name).column_names == [item.name for item in table(name).fields]


def continued(both: Result) -> dict[int, int]:
    """Ids of connections that go on, by those that the results have of them, where these differ: the slow way."""
    told = rows(
        both,
        "select flow_key, path_id, min(first_seen), max(last_seen), list(which) from ("
        "select *, 'one' as which from main.datapaths union all by name select *, 'other' as which from after.datapaths) group by all",
    )
    by_flow: dict[int, list[Any]] = {}
    for flow_key, *path in sorted(told, key=lambda row: (row[2], row[1])):
        by_flow.setdefault(flow_key, []).append(path)
    names: dict[int, int] = {}
    for paths in by_flow.values():
        stretches: list[list[Any]] = []
        for path in paths:
            if stretches and path[1] <= max(other[2] for other in stretches[-1]):
                stretches[-1].append(path)
            else:
                stretches.append([path])
        for stretch in stretches:
            which = [one for path in stretch for one in path[3]]
            if len(set(which)) == len(which):
                names |= {path[0]: stretch[0][0] for path in stretch if path is not stretch[0]}
    return names


def test_who_saw_the_last_packet_tells_the_path(halves: list[Path]) -> None:
    with flowstitch.open(halves) as opened, flowstitch.open(halves[0], after=halves[1]) as both:
        recurring = rows(
            both,
            "select path_id, main.datapaths.last_seen, after.datapaths.last_seen from main.datapaths join after.datapaths using (path_id)",
        )
        assert len(recurring) > 100
        later = [path for path, one, other in recurring if other >= one]
        earlier = [path for path, one, other in recurring if other < one]
        for schema, paths in (("main", earlier), ("after", later)):
            for name in ("datapaths", "segments"):
                told = f"from {name} where path_id in (select unnest($paths)) order by all"
                known = f"from {schema}.{name} where path_id in (select unnest($paths)) order by all"
                assert (
                    opened.sql(told, {"paths": paths}).fetchall()
                    == both.sql(known, {"paths": paths}).fetchall()
                )
        names = continued(both)
        ids = rows(both, "select path_id from main.datapaths union select path_id from after.datapaths")
        assert {path for (path,) in rows(opened, "select path_id from datapaths")} == {
            names.get(path, path) for (path,) in ids
        }


def test_a_connection_that_goes_on_keeps_its_id(halves: list[Path]) -> None:
    with flowstitch.open(halves) as opened, flowstitch.open(halves[0], after=halves[1]) as both:
        names = continued(both)
        assert len(names) > 100
        began = dict(rows(opened, "select path_id, first_seen from datapaths"))
        known = {
            row
            for schema in ("main", "after")
            for row in rows(both, f"select path_id, first_seen from {schema}.datapaths")
        }
        assert {(name, began[name]) for name in names.values()} <= known
        for told in ("datapaths", "segments", "observations"):
            assert names.keys().isdisjoint(
                path for (path,) in rows(opened, f"select distinct path_id from {told}")
            )
        named = (
            "from (select unnest(path_ids) as path_id from lb_requests) anti join datapaths using (path_id)"
        )
        assert rows(opened, named) == []


def test_no_row_is_lost_and_what_is_on_a_path_is_not_unmatched(halves: list[Path]) -> None:
    with flowstitch.open(halves) as opened, flowstitch.open(halves[0], after=halves[1]) as both:
        every = "select source, line from {}observations"
        known = rows(both, f"{every.format('main.')} union {every.format('after.')} order by all")
        assert rows(opened, f"select distinct source, line from ({every.format('')}) order by all") == known
        names = continued(both)
        proofs = "select path_id, source, line from {}observations where path_id is not null"
        told = {
            (names.get(path, path), *row)
            for path, *row in rows(both, f"{proofs.format('main.')} union {proofs.format('after.')}")
        }
        assert sorted(rows(opened, proofs.format(""))) == sorted(told)
        proved = "(select source, line from observations where path_id is not null)"
        assert rows(opened, f"from unmatched semi join {proved} using (source, line)") == []
        assert (
            rows(
                opened,
                f"from (from observations where path_id is null) semi join {proved} using (source, line)",
            )
            == []
        )
        unmatched = rows(opened, "select source, line from unmatched order by all")
        assert unmatched
        off = "select source, line from observations where path_id is null and kind in ('vpc-flow-log', 'lb-access-log') order by all"
        assert unmatched == rows(opened, off)


def test_sources_balance(halves: list[Path], result: Path) -> None:
    with flowstitch.open(halves) as opened, flowstitch.open(result) as whole:
        assert (
            rows(
                opened,
                "from sources where rows <> parsed + skipped + rejected or skipped <> coalesce(list_sum(map_values(skipped_by)), 0)",
            )
            == []
        )
        parsed = "select source, count(distinct line) from observations group by all order by all"
        assert rows(opened, parsed) == rows(
            opened, "select source, parsed from sources where parsed > 0 order by all"
        )
        matched = "select source, count(distinct line) from observations where path_id is not null group by all order by all"
        assert rows(opened, matched) == rows(
            opened, "select source, matched from sources where matched > 0 order by all"
        )
        # an IPVS dump that both have read shows paths of one of them alone
        read = "select * exclude (matched) from sources order by source"
        assert rows(opened, read) == rows(whole, read)


def test_the_order_of_names_changes_nothing(halves: list[Path]) -> None:
    with flowstitch.open(halves) as one, flowstitch.open(halves[::-1]) as other:
        for name in ("datapaths", "observations", "sources"):
            assert rows(one, f"from {name} order by all") == rows(other, f"from {name} order by all")


def test_a_result_that_is_named_twice_is_one(halves: list[Path]) -> None:
    with flowstitch.open([halves[0], f"{halves[0]}/"]) as opened, flowstitch.open(halves[0]) as alone:
        for name in alone.tables:
            assert rows(opened, f"from {name}") == rows(alone, f"from {name}")


def test_sources_of_one_name_are_told_apart(
    halves: list[Path], result: Path, capture: Path, tmp_path: Path
) -> None:
    other = tmp_path / "export"
    shutil.copytree(capture, other)
    (log, *_) = sorted(other.glob("vpc-flow/**/*.gz"))
    kept = log.relative_to(other).as_posix()
    shutil.copy(sorted(other.glob("vpc-flow/**/*.gz"))[1], log)
    flowstitch.run(other, out=tmp_path / "other")
    with flowstitch.open([result, tmp_path / "other"]) as opened:
        told = [
            name for (name,) in rows(opened, "select source from sources order by all") if name.endswith(kept)
        ]
        assert len(told) == 2
        assert kept not in told
        assert {name.removesuffix(f"/{kept}").rsplit("/", 1)[-1] for name in told} == {result.name, "other"}
        counts = dict(rows(opened, "select source, count(distinct line) from observations group by all"))
        for name, parsed in rows(opened, "select source, parsed from sources where parsed > 0"):
            assert counts[name] == parsed


def test_a_database_of_several(halves: list[Path], tmp_path: Path) -> None:
    import duckdb

    with flowstitch.open(halves) as opened:
        made = opened.export_db(tmp_path / "both.duckdb")
        with duckdb.connect(tmp_path / "both.duckdb", read_only=True) as plain:
            for name in opened.tables:
                assert plain.execute(f"select count(*) from {name}").fetchall() == [(made[name],)]
                assert plain.execute(f"from {name} order by all").fetchall() == rows(
                    opened, f"from {name} order by all"
                )
            made_of = "select distinct schema_name from duckdb_tables() union select distinct schema_name from duckdb_views() where not internal"
            assert plain.execute(made_of).fetchall() == [("main",)]


def test_a_frame_of_several(halves: list[Path]) -> None:
    with flowstitch.open(halves) as opened:
        frame = opened.frame("datapaths")
        assert frame.collect().height == opened.table("datapaths").num_rows


def test_the_command_line_takes_several(call: Call, halves: list[Path], tmp_path: Path) -> None:
    first, second = halves
    with flowstitch.open(halves) as opened:
        ((count,),) = rows(opened, "select count(*) from datapaths")
        ((path,),) = rows(opened, "select path_id from datapaths order by last_seen desc limit 1")
        known = opened.ask("return-eni").to_arrow_table().to_pylist()
    asked = call("sql", first, "select count(*) as n from datapaths", "--also", second, "-f", "json")
    assert json.loads(asked.stdout) == [{"n": count}]
    answer = json.loads(call("ask", first, "return-eni", "--also", second, "-f", "json").stdout)
    assert len(answer) == len(known)
    assert call("explain", first, path).exit_code == 2
    assert f"path      {path} " in call("explain", first, path, "--also", second).stdout
    call("export-db", first, tmp_path / "x.duckdb", "--also", second)
    assert (tmp_path / "x.duckdb").exists()


def test_a_locked_session_reads_all(halves: list[Path]) -> None:
    with flowstitch.open(halves) as opened:
        opened.lock()
        assert opened.sql("from datapaths").count("*").fetchall()[0][0] > 0
        with pytest.raises(UsageError):
            opened.sql("from read_text('/etc/hostname')").fetchall()


def test_other_versions_and_tables_are_refused(halves: list[Path], tmp_path: Path) -> None:
    shutil.copytree(halves[1], tmp_path / "old")
    manifest = tmp_path / "old" / "run.json"
    known = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(known | {"tables_version": "0"}))
    with pytest.raises(
        UsageError, match=r"old: has tables_version 0, and .*first has \d+; .*run the older one again\.$"
    ):
        flowstitch.open([halves[0], tmp_path / "old"])
    manifest.write_text("[")
    with pytest.raises(UsageError, match=r"run\.json: cannot be read"):
        flowstitch.open([halves[0], tmp_path / "old"])
    manifest.write_text(json.dumps(known))
    shutil.rmtree(tmp_path / "old" / "segments")
    with pytest.raises(
        UsageError, match=r"old: only one of it and .*first has segments; .*run the older one again\.$"
    ):
        flowstitch.open([halves[0], tmp_path / "old"])
    with pytest.raises(UsageError, match=r"^got no result; "):
        flowstitch.open([])
