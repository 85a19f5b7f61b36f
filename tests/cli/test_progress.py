"""How far a run is: a bar on a terminal, else lines of a log."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cli.conftest import on_terminal
from flowstitch.cli import console
from flowstitch.cli.console import Progress


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.split(" ", 2)[2] for line in capsys.readouterr().err.splitlines()]


def test_a_log_line_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("text", "json"):
        Progress(form).warn("a\nb\x1b[0m\udcff")
    text, encoded = capsys.readouterr().err.splitlines()
    assert text.endswith(r" warning a\nb\x1b[0m\udcff")
    assert json.loads(encoded)["warning"] == "a\nb\x1b[0m\udcff"


def test_of_what_is_read_not_every_byte_is_logged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 0.0
    monkeypatch.setattr("time.monotonic", lambda: clock)
    for form in ("text", "json"):
        progress = Progress(form)
        progress.stage("reading")
        progress.sources(10, 2000)
        for _ in range(10):
            clock += 1
            progress.read(150)
        progress.stage("joining")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" ", 2)[2] for line in lines[:3]] == [
        "reading",
        "reading, 45% of 2000 bytes",
        "joining",
    ]
    reading = json.loads(lines[4])
    assert {name: reading[name] for name in ("stage", "read_bytes", "total_bytes")} == {
        "stage": "reading", "read_bytes": 900, "total_bytes": 2000,
    }  # fmt: skip
    assert len(lines) == 6


def test_several_threads_may_say_what_they_have_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Progress()
    progress.sources(1, 8000)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(progress.read, [1] * 7999))
    monkeypatch.setattr(console, "_TELL_EVERY_S", -1.0)
    progress.read(1)
    assert told(capsys) == ["reading, 100% of 8000 bytes"]


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(quiet=True)
    with progress.shown():
        progress.stage("reading")
        progress.sources(1, 1)
        progress.read(1)
        progress.warn("what")
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar_of_bytes(capture: Path) -> None:
    shown = on_terminal("inspect", capture)
    files = sum(path.is_file() for path in capture.rglob("*"))
    assert f"reading {files} files" in shown
    assert " info " not in shown
    assert shown.index("reading ") < shown.index("comparing clocks")
