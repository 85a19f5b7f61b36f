"""One contender's runs on one input, alone in this process.

    python -m benchmarks.common.worker REQUEST.json

The request has ``work``, ``answer``, ``prepare``, ``arguments``, ``checked``, ``repeats``, ``reply`` and ``table``, see ``measure.py``.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc

from benchmarks.common.model import loaded
from flowstitch.ingest.memory import keep_freed_memory


def memory_bytes(item: str) -> int:
    """Resident memory of this process, ``VmRSS`` now or ``VmHWM`` at its peak.

    ``ru_maxrss`` of wait4(2) begins with that of the parent (fs/exec.c, setmax_mm_hiwater_rss), proc(5) does not.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    found = re.search(rf"^{item}:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Time the runs, then write the answer; returns what was measured."""
    work, arguments = loaded(request["work"]), request["arguments"]
    keep_freed_memory()
    if request["prepare"]:
        loaded(request["prepare"])(**arguments)
    idle, runs = memory_bytes("VmRSS"), []
    outcome = None
    for _ in range(1 + request["repeats"]):
        outcome = None  # what the run before returned is not there twice
        began, cpu = time.perf_counter(), time.process_time()
        outcome = work(**arguments)
        runs.append({"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu})
    peak = memory_bytes("VmHWM")
    if request["checked"] != arguments:
        outcome = work(**request["checked"])
    table = compared(request["answer"], outcome, request["checked"])
    with pa.ipc.new_file(request["table"], table.schema) as sink:
        sink.write_table(table)
    return {"runs": runs, "peak_rss_bytes": peak, "idle_rss_bytes": idle}


def compared(answer: str | None, outcome: Any, arguments: dict[str, Any]) -> pa.Table:
    """What is compared of an outcome, see ``Contender.answer``."""
    return loaded(answer)(outcome, **arguments) if answer else outcome


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    Path(asked["reply"]).write_text(json.dumps(run(asked)), encoding="utf-8")
