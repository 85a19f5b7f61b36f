"""Rows per second of each stage of a run, on the capture repeated in time.

    python benchmarks/stages.py [--copies 40] [--repeats 3] [--output FILE.json]

Every copy is the capture moved on by twenty minutes, so wire keys recur as they do in a long export. Figures are the
median of the repeats, given as rows per second and as a ratio to copying the same number of bytes on this machine in the
same run: absolute figures of a shared machine say little. The answer is checked before anything is timed.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from flowstitch.arrays import Columns
from flowstitch.ingest.addresses import build_addresses
from flowstitch.ingest.inventory import finish_inventory
from flowstitch.ingest.read import Export, read_export
from flowstitch.join.dataplane import load_dataplane
from flowstitch.join.reconstruct import Reconstruction
from flowstitch.normalize.columns import NULL_TIME, Pools
from flowstitch.runner.pipeline import Stages

CAPTURE = Path(__file__).parents[1] / "data" / "ipvs" / "export"
STEP_US = 20 * 60 * 1_000_000
TIMES = ("seen_at", "start_at", "stop_at", "window_start", "window_end")


def repeat(columns: Columns, copies: int) -> Columns:
    """The rows over and over, each copy later than the one before."""
    rows = columns["line"].shape[0]
    shift = np.repeat(np.arange(copies) * STEP_US, rows)
    tiled = {name: np.tile(values, copies) for name, values in columns.items()}
    for name in TIMES:
        if name in tiled:
            tiled[name] = np.where(tiled[name] == NULL_TIME, NULL_TIME, tiled[name] + shift)
    return tiled


def join(export: Export, rows: dict[str, Columns], pools: Pools) -> tuple[dict[str, float], int]:
    """Seconds by stage, and how many datapaths were found."""
    stages = Stages()
    found = Reconstruction(
        rows, export.inventory, build_addresses(export.inventory), export.sources, export.accounts,
        load_dataplane("terway-eniip"), pools, stages,
    )  # fmt: skip
    stages("tables")
    made = [tables for part in range(found.parts) for tables in found.part(part)]
    stages.end()
    return stages.durations_s, sum(tables["datapaths"]["path_id"].shape[0] for tables in made)


def copy_seconds(size_bytes: int) -> float:
    """Seconds that copying so many bytes takes here and now."""
    source = np.ones(size_bytes, np.uint8)
    target = np.empty_like(source)
    began = time.perf_counter()
    np.copyto(target, source)
    return time.perf_counter() - began


def main() -> int:
    """Measure and print; exit 1 when the answer is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--copies", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    pools = Pools()
    export = read_export([str(CAPTURE)], pools)
    finish_inventory(export.inventory)
    _, once = join(export, export.rows, pools)
    tables = {name: repeat(columns, options.copies) for name, columns in export.rows.items()}
    rows = sum(columns["line"].shape[0] for columns in tables.values())
    size = sum(values.nbytes for columns in tables.values() for values in columns.values())
    runs, copies_s = [], []
    for _ in range(options.repeats):
        durations, paths = join(export, tables, pools)
        if paths < once * options.copies * 0.99:
            print(
                f"{paths} datapaths, expected about {once * options.copies}: not timing a wrong answer",
                file=sys.stderr,
            )
            return 1
        runs.append(durations)
        copies_s.append(copy_seconds(size))
    copy = statistics.median(copies_s)
    median = {stage: statistics.median(run[stage] for run in runs) for stage in runs[0]}
    total = sum(median.values())
    report = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "rows": rows,
        "datapaths": paths,
        "rows_per_s": round(rows / total),
        "datapaths_per_s": round(paths / total),
        "times_copying": {stage: round(seconds / copy, 1) for stage, seconds in median.items()},
        "rows_per_s_by_stage": {stage: round(rows / seconds) for stage, seconds in median.items()},
    }
    text = json.dumps(report, indent=2)
    print(text)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
