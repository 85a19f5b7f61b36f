"""Results wherever they are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

import flowstitch
from flowstitch.errors import UsageError
from flowstitch.sql.kept import PATTERN

if TYPE_CHECKING:
    from cli.conftest import Call


@pytest.mark.parametrize("name", ["r*", "r?", "r**", "[r]", "r[0-9]", "r{1,2}", "it's", "r\n\x1b[31m"])
def test_a_name_that_could_be_a_pattern_is_a_name(name: str, result: Path, tmp_path: Path) -> None:
    for copy in (name, "r1", "r2"):
        shutil.copytree(result, tmp_path / copy)
    with flowstitch.open(result) as known, flowstitch.open(tmp_path / name) as found:
        assert (
            found.sql("from datapaths").count("*").fetchall()
            == known.sql("from datapaths").count("*").fetchall()
        )
        rows = known.table("datapaths").num_rows
        assert found.frame("datapaths").collect().height == rows


def test_a_frame_has_the_rows_of_its_time(result: Path) -> None:
    with flowstitch.open(result) as opened:
        ((middle, rows),) = opened.sql(
            "select epoch_us(median(first_seen)), count(*) from datapaths"
        ).fetchall()
    with flowstitch.open(result, since=middle) as opened:
        frame = opened.frame("datapaths").collect()
        assert 0 < frame.height < rows
        assert frame.height == opened.table("datapaths").num_rows


@pytest.mark.parametrize("until", [10_000_000, 9_000_000])
def test_a_time_that_ends_before_it_begins_is_refused(result: Path, until: int) -> None:
    sentence = (
        rf"--since 1970-01-01T00:00:10Z is not before --until 1970-01-01T00:00:{until // 1_000_000:02}Z"
    )
    with pytest.raises(UsageError, match=sentence):
        flowstitch.open(result, since=10_000_000, until=until)


def test_a_name_that_duckdb_cannot_open_is_refused_in_a_sentence(result: Path, tmp_path: Path) -> None:
    shutil.copytree(result, tmp_path / "r\\1")
    with pytest.raises(UsageError, match=r"table '\w+' cannot be opened: .*\.$"):
        flowstitch.open(tmp_path / "r\\1")


def made_by(version: str, result: Path, home: Path) -> Path:
    """A copy of a result with the version that its manifest names; views that another version kept are not read."""
    shutil.copytree(result, home, ignore=shutil.ignore_patterns(PATTERN))
    manifest = json.loads((home / "run.json").read_text(encoding="utf-8"))
    (home / "run.json").write_text(json.dumps(manifest | {"flowstitch": version}), encoding="utf-8")
    return home


MANIFESTS = [
    ("{", r"run\.json: cannot be read \(.+\); run it again\.$"),
    ("\xff", r"run\.json: cannot be read \(.+\); run it again\.$"),
    ("[]", r"run\.json: is no manifest of a result; run it again\.$"),
    ("{}", r"run\.json: is no manifest of a result; run it again\.$"),
    ('{"tables_version": null}', r"run\.json: is no manifest of a result; run it again\.$"),
    ('{"tables_version": "99"}', r"r: has tables_version 99, and flowstitch \S+ knows those up to \d+; ask it with the version that made it"),
]  # fmt: skip


@pytest.mark.parametrize(("manifest", "sentence"), MANIFESTS)
def test_a_result_that_cannot_be_known_is_refused(
    result: Path, tmp_path: Path, manifest: str, sentence: str
) -> None:
    shutil.copytree(result, tmp_path / "r")
    (tmp_path / "r" / "run.json").write_text(manifest, encoding="latin-1")
    with pytest.raises(UsageError, match=sentence):
        flowstitch.open(tmp_path / "r")
    with pytest.raises(UsageError, match=sentence):
        flowstitch.open(result, after=tmp_path / "r")
    with pytest.raises(UsageError, match=sentence):
        flowstitch.open([result, tmp_path / "r"])


def test_a_result_of_earlier_tables_is_opened(result: Path, tmp_path: Path) -> None:
    shutil.copytree(result, tmp_path / "r")
    (tmp_path / "r" / "run.json").write_text('{"tables_version": "0"}', encoding="utf-8")
    with flowstitch.open(tmp_path / "r") as opened, flowstitch.open(result) as known:
        assert opened.ask("scenarios").fetchall() == known.ask("scenarios").fetchall()


def without_column(home: Path, table: str, column: str) -> None:
    for file in (home / table).glob("*.parquet"):
        pq.write_table(pq.read_table(file).drop_columns([column]), file)


@pytest.mark.parametrize(
    "command", [("ask", "host-clients"), ("report", "-o", "x.html"), ("sql", "from paths")]
)
def test_what_an_earlier_version_did_not_write_is_named(
    command: tuple[str, ...], call: Call, result: Path, tmp_path: Path
) -> None:
    old = made_by("0.0.9", result, tmp_path / "old")
    without_column(old, "datapaths", "return_bytes")
    name, *rest = command
    done = call(name, old, *(str(tmp_path / word) if word.endswith(".html") else word for word in rest))
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"flowstitch: {old}: has no column return_bytes of datapaths, which this asks for; "
    )
    assert done.stderr.endswith(
        f"flowstitch 0.0.9 made it, and this is {flowstitch.__version__}. "
        "Run it again over its exports, or ask it with the version that made it.\n"
    )


def test_a_table_that_is_missing_is_named(call: Call, result: Path, tmp_path: Path) -> None:
    torn = made_by(flowstitch.__version__, result, tmp_path / "torn")
    shutil.rmtree(torn / "endpoints")
    done = call("ask", torn, "hairpins")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        f"flowstitch: {torn}: has no table endpoints, which this asks for; flowstitch {flowstitch.__version__} made it, "
        "which writes that: files are missing. Run it again.\n"
    )


def test_what_a_query_gets_wrong_is_not_laid_to_the_result(call: Call, result: Path, tmp_path: Path) -> None:
    old = made_by("0.0.9", result, tmp_path / "old")
    without_column(old, "datapaths", "return_bytes")
    done = call("sql", old, "select colour from datapaths")
    assert done.exit_code == 2
    assert 'Referenced column "colour" not found' in done.stderr
