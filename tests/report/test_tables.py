"""Tables have the rows of their questions, bounded, and each the path that proves it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import flowstitch
from flowstitch.report.asked import ask_question, computed_once, rows
from flowstitch.report.commands import Commands
from flowstitch.report.sheets import MAX_ROWS, PATH, TOTAL, Filled, Sheet, fill, sheets
from flowstitch.report.tables import _MAX_BYTES, _cell, sheet_part
from flowstitch.sql.questions import question
from flowstitch.sql.session import Result
from hostile import call
from report.reading import Page


@pytest.fixture(scope="module")
def opened(result: Path) -> Result:
    with flowstitch.open(result) as session:
        yield session


@pytest.mark.parametrize("sheet", sheets(), ids=lambda sheet: sheet.question)
def test_rows_are_those_of_the_question(sheet: Sheet, opened: Result, page: Page) -> None:
    asked = ask_question(opened, sheet.question)
    filled = fill(opened, sheet)
    assert set(sheet.keys) <= {name for name, _ in filled.asked.columns}
    shown = [{name: row[name] for name in row if name not in {TOTAL, PATH}} for row in filled.rows]
    assert filled.total == len(asked)
    if sheet.first:
        asked.sort(key=lambda row: not (row["warnings"] or row["rejected"]))
    assert shown == asked[:MAX_ROWS]
    if not sheet.keys:
        assert all(row[PATH] is None for row in filled.rows)
    if asked:
        assert question(sheet.question).title in page.text(f"table-{sheet.question}")


# A dead end that nobody dialled, a node port without detours, an ENI that nothing crossed and the row for no service have none.
ALL_HAVE_PATHS = ("return-eni", "lb-ip-instead-of-cluster-ip", "scenarios", "asymmetric-pairs", "drift", "unanswered", "outside-destinations", "noisy-neighbours")  # fmt: skip


@pytest.mark.parametrize(
    "sheet", [sheet for sheet in sheets() if sheet.keys], ids=lambda sheet: sheet.question
)
def test_the_path_is_one_of_the_row(sheet: Sheet, opened: Result) -> None:
    filled = fill(opened, sheet)
    if sheet.question in ALL_HAVE_PATHS:
        assert all(row[PATH] is not None for row in filled.rows)
    for row in filled.rows:
        if row[PATH] is None:
            continue
        wanted = f"select {', '.join(sheet.keys.values())} from {sheet.paths} where path_id = {row[PATH]} and {sheet.where}"
        assert tuple(row[name] for name in sheet.keys) in opened.sql(wanted).fetchall()


def test_commands_of_the_page_run(page: Page, result: Path) -> None:
    named = sorted(
        {
            text.split()[-1]
            for text in page.html.split("<")
            if text.startswith("code ") and " explain " in text
        }
    )
    assert len(named) > 50
    for path_id in (named[0], named[-1]):
        assert call("explain", result, path_id).exit_code == 0


def test_the_front_of_a_table(opened: Result) -> None:
    sheet = Sheet("scenarios", first="scenario = 'hairpin'")
    assert [row["scenario"] for row in fill(opened, sheet).rows][:1] == ["hairpin"]


def test_a_table_is_bounded_whatever_is_in_it(tmp_path: Path) -> None:
    asked = question("sources")
    row = {name: "<" * 10_000 for name, _ in asked.columns} | {"warnings": ["&" * 10_000] * 50, PATH: None}
    html = ET.tostring(
        sheet_part(Filled(asked, [row] * MAX_ROWS, 12345), ["ask", tmp_path], Commands(tmp_path)),
        encoding="unicode",
    )
    assert len(html) < 1.2 * _MAX_BYTES + 5000
    assert " of 12,345 rows" in html


@pytest.mark.parametrize(
    ("name", "value", "text", "raw"),
    [
        ("return_bytes", 1234567, "1.2 MB", "1234567"), ("share", 0.1234, "12.3%", "0.1234"), ("connections", 1234, "1,234", "1234"),
        ("server_port", 8080, "8080", "8080"), ("bytes_per_s", 12345.6, "12,346", "12345.6"), ("ready", False, "no", None),
        ("since", datetime(2026, 11, 23, 1, 2, 3), "2026-11-23 01:02:03", None), ("name", None, "-", None), ("names", [], "-", None),  # noqa: DTZ001
        ("names", list("abcdefgh"), "a, b, c, d, e, f and 2 more", None), ("name", "x" * 200, "x" * 160 + "…", None),
    ],
)  # fmt: skip
def test_cells(name: str, value: object, text: str, raw: str | None) -> None:
    cell = _cell(name, value)
    assert (cell.text, cell.get("data-value")) == (text, raw)


def test_views_are_computed_once_and_then_gone(opened: Result) -> None:
    def kinds() -> list[str]:
        query = "select table_type from information_schema.tables where table_name = 'drifts' order by all"
        return [row["table_type"] for row in rows(opened, query)]

    asked = ask_question(opened, "drift")
    with computed_once(opened, ["drifts"]):
        assert kinds() == ["LOCAL TEMPORARY", "VIEW"]
        assert ask_question(opened, "drift") == asked
    assert kinds() == ["VIEW"]


def test_a_locked_session_reports_as_well(result: Path, report_file: Path, tmp_path: Path) -> None:
    with flowstitch.open(result) as session:
        session.lock()
        session.report(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_bytes() == report_file.read_bytes()


def test_sources_say_what_was_read(page: Page, opened: Result) -> None:
    text = page.text("sources")
    assert "The export was whole" in text
    for kind, number in opened.sql("select kind, sum(rows)::bigint from sources group by kind").fetchall():
        assert kind in text
        assert f"{number:,}" in text
    assert "rows of datapaths 3,968" in page.text("run")
