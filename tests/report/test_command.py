"""``flowstitch report`` on the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import flowstitch
from flowstitch.errors import UsageError
from flowstitch.runner.layout import PARTITIONS
from flowstitch.sql.session import Result
from hostile import call
from report.reading import Page


@pytest.mark.smoke
def test_the_answer_is_printed_and_written(result: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    done = call("report", result, "-o", file)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] in file.read_text(encoding="utf-8").replace("&#x27;", "'")
    assert list(tmp_path.iterdir()) == [file]


def test_the_same_result_gives_the_same_page(result: Path, report_file: Path, tmp_path: Path) -> None:
    with flowstitch.open(result) as opened:
        opened.report(tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == report_file.read_bytes()


def test_only_a_report_is_replaced(result: Path, report_file: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_bytes(report_file.read_bytes()[:200])
    done = call("report", result, "-o", file)
    assert (done.exit_code, "--overwrite" in done.stderr) == (2, True)
    assert call("report", result, "-o", file, "--overwrite").exit_code == 0
    assert file.read_bytes() == report_file.read_bytes()
    file.write_text("<!doctype html>\nmine")
    done = call("report", result, "-o", file, "--overwrite")
    assert (done.exit_code, "is not a report of flowstitch" in done.stderr) == (2, True)
    assert file.read_text() == "<!doctype html>\nmine"


@pytest.mark.parametrize("name", ["missing/report.html", ""])
def test_where_it_cannot_be_written(name: str, result: Path, tmp_path: Path) -> None:
    assert call("report", result, "-o", tmp_path / name).exit_code == 2


def test_what_is_no_result(tmp_path: Path) -> None:
    done = call("report", tmp_path, "-o", tmp_path / "report.html")
    assert (done.exit_code, "is not a result" in done.stderr) == (2, True)


def test_several_results_are_not_one_report(result: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(result, other)
    with Result([result, other]) as opened, pytest.raises(UsageError, match="a report is of one"):
        opened.report(tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == [other]


def test_a_result_of_partitions(result: Path, tmp_path: Path) -> None:
    for hour in ("00", "01"):
        shutil.copytree(result, tmp_path / "hours" / "date=2026-11-23" / f"hour={hour}")
    (tmp_path / "hours" / PARTITIONS).write_text("{}")
    with Result(tmp_path / "hours") as opened:
        ((connections,),) = opened.sql("select count(*) from datapaths").fetchall()
        opened.report(tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert f"{connections:,} connections" in page.html
    assert page.text("run").startswith("How the result was made runs 2")
    assert "flowstitch ask" in page.text("table-return-eni")
