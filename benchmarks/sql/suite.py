"""Each named question on the result of a simulated export: first from the disk in a new process, then warm."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import flowstitch
from benchmarks.common.model import OURS, Case, Contender
from benchmarks.end_to_end.inputs import make_exports
from flowstitch.sql.questions import question_names

SIZES = (1_000_000,)
PEERS = ()


def cases(folder: Path, sizes: Sequence[int]) -> Iterator[Case]:
    """A case for each question and size; its rows are the records of the export."""
    ours = Contender(OURS, "benchmarks.sql.ours:ask", prepare="benchmarks.sql.ours:forget")
    for size in sizes:
        packed, _, rows, paths = make_exports(folder, size)
        result = packed.parent / "result"
        if not result.is_dir():
            flowstitch.run(packed, out=result)
            # what is not on the disk yet cannot be dropped
            os.sync()
        for name in question_names():
            yield Case(name, rows, {"result": str(result), "question": name}, [ours], paths=paths)
