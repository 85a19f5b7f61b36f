"""However little memory rows have, a run finds the same and writes the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowstitch.join import buckets, rows
from flowstitch.runner import pipeline
from flowstitch.runner.layout import LOG
from flowstitch.runner.pipeline import Options, run


def content(home: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in sorted(home.rglob("*"))
        if path.is_file() and path.name != LOG
    }


@pytest.mark.parametrize(("room", "threads"), [(0, 1), (0, 2), (1 << 20, 2)])
def test_rows_on_the_disk_give_the_same_bytes(
    capture: Path, result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, threads: int
) -> None:
    monkeypatch.setattr(pipeline, "rows_in_memory", lambda _: room)
    monkeypatch.setattr(buckets, "BUCKET_ROWS", 3000)
    monkeypatch.setattr(rows, "PART_ROWS", 5000)
    run([str(capture)], tmp_path / "small", Options(threads=threads))
    assert content(tmp_path / "small") == content(result)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small"]
