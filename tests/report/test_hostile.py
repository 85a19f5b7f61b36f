"""Whatever names, kinds and texts say: on the page they stay text."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

import flowstitch
from flowstitch.report.page import SCRIPTS
from flowstitch.runner.layout import MANIFEST
from flowstitch.sql.kept import PATTERN
from report.browser import browser, browser_path
from report.reading import Page

BAD = "</script><script>document.title='bad'</script><img src=x onerror=\"document.title='bad'\"><!--<style>*{display:none}</style>' & \u202e\x00\x1b[31m"
# What is asked for by its value, or calculated with; everything else can say what it likes.
MEANT = {
    "return_lands_on", "return_evidence", "outcome", "client_kind", "dialled_kind", "server_kind", "owner_kind", "role", "kind", "hop_direction", "leg", "drift",
    "evidence", "crossings", "nat", "address_kind",
    "address", "client_kinds", "status", "dataplane", "device", "reason", "expectation", "expected", "observed", "ip", "ips", "expected_return_lands_on",
}  # fmt: skip


def hostile_value(column: str, kind: str) -> str | None:
    """What stands in the place of a column, in SQL; None where it stays."""
    meant = column in MEANT or column.endswith(("_ip", "_role", "_ips"))
    if meant or kind not in {"VARCHAR", "VARCHAR[]"}:
        return None
    bad = BAD.replace("'", "''").replace("\x00", "' || chr(0) || '")
    if kind == "VARCHAR[]":
        return f"list_transform(\"{column}\", lambda item: '{bad}' || item)"
    return f"'{bad}' || \"{column}\""


def hostile_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {(key if key in {"counts", "options", "versions", "warnings", "complete", "flowstitch", "clock_offsets_us"} else BAD + key): hostile_json(item) for key, item in value.items()}  # fmt: skip
    if isinstance(value, list):
        return [hostile_json(item) for item in value]
    return BAD + value if isinstance(value, str) else value


@pytest.fixture(scope="module")
def hostile_result(result: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result of the capture, all of its texts hostile."""
    out = tmp_path_factory.mktemp("hostile") / ("<script>alert(1)<" + "script>'\"& $(id)\u202e")
    # what a run keeps is made of texts that are not hostile yet
    shutil.copytree(result, out, ignore=shutil.ignore_patterns(PATTERN))
    with flowstitch.open(result) as session:
        for table in session.tables:
            columns = session.sql(f"select column_name, column_type from (describe {table})").fetchall()
            replaced = {name: hostile_value(name, kind) for name, kind in columns}
            made = ", ".join(f'{sql} as "{name}"' for name, sql in replaced.items() if sql)
            shutil.rmtree(out / table)
            (out / table).mkdir()
            query = f"select * {f'replace ({made})' if made else ''} from {table}"
            session.sql(query).write_parquet(str(out / table / "part-0.parquet"))
    manifest = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    manifest |= {"warnings": ["a warning"] * 40, "complete": False}
    # of a version of tables that is none it is not opened
    told = hostile_json(manifest) | {"tables_version": manifest["tables_version"]}
    (out / MANIFEST).write_text(json.dumps(told), encoding="utf-8")
    return out


@pytest.fixture(scope="module")
def hostile_file(hostile_result: Path) -> Path:
    file = hostile_result.with_name("report.html")
    with flowstitch.open(hostile_result) as opened:
        opened.report(file)
    return file


def test_no_element_is_made_of_a_text(hostile_file: Path, page: Page) -> None:
    hostile = Page(hostile_file)
    tags = [tag for tag, _ in hostile.tags]
    assert set(tags) == {tag for tag, _ in page.tags}
    assert tags.count("script") == len(SCRIPTS) + 1
    assert tags.count("style") == 1
    for _, attributes in hostile.tags:
        assert not [name for name in attributes if name.startswith("on") or name in {"src", "style"}]
    assert hostile.policy == page.policy


def test_texts_are_there_as_text(hostile_file: Path) -> None:
    hostile = Page(hostile_file)
    shown = BAD.replace("\u202e", "\\u202e").replace("\x00", "\\x00").replace("\x1b", "\\x1b")
    for section in ("answer", "paths", "tables", "sources", "run"):
        assert shown in hostile.text(section), section
    for name in ("flows", "pairs", "enis", "deadends"):
        assert any(str(value).startswith(shown[:70]) for row in hostile.data[name] for value in row), name
    assert all(char.isprintable() for char in hostile.html.replace("\n", ""))


def test_it_stays_small(hostile_file: Path) -> None:
    assert hostile_file.stat().st_size < 3_000_000


@pytest.mark.skipif(browser_path() is None, reason="no Chromium with its driver")
def test_nothing_of_it_runs(hostile_file: Path, tmp_path: Path) -> None:
    with browser(tmp_path) as window:
        window.show(hostile_file)
        time.sleep(0.3)
        assert window.run("return document.title").startswith("Return paths of <script>")
        assert window.run('return document.querySelectorAll("img").length') == 0
        assert window.run('return document.querySelectorAll(".chart svg").length') == 6
        assert window.complaints() == []


@pytest.mark.skipif(browser_path() is None, reason="no Chromium with its driver")
def test_the_policy_stops_what_would_get_through(hostile_file: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    html = hostile_file.read_text(encoding="utf-8")
    file.write_text(
        html.replace(
            "<header>", "<header><script>document.title='bad'</script><img src='http://127.0.0.1:9/'>"
        ),
        encoding="utf-8",
    )
    with browser(tmp_path / "profile") as window:
        window.show(file)
        assert window.run("return document.title") != "bad"
        assert len([line for line in window.complaints() if "Content Security Policy" in line]) == 2
