"""What comes from others is what was taken from there, with its licence."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import flowstitch
from report.reading import Page

VENDOR = Path(flowstitch.__file__).parent / "report" / "vendor"


def test_files_are_those_that_are_recorded() -> None:
    recorded = tomllib.loads((VENDOR / "vendored.toml").read_text(encoding="utf-8"))
    told = {
        f"{name}/{file}": digest for name, item in recorded.items() for file, digest in item["sha256"].items()
    }
    found = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.parent != VENDOR
    }
    assert found == told
    assert all("LICENSE" in item["sha256"] and item["version"] for item in recorded.values())


def test_the_page_has_the_version_and_the_licence(page: Page) -> None:
    recorded = tomllib.loads((VENDOR / "vendored.toml").read_text(encoding="utf-8"))
    assert f'"{recorded["echarts"]["version"]}"' in (VENDOR / "echarts" / "echarts.min.js").read_text(
        encoding="utf-8"
    )
    assert "Licensed to the Apache Software Foundation" in page.html
