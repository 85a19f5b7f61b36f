"""``flowstitch report`` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

import flowstitch
from hostile import call


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
