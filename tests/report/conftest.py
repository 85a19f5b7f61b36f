"""The page of the capture."""

from __future__ import annotations

from pathlib import Path

import pytest

import flowstitch
from report.reading import Page


@pytest.fixture(scope="session")
def report_file(result: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    with flowstitch.open(result) as opened:
        opened.report(file)
    return file


@pytest.fixture(scope="session")
def page(report_file: Path) -> Page:
    return Page(report_file)
