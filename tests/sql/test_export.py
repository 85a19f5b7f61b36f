"""A result as one DuckDB file, and as a script for DuckDB's shell."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from unittest import mock

import duckdb
import pytest

import flowstitch
from cli.conftest import Call
from flowstitch.errors import FlowstitchError, UsageError
from flowstitch.sql.definitions import OPEN, view_name
from flowstitch.sql.kept import kept_views
from flowstitch.sql.questions import questions

UNCOMMENTED = """
    select table_name, column_name from duckdb_columns() where not internal and comment is null
    union all select table_name, null from duckdb_tables() where not internal and comment is null
    union all select view_name, null from duckdb_views() where not internal and comment is null
"""


@pytest.fixture(scope="module")
def database(result: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("database") / "first.duckdb"
    with flowstitch.open(result) as opened:
        opened.export_db(made)
    # it moves with the file
    return made.rename(made.with_name("it's moved.duckdb"))


def test_a_plain_client_finds_everything_in_the_file(database: Path, result: Path) -> None:
    with duckdb.connect(database, read_only=True) as plain, flowstitch.open(result) as opened:
        tables = [
            name for (name,) in plain.execute("select table_name from duckdb_tables() order by 1").fetchall()
        ]
        assert tables == sorted([*opened.tables, *kept_views(), "runs"])
        for name in opened.tables:
            assert plain.table(name).columns == opened.table(name).column_names
            known = opened.sql(f"from {name}").fetchall()
            assert plain.execute(f"from {name}").fetchall() == known, name
        for item in questions():
            if not item.compares:
                assert (
                    plain.execute(f"from {view_name(item.name)}").fetchall()
                    == opened.sql(item.sql).fetchall()
                )
        assert (
            plain.execute("select count(*) from lb_paths").fetchall()
            == opened.sql("select count(*) from lb_paths").fetchall()
        )
        assert plain.execute(UNCOMMENTED).fetchall() == []
        (comment,) = plain.execute(
            "select comment from duckdb_columns() where (table_name, column_name) = ('datapaths', 'outcome')"
        ).fetchone()  # type: ignore[misc]
        assert comment.startswith("established: open when the export ends; ")
        assert "One of: established, closed, refused," in comment


def test_the_file_says_how_it_was_made(database: Path, result: Path) -> None:
    known = json.loads((result / "run.json").read_text(encoding="utf-8"))
    query = "select flowstitch, tables_version, dataplane, since, max_rejects, complete, warnings, counts, clock_offsets_us from runs"
    with duckdb.connect(database, read_only=True) as plain, flowstitch.open(result) as opened:
        (told,) = plain.execute(query).fetchall()
        assert opened.sql(query).fetchall() == [told]
    asked = known["options"]
    assert told == (
        known["flowstitch"], known["tables_version"], asked["dataplane"], None, asked["max_rejects"], known["complete"],
        known["warnings"], known["counts"], known["clock_offsets_us"],
    )  # fmt: skip


def test_a_session_says_what_columns_mean(call: Call, result: Path) -> None:
    with flowstitch.open(result) as opened:
        opened.lock()
        assert opened.sql(UNCOMMENTED).fetchall() == []
        assert opened.sql("select complete from runs").fetchall() == [(True,)]
    query = "select comment from duckdb_columns() where (table_name, column_name) = ('datapaths', 'outcome')"
    assert "established: open when the export ends; " in call("sql", result, query).stdout


def test_older_clients_open_the_file(database: Path) -> None:
    with duckdb.connect(database, read_only=True) as plain:
        ((tags,),) = plain.execute("select tags from duckdb_databases() where not internal").fetchall()
    assert tags["storage_version"].startswith("v1.2.0")


def test_the_script_opens_a_result_where_it_stands(
    result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(result, tmp_path / "moved")
    script = (tmp_path / "moved" / OPEN).read_text(encoding="utf-8")
    assert str(result) not in script
    with flowstitch.open(result) as opened:
        known = opened.sql("from ask_return_eni").fetchall()
    monkeypatch.chdir(tmp_path / "moved")
    with duckdb.connect() as shell:
        # twice is as good as once
        shell.execute(script + script)
        assert shell.execute("from ask_return_eni").fetchall() == known
        assert shell.execute(UNCOMMENTED).fetchall() == []
    monkeypatch.chdir(tmp_path)
    with duckdb.connect() as shell:
        shell.execute("set file_search_path = 'moved'")
        shell.execute(script)
        assert shell.execute("from ask_return_eni").fetchall() == known


def test_an_existing_file_is_replaced_only_when_asked_to(call: Call, result: Path, tmp_path: Path) -> None:
    file = tmp_path / "result.duckdb"
    first = call("export-db", result, file)
    assert (first.exit_code, first.stderr) == (0, "")
    assert first.stdout.splitlines()[0].split() == ["table", "rows"]
    again = call("export-db", result, file)
    assert again.exit_code == 2
    assert (
        again.stderr
        == f"flowstitch: {file}: exists already; give --overwrite to replace it, or another file.\n"
    )
    before = file.stat().st_ino
    assert call("export-db", result, file, "--overwrite").exit_code == 0
    assert file.stat().st_ino != before
    assert list(tmp_path.iterdir()) == [file]


def test_no_other_file_is_touched(call: Call, result: Path, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("my notes")
    refused = call("export-db", result, file, "--overwrite")
    assert refused.exit_code == 2
    assert (
        refused.stderr
        == f"flowstitch: {file}: is not a DuckDB file, so --overwrite does not touch it; give another file.\n"
    )
    assert file.read_text() == "my notes"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere", "x.duckdb"], "nowhere: no such directory; give the --out of a flowstitch run."),
        (["{result}", "nowhere/x.duckdb"], "nowhere/x.duckdb: cannot be written (No such file or directory); give another file."),
    ],
)  # fmt: skip
def test_wrong_use(call: Call, result: Path, arguments: list[str], sentence: str) -> None:
    done = call("export-db", *(argument.format(result=result) for argument in arguments))
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"flowstitch: {sentence}\n")


def test_what_fails_leaves_nothing_behind(result: Path, tmp_path: Path) -> None:
    shutil.copytree(result, tmp_path / "torn")
    (part,) = (tmp_path / "torn" / "segments").glob("*.parquet")
    whole = part.read_bytes()
    # its footer can be read, its rows cannot
    part.write_bytes(whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :])
    file = tmp_path / "x.duckdb"
    with (
        flowstitch.open(tmp_path / "torn") as opened,
        pytest.raises(FlowstitchError, match="writing failed") as told,
    ):
        opened.export_db(file)
    assert "\n" not in str(told.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["torn"]


def test_a_file_that_cannot_take_its_place_is_removed(result: Path, tmp_path: Path) -> None:
    with (
        flowstitch.open(result) as opened,
        mock.patch.object(Path, "replace", side_effect=OSError(28, "No space left on device")),
        pytest.raises(FlowstitchError, match=r"x\.duckdb: writing failed \(No space left on device\)\."),
    ):
        opened.export_db(tmp_path / "x.duckdb")
    assert list(tmp_path.iterdir()) == []


def test_a_result_without_a_table_of_today_is_exported(result: Path, tmp_path: Path) -> None:
    shutil.copytree(result, tmp_path / "old")
    shutil.rmtree(tmp_path / "old" / "lb_requests")
    with flowstitch.open(tmp_path / "old") as opened:
        opened.export_db(tmp_path / "old.duckdb")
        with pytest.raises(UsageError, match="has no table lb_requests, which this asks for"):
            opened.sql("from lb_paths")
    with duckdb.connect(tmp_path / "old.duckdb", read_only=True) as plain:
        assert plain.execute("select count(*) from ask_return_eni").fetchall() != [(0,)]
