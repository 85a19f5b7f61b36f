"""A result of results: its parts together are one run over all, and each is made by itself."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import flowstitch
from cli.conftest import Call
from flowstitch.catalog import table
from flowstitch.errors import UsageError
from flowstitch.runner.layout import ELSEWHERE, LOG, partitions_of
from flowstitch.runner.pipeline import Options
from flowstitch.runner.times import parse_time
from flowstitch.sql.questions import questions
from flowstitch.sql.session import Result

SECOND_US = 1_000_000
BORDER, NEXT = (parse_time(f"2026-11-23T00:{minute}:00Z", "") for minute in (48, 49))
KILLED = """
import os, signal, sys
import flowstitch
from flowstitch.runner import partitions
made = []
def write_and_die(*given, write=partitions.write_result):
    if len(made) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    made.append(write(*given))
    return made[-1]
partitions.write_result = write_and_die
flowstitch.run(sys.argv[1], out=sys.argv[2], partition_by="minute")
"""


def content(home: Path) -> dict[str, bytes]:
    files = (path for path in sorted(home.rglob("*")) if path.is_file() and path.name != LOG)
    return {str(path.relative_to(home)): path.read_bytes() for path in files}


def rows(opened: Result, query: str) -> list[tuple[Any, ...]]:
    return opened.sql(query).fetchall()


@pytest.fixture(scope="module")
def minutes(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("partitions") / "minutes"
    flowstitch.run(capture, out=out, partition_by="minute")
    return out


@pytest.fixture(scope="module")
def tight(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Partitions that see hardly more than themselves, so that many connections are cut."""
    out = tmp_path_factory.mktemp("partitions") / "tight"
    flowstitch.run(capture, out=out, partition_by="minute", options=Options(overlap=20 * SECOND_US))
    return out


def test_together_they_are_one_run_over_all(minutes: Path, result: Path) -> None:
    assert len(partitions_of(minutes)) > 8
    with flowstitch.open(minutes) as opened, flowstitch.open(result) as whole:
        assert opened.tables == whole.tables
        for name in whole.tables:
            assert rows(opened, f"from {name} order by all") == rows(whole, f"from {name} order by all"), name
        for item in questions():
            if not item.compares:
                told, known = (one.ask(item.name).fetchall() for one in (opened, whole))
                assert sorted(map(repr, told)) == sorted(map(repr, known)), item.name


@pytest.mark.parametrize("parts", ["minutes", "tight"])
def test_each_is_a_result(parts: str, request: pytest.FixtureRequest) -> None:
    for part in partitions_of(request.getfixturevalue(parts)):
        with flowstitch.open(part) as opened:
            for name in opened.tables:
                assert opened.table(name).column_names == [item.name for item in table(name).fields]
            unbalanced = "rows <> parsed + skipped + rejected or skipped <> coalesce(list_sum(map_values(skipped_by)), 0)"
            assert rows(opened, f"from sources where {unbalanced}") == []
            read = "select source, count(distinct line) from observations group by all order by all"
            assert rows(opened, read) == rows(
                opened, "select source, parsed from sources where parsed > 0 order by all"
            )
            assert rows(opened, "from segments anti join datapaths using (path_id)") == []
            assert (
                rows(
                    opened,
                    "from (from observations where path_id is not null and part <> 'request') anti join datapaths using (path_id)",
                )
                == []
            )
            assert rows(opened, "from datapaths anti join observations using (path_id)") == []


def test_no_row_is_lost_where_connections_are_cut(tight: Path, result: Path) -> None:
    with flowstitch.open(tight) as opened, flowstitch.open(result) as whole:
        read = "select distinct source, line from observations order by all"
        assert rows(opened, read) == rows(whole, read)
        counted = f"select source, rows, parsed, skipped, list_intersect(map_keys(skipped_by), {list(ELSEWHERE)!r}) from sources order by all"
        assert rows(opened, counted) == rows(whole, counted)
        for name in ("datapaths", "observations", "unmatched", "segments"):
            key = ", ".join(table(name).key)
            assert rows(opened, f"select {key} from {name} group by all having count(*) > 1") == [], name


