"""A killed run leaves no result; another goes on from the parts it had finished, or begins anew, and writes the same bytes."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import flowstitch
from flowstitch.errors import FlowstitchError, UsageError
from flowstitch.runner.layout import LOG
from flowstitch.runner.pipeline import Options

GROUP_ROWS = 1000
RUN = """
import os, signal, sys
import flowstitch
from flowstitch.join import groups
from flowstitch.runner.resume import Finished
groups.GROUP_ROWS = {group_rows}
finished, put = [], Finished.put
def kill_after(self, part, *rest):
    put(self, part, *rest)
    finished.append(part)
    if len(finished) == {parts}:
        os.kill(os.getpid(), signal.SIGKILL)
Finished.put = kill_after
flowstitch.run(sys.argv[1], out=sys.argv[2], resume=True)
"""


def killed_after(parts: int, capture: Path, out: Path) -> None:
    code = RUN.format(group_rows=GROUP_ROWS, parts=parts)
    done = subprocess.run(
        [sys.executable, "-c", code, str(capture), str(out)], check=False, capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not out.exists()


def content(home: Path) -> dict[str, bytes]:
    files = (path for path in sorted(home.rglob("*")) if path.is_file() and path.name != LOG)
    return {str(path.relative_to(home)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def whole(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("resume") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flowstitch.join.groups.GROUP_ROWS", GROUP_ROWS)
        flowstitch.run(capture, out=out)
    return out


def resumed(out: Path) -> tuple[int, int]:
    log = json.loads((out / LOG).read_text())
    return log["resumed_parts"], log["parts"]


def test_finished_parts_are_taken_over(
    capture: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    killed_after(2, capture, out)
    killed_after(3, capture, out)
    monkeypatch.setattr("flowstitch.join.groups.GROUP_ROWS", GROUP_ROWS)
    flowstitch.run(capture, out=out, resume=True)
    assert resumed(out) == (5, 64)
    assert content(out) == content(whole)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("change", ["options", "inputs", "no resume"])
def test_what_is_not_of_the_same_run_is_not_taken_over(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    node = capture / "nodes" / "cn-hongkong.10.0.1.47"
    export = tmp_path / "export"
    export.mkdir()
    for path in sorted(node.iterdir()):
        (export / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr("flowstitch.join.groups.GROUP_ROWS", 100)
    code = RUN.format(group_rows=100, parts=2)
    subprocess.run([sys.executable, "-c", code, str(export), str(tmp_path / "out")], check=False)
    options = Options(max_rejects=0.5) if change == "options" else Options()
    if change == "inputs":
        os.utime(next(export.iterdir()), ns=(1, 1))
    flowstitch.run(export, out=tmp_path / "out", resume=change != "no resume", options=options)
    assert resumed(tmp_path / "out")[0] == 0
    flowstitch.run(export, out=tmp_path / "anew", options=options)
    assert content(tmp_path / "out") == content(tmp_path / "anew")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whenever_a_run_is_killed_the_next_one_is_whole(
    capture: Path, result: Path, tmp_path: Path, seed: int
) -> None:
    code = "import sys, flowstitch; flowstitch.run(sys.argv[1], out=sys.argv[2], resume=True)"
    command = [sys.executable, "-c", code, str(capture), str(tmp_path / "out")]
    process = subprocess.Popen(command)
    time.sleep(random.Random(seed).uniform(0.5, 4))
    process.kill()
    process.wait()
    assert {path.name for path in tmp_path.iterdir()} <= {"out", ".out.partial"}
    if not (tmp_path / "out").exists():
        flowstitch.run(capture, out=tmp_path / "out", resume=True)
    assert content(tmp_path / "out") == content(result)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_two_runs_do_not_write_one_result(capture: Path, tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from flowstitch.atomic import atomic_directory
with atomic_directory(Path(sys.argv[1]), overwrite=False, manifest="run.json", what="result"):
    print("writing", flush=True)
    sys.stdin.read()
"""
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "out")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdin is not None
    assert other.stdout is not None
    assert other.stdout.readline() == b"writing\n"
    with pytest.raises(UsageError, match="another process is writing it"):
        flowstitch.run(capture, out=tmp_path / "out")
    other.communicate()
    assert other.returncode == 0
    assert list((tmp_path / "out").iterdir()) == []


def test_where_there_are_no_locks_a_result_is_written_all_the_same(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    flowstitch.run(capture / "nodes" / "cn-hongkong.10.0.1.47", out=tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("memory", "said"),
    [("", "writing failed"), ("pipeline.rows_in_memory = lambda _: 0", "rows for which memory has no room could not be written here")],
)  # fmt: skip
def test_a_disk_without_room_fails_in_a_sentence(
    capture: Path, tmp_path: Path, memory: str, said: str
) -> None:
    (tmp_path / "scratch").mkdir()
    code = f"""
import resource, sys
from flowstitch.cli.main import main
from flowstitch.runner import pipeline
{memory}
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
sys.argv = ["flowstitch", "run", sys.argv[1], "--out", sys.argv[2], "--scratch", sys.argv[3], "-q"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, (capture, tmp_path / "out", tmp_path / "scratch"))],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == FlowstitchError.exit_code == 3
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (str(tmp_path / "scratch") in done.stderr) == bool(memory)
    assert [path.name for path in tmp_path.rglob("*")] == ["scratch"]
