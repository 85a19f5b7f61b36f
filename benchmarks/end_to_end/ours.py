"""``flowstitch run``."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa

import flowstitch
from benchmarks.end_to_end.question import COLUMNS
from flowstitch.runner.pipeline import Options


def run(export: str, out: str) -> str:
    """Write a result into ``out``/flowstitch, which is returned."""
    home = Path(out) / "flowstitch"
    # as the command takes them
    options = Options(threads=len(os.sched_getaffinity(0)))
    flowstitch.run(export, out=home, overwrite=True, options=options)
    return str(home)


def paths(home: str, export: str, out: str) -> pa.Table:  # noqa: ARG001 - of the run
    """What is compared, see ``question.py``."""
    with flowstitch.open(home) as result:
        return result.sql(
            f"""select {", ".join(COLUMNS)} from datapaths
            where client_kind = 'pod' and client_node is not null and protocol in ('tcp', 'udp')"""
        ).to_arrow_table()
