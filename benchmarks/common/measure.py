"""A measured run of one contender in a process of its own."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.common.model import Case, Contender
from flowstitch.ingest.memory import default_memory

ROOT = Path(__file__).parents[2]
_POLL_S = 0.05
# What the message of a failed process says of it at most.
_WORDS = 300


@dataclass(frozen=True)
class Limits:
    """How long a contender may take and how much memory it may have before it is stopped.

    Attributes
    ----------
    seconds : for all its runs on one input. memory_bytes : resident memory.
    """

    seconds: float = 900.0
    memory_bytes: int = field(default_factory=lambda: default_memory() * 3 // 2)


@dataclass(frozen=True)
class Measured:
    """What one contender took on one case.

    Attributes
    ----------
    rows : records of its input.
    first_s : wall time of the first run in a new process, kernels taken from their cache or compiled.
    warm_s : median of the runs after it, wall time; the first where there is no other. cpu_s : the same in CPU time.
    runs_s : wall time of each run.
    peak_rss_bytes : resident memory of the process at its peak; idle_rss_bytes : before the first run.
    failure : why there are no figures, empty where there are.
    """

    contender: str
    rows: int
    first_s: float = 0.0
    warm_s: float = 0.0
    cpu_s: float = 0.0
    runs_s: tuple[float, ...] = ()
    peak_rss_bytes: int = 0
    idle_rss_bytes: int = 0
    failure: str = ""

    @property
    def rows_per_s(self) -> float:
        """Records a second in a warm run."""
        return self.rows / self.warm_s if self.warm_s else 0.0


def measure(
    case: Case, contender: Contender, repeats: int, table: Path, *, limits: Limits, cold: bool = False
) -> Measured:
    """Run a contender on a case.

    Parameters
    ----------
    repeats : runs after the first one.
    table : where its answer is put, Arrow IPC.
    cold : compile kernels anew, in place of taking them from their cache.
    """
    rows = case.rows if contender.rows is None else contender.rows
    timed, checked = case.inputs(contender)
    with tempfile.TemporaryDirectory(prefix="flowstitch-bench-") as name:
        folder = Path(name)
        request = {
            "work": contender.work,
            "answer": contender.answer,
            "prepare": contender.prepare,
            "arguments": timed,
            "checked": checked,
            "repeats": repeats,
            "table": str(table),
            "reply": str(folder / "reply.json"),
        }
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        if cold:
            environment["XDG_CACHE_HOME"] = str(folder / "cache")
        with (folder / "stderr").open("w+b") as stderr:
            process = subprocess.Popen(  # noqa: S603 - this interpreter, a module of ours
                [sys.executable, "-m", "benchmarks.common.worker", str(folder / "request.json")],
                stdout=stderr, stderr=stderr, env=environment,
            )  # fmt: skip
            failure = _watch(process, limits)
            stderr.seek(0)
            said = stderr.read().decode("utf-8", "replace").strip()
        if not failure and process.returncode != 0:
            failure = (said.splitlines() or [f"exit code {process.returncode}"])[-1][:_WORDS]
        if failure:
            return Measured(contender.name, rows, failure=failure)
        return _told(contender.name, rows, json.loads(Path(request["reply"]).read_text(encoding="utf-8")))


def _told(name: str, rows: int, reply: Mapping[str, Any]) -> Measured:
    walls = [run["wall_s"] for run in reply["runs"]]
    cpus = [run["cpu_s"] for run in reply["runs"]]
    return Measured(
        name, rows, walls[0], statistics.median(walls[1:] or walls), statistics.median(cpus[1:] or cpus), tuple(walls),
        reply["peak_rss_bytes"], reply["idle_rss_bytes"],
    )  # fmt: skip


def _watch(process: subprocess.Popen[bytes], limits: Limits) -> str:
    """Wait for the process. Returns the limit that it went past, empty where it ended by itself; it never outlives the call."""
    began = time.monotonic()
    try:
        while True:
            try:
                process.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                failure = _past(process.pid, time.monotonic() - began, limits)
                if failure:
                    return failure
            else:
                return ""
    finally:
        # a signal to us ends the contender too
        process.kill()
        process.wait()


def _past(pid: int, seconds: float, limits: Limits) -> str:
    """The limit that a process is past, in words; empty where there is none."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        pages = 0  # it is just ending
    if pages * os.sysconf("SC_PAGE_SIZE") > limits.memory_bytes:
        return f"stopped at {limits.memory_bytes / 1e9:.1f} GB of memory"
    return f"stopped after {limits.seconds:.0f} s" if seconds > limits.seconds else ""
