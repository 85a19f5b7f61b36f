"""What holds for every result: conservation, the same bytes, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import flowstitch
from flowstitch.catalog import table
from flowstitch.catalog.arrow import arrow_schema
from flowstitch.errors import FlowstitchError, UsageError
from flowstitch.runner.pipeline import Options
from flowstitch.runner.times import parse_time


def digests(result: Path) -> dict[str, str]:
    """Digest of every file of a result but the log."""
    return {
        str(path.relative_to(result)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(result.rglob("*"))
        if path.is_file() and path.name != "run.log.json"
    }


@pytest.mark.smoke
def test_every_row_of_every_source_is_accounted_for(result: Path) -> None:
    with flowstitch.open(result) as opened:
        query = "select count(*), sum(rows) from sources where rows <> parsed + skipped + rejected"
        assert opened.sql(query).fetchall() == [(0, None)]
        query = """
            select source from sources left join
                (select source, count(distinct line) seen from observations group by source) using (source)
            where parsed <> coalesce(seen, 0)
        """
        assert opened.sql(query).fetchall() == []
        assert opened.sql("select sum(parsed) from sources").fetchall()[0][0] > 45_000
        unexplained = "select count(*) from observations where (path_id is null) <> (reason is not null)"
        assert opened.sql(unexplained).fetchall() == [(0,)]
        lost = """
            select count(*) from unmatched full join
                (select source, line, reason from observations where reason is not null and kind in ('vpc-flow-log', 'lb-access-log')) said
                using (source, line) where unmatched.reason is distinct from said.reason
        """
        assert opened.sql(lost).fetchall() == [(0,)]


@pytest.mark.smoke
def test_columns_are_those_of_the_schemas(result: Path) -> None:
    for folder in sorted(path for path in result.iterdir() if path.is_dir()):
        found = pq.read_schema(next(folder.glob("*.parquet")))
        assert found.names == [item.name for item in table(folder.name).fields]
        assert found.types == arrow_schema(folder.name).types


def test_empty_text_never_stands_for_null(result: Path) -> None:
    with flowstitch.open(result) as opened:
        for name in opened.tables:
            words = [
                item.name for item in table(name).fields if item.type in {"address", "name", "enum", "text"}
            ]
            some = " or ".join(f"{word} = ''" for word in words)
            assert opened.sql(f"select count(*) from {name} where {some}").fetchall() == [(0,)], name


def test_keys_are_unique(result: Path) -> None:
    with flowstitch.open(result) as opened:
        for name in opened.tables:
            key = ", ".join(table(name).key)
            query = f"select count(*) - count(distinct ({key})) from {name}"
            assert opened.sql(query).fetchall() == [(0,)], name


def test_same_input_same_bytes_whatever_the_threads(capture: Path, result: Path, tmp_path: Path) -> None:
    flowstitch.run(capture, out=tmp_path / "again", options=Options(threads=2))
    assert digests(tmp_path / "again") == digests(result)


def test_since_and_until_skip_rows_and_keep_the_account(capture: Path, tmp_path: Path) -> None:
    since, until = (parse_time(text, "--since") for text in ("2026-11-23T00:46:00Z", "2026-11-23T00:48:00Z"))
    flowstitch.run(capture, out=tmp_path / "window", options=Options(since=since, until=until))
    with flowstitch.open(tmp_path / "window") as opened:
        query = "select sum(rows) - sum(parsed) - sum(rejected), sum(skipped) from sources"
        ((skipped, said),) = opened.sql(query).fetchall()
        assert skipped == said > 10_000
        query = "select count(*) from sources s where parsed <> (select count(distinct line) from observations o where o.source = s.source)"
        assert opened.sql(query).fetchall() == [(0,)]


def test_existing_output_is_not_touched(capture: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("dear")
    with pytest.raises(UsageError, match="exists already; give --overwrite"):
        flowstitch.run(capture, out=tmp_path / "mine")
    with pytest.raises(UsageError, match="is not a flowstitch result"):
        flowstitch.run(capture, out=tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "letter").read_text() == "dear"


def test_overwrite_replaces_a_result(capture: Path, tmp_path: Path) -> None:
    for _ in range(2):
        flowstitch.run(capture / "nodes" / "cn-hongkong.10.0.1.47", out=tmp_path / "out", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    assert json.loads((tmp_path / "out" / "run.json").read_text())["complete"] is True


def test_a_failed_run_leaves_nothing_behind(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flowstitch.runner import pipeline

    def no_space(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pipeline, "write_json", no_space)
    with pytest.raises(FlowstitchError, match="No space left on device"):
        flowstitch.run(capture / "nodes" / "cn-hongkong.10.0.1.47", out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_leaves_no_result(capture: Path, tmp_path: Path) -> None:
    script = "import sys, flowstitch; flowstitch.run(sys.argv[1], out=sys.argv[2])"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(capture), str(tmp_path / "out")], env=dict(os.environ)
    )
    while process.poll() is None and not list(tmp_path.iterdir()):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["yesterday", "", "99999999999999999999999999"])
def test_a_wrong_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a time like"):
        parse_time(text, "--since")
