"""``sql`` reads the result and nothing else, unless it is told to; its errors say where and what was meant."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import flowstitch
from cli.conftest import Call
from flowstitch.errors import UsageError


def everything(directory: Path) -> dict[str, tuple[int, bytes]]:
    return {
        path.relative_to(directory).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in directory.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    "query",
    [
        "select count(*) from datapaths",
        "from datapaths limit 1",
        "with a as (from pods) select count(*) from a",
        "(select 1)",
        "values (1)",
        "table nodes",
        "describe datapaths",
        "summarize nodes",
        "show tables",
        "explain select 1",
        "pivot datapaths on protocol using count(*)",
        "from (pivot datapaths on protocol using count(*))",
        "/* copy */ select 'copy' as \"copy\"",
        "select 'é', count(*) from ask_return_eni",
        "from query('select 2')",
        "select 1;",
        "select ';' as \";\"; -- select 2;\n;",
        "select path_text(path_id) from datapaths order by all limit 1",
        "select * replace (lower(protocol) as protocol) from datapaths limit 1",
    ],
)
def test_what_reads_is_run(call: Call, result: Path, query: str) -> None:
    done = call("sql", result, query, "-f", "json")
    assert (done.exit_code, done.stderr) == (0, "")
    assert json.loads(done.stdout)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("copy datapaths to '{place}/x.csv'", "begins with COPY"),
        ("copy (select 1) to '{result}/x.csv'", "begins with COPY"),
        ("with x as (copy (select 1) to '{result}/x.csv') select 1", "has COPY, which can write files"),
        ("WITH x AS (CoPy (select 1) to '{result}/x.csv') select 1", "has COPY, which can write files"),
        ("with x as (copy\u00a0(select 1) to '{result}/x.csv') select 1", "has COPY, which can write files"),
        ("select 1; copy (select 1) to '{result}/x.csv'", "begins with COPY"),
        ("explain analyze copy (select 1) to '{result}/x.csv'", "has COPY, which can write files"),
        ("explain (analyze) attach '{result}/x.duckdb'", "has ANALYZE, which can write files"),
        ("explain /* */ analyze export database '{result}/x'", "has ANALYZE, which can write files"),
        ("export database '{result}/x'", "begins with EXPORT"),
        ("import database '{place}'", "begins with IMPORT"),
        ("attach '{result}/x.duckdb'", "begins with ATTACH"),
        ("insert into datapaths select * from datapaths", "begins with INSERT"),
        ("create table x as select 1", "begins with CREATE"),
        ("drop view datapaths", "begins with DROP"),
        ("install httpfs", "begins with INSTALL"),
        ("load httpfs", "begins with LOAD"),
        ("set enable_external_access = true", "begins with SET"),
        ("pragma enable_profiling", "begins with PRAGMA"),
        ("call force_checkpoint()", "begins with CALL"),
        ("from read_csv('{place}/secret.csv')", "Permission Error: Cannot access file"),
        ("from '{place}/secret.csv'", "secret.csv"),
        ("from read_text('{place}/*')", "Permission Error: Cannot access file"),
        ("from glob('{place}/*')", "Permission Error: Cannot access file"),
        ("from read_blob('{result}/../*')", "Permission Error: Cannot access file"),
        ("from query('from read_text(''{place}/secret.csv'')')", "Permission Error: Cannot access file"),
        ("from read_parquet('https://example.com/x.parquet')", "Error: "),
        ("from query", "does not exist"),
        ("select 1; select 2", "one statement at a time; got 2. "),
        ("select 1; from datapaths; values (3);", "one statement at a time; got 3. "),
        ("select 1; selec 2", "one statement at a time; got 2. "),
        ("from query('with x as (copy (select 1) to ''{result}/x.csv'') select 1')", "Error: "),
    ],
)  # fmt: skip
def test_what_does_more_is_refused(
    call: Call, result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str, sentence: str
) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    monkeypatch.chdir(tmp_path)
    before = everything(result)
    done = call("sql", result, query.format(result=result, place=tmp_path))
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert everything(result) == before
    assert os.listdir(tmp_path) == ["secret.csv"]  # noqa: PTH208


def test_unsafe_lets_it_do_what_duckdb_can(call: Call, result: Path, tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("service,team\ndefault/nginx1,web\n")
    query = f"select distinct team from datapaths join '{tmp_path}/names.csv' using (service)"
    assert call("sql", result, query).exit_code == 2
    assert call("sql", result, query, "--unsafe", "-f", "csv").stdout == "team\nweb\n"
    done = call("sql", result, f"copy (from nodes) to '{tmp_path}/nodes.csv'", "--unsafe")
    assert (done.exit_code, done.stderr) == (0, "")
    assert len((tmp_path / "nodes.csv").read_text().splitlines()) == 4
    several = "create table mine as select 7 as seven; from mine"
    assert call("sql", result, several, "--unsafe", "-f", "csv").stdout == "seven\n7\n"


def test_a_locked_session_is_not_unlocked(result: Path) -> None:
    with flowstitch.open(result) as opened:
        opened.sql("create table mine as select 1")
        opened.lock()
        assert opened.sql("from mine").fetchall() == [(1,)]
        with pytest.raises(UsageError, match="begins with RESET"):
            opened.sql("reset enable_external_access")
        assert opened.table("nodes").num_rows == 3
        assert opened.ask("coverage").fetchall()


def test_a_large_answer_spills_beside_nothing_of_the_result(
    result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with flowstitch.open(result) as opened:
        opened.sql("set memory_limit = '60MB'")
        opened.lock()
        query = "select count(*) from (select i, row_number() over (order by hash(i)) from range(6000000) as made(i))"
        assert opened.sql(query).fetchall() == [(6_000_000,)]


@pytest.mark.parametrize(
    ("query", "name", "mark"),
    [
        ("from datapath", "datapaths", "^"),
        ("select 1 from ask_return_en", "ask_return_eni", "^"),
        ("from return_eni", "ask_return_eni", "^"),
        ("select client_nod from datapaths", "client_node", "^"),
        ("select sharr(1, 2)", "share", "^"),
        ("select d.serice from datapaths as d", "service", "^"),
        ("selec 1", 'at or near "selec"', "^"),
        ("select 1;\nselect client_nod from datapaths", "client_node", "^"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_and_the_place(
    call: Call, result: Path, query: str, name: str, mark: str
) -> None:
    # several statements are refused without
    for more in (["--unsafe"],) if ";" in query else ([], ["--unsafe"]):
        done = call("sql", result, query, *more)
        assert done.exit_code == 2
        assert done.stderr.startswith("flowstitch: the query failed: ")
        assert name in done.stderr
        text, marks = next(
            (line, after)
            for line, after in zip(done.stderr.splitlines(), done.stderr.splitlines()[1:], strict=False)
            if line.startswith("LINE ")
        )
        assert mark in marks
        wrong = text[marks.index("^") :].split()[0]
        assert wrong.rstrip("(12,)") in query


def test_memory_bounds_what_queries_may_have(call: Call, result: Path) -> None:
    query = "select value from duckdb_settings() where name = 'memory_limit'"
    done = call("sql", result, query, "--memory", "256MiB", "-f", "csv")
    assert done.stdout == "value\n256.0 MiB\n"
    done = call("ask", result, "return-eni", "--memory", "12")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--memory: got '12', expected at least 64MiB." in done.stderr


def test_a_locked_query_that_has_no_room_waits_on_the_disk(call: Call, result: Path) -> None:
    # sorted rows of 190 MB, of which a locked session may have 128 MiB in memory
    rows = "select range as n, md5(range::varchar) as a from range(4000000)"
    done = call(
        "sql",
        result,
        f"select count(*) from (select * from ({rows}) order by a limit 3999999 offset 1)",
        "--memory",
        "128MiB",
        "-f",
        "csv",
    )
    assert (done.exit_code, done.stdout.split()[-1]) == (0, "3999999")
