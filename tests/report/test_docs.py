"""What the docs say of the report is so."""

from __future__ import annotations

import re
from pathlib import Path

from flowstitch.report.sheets import MAX_ROWS
from flowstitch.report.tables import _MAX_BYTES
from report.browser import BROWSERS
from report.reading import Page

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "pipeline" / "the-report.md").read_text(encoding="utf-8")


def test_pictures_are_there_and_small() -> None:
    named = set(re.findall(r"\]\((pictures/[a-z-]+\.png)\)", DOCS))
    there = {f"pictures/{path.name}" for path in (ROOT / "pipeline" / "pictures").iterdir()}
    assert named == there
    assert all((ROOT / "pipeline" / name).stat().st_size < 100_000 for name in named)


def test_numbers_are_those_of_the_page(page: Page) -> None:
    (share,) = re.findall(r"The answer: ([0-9.]+%) of the connections", DOCS)
    assert f"{share} of the connections" in page.text("answer")
    (size,) = re.findall(r"The page of the capture, 3,968 connections, has ([0-9.]+) MB", DOCS)
    assert abs(len(page.html.encode()) / 1e6 - float(size)) < 0.1
    assert f"{MAX_ROWS} rows and {_MAX_BYTES // 1000} kB" in DOCS


def test_how_to_install_a_browser_is_said() -> None:
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert f"apt-get install {BROWSERS[0]} chromium-driver" in contributing
