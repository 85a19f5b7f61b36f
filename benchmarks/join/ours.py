"""The project's own join of the interned tables."""

from __future__ import annotations

import os
from functools import cache, partial

import numpy as np
import pyarrow as pa

from benchmarks.join.inputs import read_table
from benchmarks.join.question import ENDS, LEGS
from benchmarks.join.sums import (
    LARGE,
    SMALL,
    count_entries,
    empty_rows,
    know_segments,
    sum_legs,
    tell_paths,
)
from flowstitch.arrays import Columns, Flags, Ints
from flowstitch.catalog import field
from flowstitch.join.buckets import Workers, bucket_bits
from flowstitch.join.chains import Chains, build_chains
from flowstitch.join.entries import USED, BucketEntries, build_entries, row_hashes
from flowstitch.join.rows import BucketArrays, BucketRows
from flowstitch.join.segments import BucketSegments, Sides, build_segments
from flowstitch.join.windows import Windows, attach_windows, flow_hashes
from flowstitch.normalize.columns import Pools
from flowstitch.normalize.scratch import Scratch

# Columns of flow-log rows that the join or the answer is made of.
ASKED = (
    "eni", "direction", "log_status", "protocol_number", "src_ip", "src_port", "dst_ip", "dst_port", "tcp_flags", "packets", "bytes",
    "window_start", "window_end",
)  # fmt: skip
# Paths, whose columns stay in the first cache meanwhile.
AT_A_TIME = 64
THREADS = len(os.sched_getaffinity(0))


def join(conntrack: str, flows: str, names: int, addresses: int) -> pa.Table:
    """One row per path, see ``question.py``."""
    pools, rows, logged = _pools(names), _columns(conntrack), _columns(flows)
    bits = bucket_bits(rows["line"].shape[0] + logged["line"].shape[0])
    local = np.zeros(addresses + 1, np.bool_)
    scratch = Scratch()
    with Workers(THREADS) as workers:
        by_wire, flows_by_wire = (BucketRows(bits, scratch, workers) for _ in range(2))
        rows, logged = (
            {name: part[name] for name in asked} for part, asked in ((rows, USED), (logged, ASKED))
        )
        by_wire.put(rows, workers.share(partial(row_hashes, local=local), rows))
        flows_by_wire.put(logged, workers.share(flow_hashes, logged))
        entries = build_entries(by_wire.close(), {}, local, pools, scratch, workers)
        sides, seen, begins, _ = build_segments(entries, pools.names.ranks(), bits, scratch, workers)
        windows, segments, _ = attach_windows(
            flows_by_wire.close(), seen, begins, np.zeros(0, np.int64), _none_hidden, scratch, workers
        )
        chains = build_chains(sides, len(segments), workers)
        rows = _know(chains, sides, entries, segments, flows_by_wire, windows, workers)
        return pa.table(_tell(chains, rows, workers))


def _none_hidden(flows: Columns) -> Flags:
    return np.zeros(flows["eni"].shape[0], np.bool_)


@cache
def _pools(names: int) -> Pools:
    pools = Pools()
    pools.names.codes([f"name-{number:06}" for number in range(1, names + 1)])
    return pools


def _columns(path: str) -> Columns:
    """Columns of a canonical table where they are, in the mapped file."""
    read = read_table(path)
    return {name: read.column(name).chunk(0).to_numpy() for name in read.column_names}


def _know(
    chains: Chains, sides: Sides, entries: BucketEntries, segments: BucketSegments, flows: BucketRows,
    windows: BucketArrays[Windows], workers: Workers,
) -> Ints:  # fmt: skip
    """Row of each segment, see ``sums``; what is on the segments of a bucket is in the same bucket."""
    out = empty_rows(len(segments))
    inward = field("direction").code("in")

    def know(bucket: int) -> None:
        for arrays, begins in (
            (segments.known, segments.known_begins),
            (segments.extra, segments.extra_begins),
        ):
            numbers, part = slice(begins[bucket], begins[bucket + 1]), arrays.of(bucket)
            ends = part.tuples.src, part.tuples.src_port, part.tuples.dst, part.tuples.dst_port
            know_segments(*ends, part.first, part.last, chains.next_segment[numbers], out[numbers])
        count_entries(sides.segment[entries.begins[bucket] : entries.begins[bucket + 1]], out)
        rows, found = flows.of(bucket), windows.of(bucket)
        sum_legs(
            found.segment, found.row, found.forward, rows["direction"], inward, rows["eni"], rows["packets"], rows["bytes"], out
        )  # fmt: skip

    workers.map(know, flows.buckets)
    return out


def _tell(chains: Chains, rows: Ints, workers: Workers) -> Columns:
    few = [
        *(f"{end}_{what}" for end in ENDS for what in ("ip", "port")), "segments", "entries", "rows", *(f"{way}_eni" for way in LEGS),
    ]  # fmt: skip
    many = ["first", "last", *(f"{way}_{name}" for way in LEGS for name in ("packets", "bytes"))]
    small, large = np.empty((SMALL, len(chains)), np.int32), np.empty((LARGE, len(chains)), np.int64)

    def tell(paths: slice) -> None:
        told = np.empty((AT_A_TIME, SMALL), np.int32), np.empty((AT_A_TIME, LARGE), np.int64)
        tell_paths(paths.start, paths.stop, chains.root, rows, *told, small, large)

    workers.map(tell, workers.shares(len(chains)))
    return dict(zip(few, small, strict=True)) | dict(zip(many, large, strict=True))
