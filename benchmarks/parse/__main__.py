"""Text to typed columns: lines a second against what else reads such files.

    python benchmarks/parse [--lines 1000000] [--repeats 3] [--threads 2] [--only NAME] [--output FILE.json]

Every reader gets the same file in the same process. Its answer is compared with ours row for row, on the first rows of the
file, before anything is timed. Figures are medians of the repeats after one that does not count; a shared machine makes
absolute ones meaningless, so the last column counts. Of conntrack text peers leave addresses as text, we number them.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import polars as pl
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parent))

from inputs import Input, make_inputs
from peers import conntrack, flows

from flowstitch.ingest.memory import keep_freed_memory
from flowstitch.ingest.model import Account, Inventory, Source
from flowstitch.ingest.read import read_source
from flowstitch.normalize.columns import Pools, concat_columns, to_arrow

PEERS: dict[str, dict[str, Callable[[Path], pa.Table]]] = conntrack.PEERS | flows.PEERS
CHECKED_LINES = 20_000
SLOW = {"flowlogs-reader": 50_000}  # lines that are enough to time it


def read(source: Input, workers: Executor | None) -> tuple[list, Pools]:
    """Columns of the file, block by block, and what their numbers stand for."""
    pools, account = Pools(), Account()
    parts = read_source(
        Source(source.path, source.path.name, source.path.stat().st_size, source.kind, source.dialect, "n1"),
        pools, account, Inventory(), workers,
    )  # fmt: skip
    if account.parsed != source.lines:
        raise SystemExit(f"{source.name}: got {account.parsed} rows, expected {source.lines}")
    return parts, pools


def ours_as_text(source: Input) -> pl.DataFrame:
    """What we read, with the columns and words that peers give."""
    parts, pools = read(source, None)
    table = "conntrack" if source.kind.startswith("conntrack") else "flows"
    frame = pl.DataFrame(pl.from_arrow(to_arrow(table, concat_columns(table, parts), pools)))
    if table == "flows":
        times = {"start_s": "window_start", "end_s": "window_end"}
        frame = frame.with_columns(pl.col(ours).dt.epoch("s").alias(name) for name, ours in times.items())
        frame = frame.with_columns(
            pl.col("src_ip", "dst_ip").map_elements(lambda text: int(IPv4Address(text)), pl.UInt32)
        )
    return frame


def check(source: Input, peer: Callable[[Path], pa.Table]) -> None:
    """Stop where a peer's answer is another than ours."""
    theirs = pl.DataFrame(pl.from_arrow(peer(source.path)))
    mine = ours_as_text(source).select(theirs.columns)
    for name in theirs.columns:
        left, right = (frame[name].cast(pl.String) for frame in (mine, theirs))
        if name.endswith("_port") and source.kind == "vpc-flow-log":
            # a port that the protocol does not have is null with us and 0 in the log
            right = pl.select(
                pl.when(left.is_null() & (right == "0")).then(None).otherwise(right)
            ).to_series()
        if not left.equals(right.alias(name)):
            row = next(n for n, pair in enumerate(zip(left, right, strict=True)) if pair[0] != pair[1])
            raise SystemExit(
                f"{source.name}: {name} of row {row + 1}: we say {left[row]}, {peer.__name__} {right[row]}"
            )


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Median of the repeats, after one that warms up."""
    taken = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])


def first_lines(source: Input, lines: int, folder: Path) -> Input:
    """The head of an input as an input of its own."""
    lines = min(lines, source.lines)
    plain = folder / f"{source.format}.1795395168.txt"
    header = source.format == "aws-text"
    with plain.open() as text:
        head = "".join(line for _, line in zip(range(lines + header), text, strict=False))
    path = folder / f"head-{lines}-{plain.name}"
    path.write_text(head)
    return replace(source, path=path, lines=lines)


def measure(source: Input, folder: Path, repeats: int, workers: Executor) -> dict[str, float]:
    """Million lines a second by reader; each answer is compared first."""
    head = first_lines(source, CHECKED_LINES, folder)
    rates = {"flowstitch": source.lines / seconds(lambda: read(source, workers), repeats) / 1e6}
    for name, peer in PEERS[source.format].items():
        check(head, peer)
        timed = first_lines(source, SLOW[name], folder) if name in SLOW else source
        rates[name] = timed.lines / seconds(lambda: peer(timed.path), repeats) / 1e6  # noqa: B023 - called at once
    return rates


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    # as the command does, and the peers' own allocators
    keep_freed_memory()
    report = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "lines": options.lines,
        "threads": options.threads,
    }
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(options.threads) as workers:
        folder = Path(name)
        for source in make_inputs(folder, options.lines):
            if options.only and not source.name.startswith(options.only):
                continue
            rates = measure(source, folder, options.repeats, workers)
            best = max(rate for reader, rate in rates.items() if reader != "flowstitch")
            report[source.name] = rates | {"times_best_peer": rates["flowstitch"] / best}
            shown = "  ".join(f"{reader} {rate:.2f}" for reader, rate in rates.items())
            print(
                f"{source.name:18} M lines/s: {shown}  = {rates['flowstitch'] / best:.1f} x the best peer",
                flush=True,
            )
    if options.output:
        options.output.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
