"""A result that lacks something gives a page that says what is missing, and no broken picture."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

import flowstitch
from flowstitch.runner.layout import MANIFEST
from report.browser import browser, browser_path
from report.reading import Page

# What is left out of the capture, what the page says, which charts it has all the same.
LACKING = {
    "nothing at all": (
        ["nodes", "vpc-flow", "slb"],
        ["The result has no connections", "neither conntrack nor flow logs in the export"],
        [],
    ),
    "flow logs": (
        ["vpc-flow"],
        ["31.1% of the connections", "No flow log shows them", "no flow logs in the export", "No bytes of ENIs", "No drift was seen"],
        ["flows", "pairs", "timeline"],
    ),
    "inventory": (
        ["inventory", "nodes/*/ip-*.json"],
        ["none is known to have had its reply over an ENI", "no inventory in the export", "No dead end was seen"],
        ["flows", "pairs", "timeline", "enis"],
    ),
    "conntrack": (["nodes"], ["no conntrack in the export"], ["flows", "pairs", "timeline", "enis", "drifts", "deadends"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def pages(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {}
    folder = tmp_path_factory.mktemp("lacking")
    for number, (name, (gone, _, _)) in enumerate(LACKING.items()):
        export = folder / f"export{number}"
        shutil.copytree(capture, export)
        for pattern in gone:
            for path in export.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        flowstitch.run(export, out=folder / f"result{number}")
        made[name] = folder / f"report{number}.html"
        with flowstitch.open(folder / f"result{number}") as opened:
            opened.report(made[name])
    return made


@pytest.mark.parametrize("name", LACKING)
def test_the_page_says_what_is_missing(name: str, pages: dict[str, Path]) -> None:
    page = Page(pages[name])
    _, sentences, charts = LACKING[name]
    text = " ".join(page.text(section) for section in ("answer", "pictures", "paths"))
    for sentence in sentences:
        assert sentence in text
    ids = {attributes.get("id") for _, attributes in page.tags}
    drawn = [chart for chart in page.data if f"chart-{chart}" in ids]
    assert drawn == charts
    assert {chart for chart, rows in page.data.items() if rows} == set(charts)
    assert all(f"figure-{chart}" in ids for chart in page.data)


@pytest.mark.skipif(browser_path() is None, reason="no Chromium with its driver")
def test_no_picture_is_broken(pages: dict[str, Path], tmp_path: Path) -> None:
    with browser(tmp_path) as window:
        for name, (_, _, charts) in LACKING.items():
            window.show(pages[name])
            time.sleep(0.2)
            drawn = window.run("""
                return [...document.querySelectorAll(".chart")].filter((one) => one.querySelector("svg path")).map((one) => one.id)
            """)
            assert drawn == [f"chart-{chart}" for chart in charts]
            assert window.complaints() == []


def test_an_export_that_was_not_whole(result: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    shutil.copytree(result, torn)
    manifest = json.loads((torn / MANIFEST).read_text())
    manifest |= {"complete": False, "warnings": [f"warning {number}" for number in range(40)]}
    (torn / MANIFEST).write_text(json.dumps(manifest))
    with flowstitch.open(torn) as opened:
        opened.report(tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert "The export was not whole" in page.text("limits")
    assert "warning 2 and 37 more warnings" in page.text("limits")
    assert "gave 40 warnings" in page.text("sources")
    assert "warning 29 and 10 more, see column warnings of table runs" in page.text("sources")