def test_the_next_is_added_and_the_same_bytes_come_again(
    minutes: Path, capture: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    flowstitch.run(capture, out=out, partition_by="minute", options=Options(until=BORDER))
    first = content(out)
    with pytest.raises(UsageError, match=r"hour=00/minute=44 and \d more: exists already; give --overwrite"):
        flowstitch.run(capture, out=out, partition_by="minute")
    assert content(out) == first
    flowstitch.run(capture, out=out, partition_by="minute", options=Options(since=BORDER))
    whole = content(out)
    assert first.items() < whole.items()
    assert whole == content(minutes)


def test_late_files_touch_only_where_they_are(minutes: Path, capture: Path, tmp_path: Path) -> None:
    export, out = tmp_path / "export", tmp_path / "out"
    shutil.copytree(capture, export)
    late = min(export.glob("vpc-flow/**/*.gz"))
    late.rename(tmp_path / "late.gz")
    flowstitch.run(export, out=out, partition_by="minute")
    (touched,) = (part for part in partitions_of(out) if part.name == "minute=48")
    before = {part: content(part) for part in partitions_of(out)}
    (tmp_path / "late.gz").rename(late)
    flowstitch.run(
        export, out=out, partition_by="minute", overwrite=True, options=Options(since=BORDER, until=NEXT)
    )
    after = {part: content(part) for part in partitions_of(out)}
    assert {part for part in after if after[part] != before[part]} == {touched}
    assert after[touched] == content(minutes / touched.relative_to(out))
    with flowstitch.open(out) as opened:
        name = late.relative_to(export).as_posix()
        assert rows(opened, f"select count(*) > 0 from observations where source = '{name}'") == [(True,)]


def test_a_killed_run_leaves_what_it_had_made(minutes: Path, capture: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(capture), str(out)], check=False, capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    there = partitions_of(out)
    assert [part.name for part in there] == ["minute=44", "minute=45"]
    with flowstitch.open(out) as opened:
        assert rows(opened, "select count(*) > 0 from datapaths") == [(True,)]
    stamps = {part: part.stat().st_ino for part in there}
    flowstitch.run(capture, out=out, partition_by="minute", resume=True)
    assert {part: part.stat().st_ino for part in there} == stamps
    assert content(out) == content(minutes)
    assert [
        path.name for path in (out / "date=2026-11-23" / "hour=00").iterdir() if path.name.startswith(".")
    ] == []


def test_resume_makes_again_what_other_options_made(minutes: Path, capture: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = {"partition_by": "minute", "resume": True, "overwrite": True}
    flowstitch.run(capture, out=out, **options, options=Options(since=BORDER, until=NEXT, overlap=0))  # type: ignore[arg-type]
    (part,) = partitions_of(out)
    flowstitch.run(capture, out=out, **options, options=Options(since=BORDER, until=NEXT))  # type: ignore[arg-type]
    assert content(part) == content(minutes / part.relative_to(out))


def test_an_overlap_serves_a_single_result_too(
    minutes: Path, capture: Path, tmp_path: Path, call: Call
) -> None:
    span = ["--since", "2026-11-23T00:48:00Z", "--until", "2026-11-23T00:49:00Z", "--overlap", "10m"]
    assert call("run", capture, "--out", tmp_path / "one", "--quiet", *span).exit_code == 0
    (part,) = (part for part in partitions_of(minutes) if part.name == "minute=48")
    assert content(tmp_path / "one") == content(part)


def test_the_command_line_makes_and_asks_partitions(
    capture: Path, tmp_path: Path, call: Call, result: Path
) -> None:
    out = tmp_path / "days"
    made = call("run", capture, "--out", out, "--partition-by", "day", "--quiet")
    assert (made.exit_code, made.stderr) == (0, "")
    assert [str(part.relative_to(out)) for part in partitions_of(out)] == ["date=2026-11-23"]
    for arguments in (["ask", "RESULT", "return-eni"], ["sql", "RESULT", "select count(*) from datapaths"]):
        told, known = (
            call(*(str(one) if word == "RESULT" else word for word in arguments)).stdout
            for one in (out, result)
        )
        assert told == known
    again = call("run", capture, "--out", out, "--partition-by", "hour")
    assert again.exit_code == 2
    assert (
        again.stderr
        == f"flowstitch: {out}: has a partition for each day; give --partition-by day, or another --out.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--partition-by", "hour", "--since", "2026-11-23T00:44:00Z"],
            "--since 2026-11-23T00:44:00Z is not where a hour begins",
        ),
        (
            ["--partition-by", "hour", "--since", "2027-01-01T00:00:00Z"],
            "no row of a log begins in the time asked for.",
        ),
        (
            ["--partition-by", "hour", "--overlap", "soon"],
            "--overlap: got 'soon', expected a duration like 90s, 10m, 1h or 2d.",
        ),
        (
            ["--overlap", "10m"],
            "--overlap is around --since and --until, or partitions; give one of them too.",
        ),
    ],
)
def test_wrong_use(call: Call, capture: Path, tmp_path: Path, arguments: list[str], sentence: str) -> None:
    done = call("run", capture, "--out", tmp_path / "out", "--quiet", *arguments)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_other_directories_are_not_touched(
    result: Path, capture: Path, tmp_path: Path, minutes: Path
) -> None:
    with pytest.raises(UsageError, match=r"ipvs: is a result without partitions; give another --out\.$"):
        flowstitch.run(capture, out=result, partition_by="hour", overwrite=True)
    (tmp_path / "notes").write_text("my notes")
    with pytest.raises(UsageError, match=r"is not a partitioned result; give another --out\.$"):
        flowstitch.run(capture, out=tmp_path, partition_by="hour", overwrite=True)
    before = content(minutes)
    with pytest.raises(UsageError, match=r"is not a flowstitch result, so --overwrite does not touch it"):
        flowstitch.run(capture, out=minutes, overwrite=True)
    assert content(minutes) == before
    with pytest.raises(UsageError, match="there is no length of partitions 'hours'; did you mean 'hour'"):
        flowstitch.run(capture, out=tmp_path / "x", partition_by="hours")


def test_what_partitions_were_made_by(minutes: Path) -> None:
    part = minutes / "date=2026-11-23" / "hour=00" / "minute=48"
    options = json.loads((part / "run.json").read_text())["options"]
    assert (options["since"], options["until"], options["overlap"]) == (BORDER, NEXT, 600 * SECOND_US)
