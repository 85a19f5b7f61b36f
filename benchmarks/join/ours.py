"""The project's own join of the interned tables."""

from __future__ import annotations

import os
from functools import cache, partial

import numpy as np
import pyarrow as pa

from benchmarks.join.inputs import read_table
from benchmarks.join.question import LEGS
from benchmarks.join.sums import count_entries, span_paths, sum_legs, turn
from flowstitch.arrays import Columns, Flags
from flowstitch.catalog import field
from flowstitch.join.buckets import Workers, bucket_bits
from flowstitch.join.chains import Chains, build_chains
from flowstitch.join.entries import USED, build_entries, row_hashes
from flowstitch.join.keys import empty_tuples
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
THREADS = len(os.sched_getaffinity(0))


def join(conntrack: str, flows: str, names: int, addresses: int) -> pa.Table:
    """One row per path, see ``question.py``."""
    pools, rows, logged = _pools(names), _columns(conntrack), _columns(flows)
    bits = bucket_bits(rows["line"].shape[0] + logged["line"].shape[0])
    local = np.zeros(addresses + 1, np.bool_)
    scratch = Scratch()
    with Workers(THREADS) as workers:
        by_wire, flows_by_wire = (BucketRows(bits, scratch, workers) for _ in range(2))
        by_wire.put({name: rows[name] for name in USED}, row_hashes(rows, local))
        flows_by_wire.put({name: logged[name] for name in ASKED}, flow_hashes(logged))
        entries = build_entries(by_wire.close(), {}, local, pools, scratch, workers)
        sides, seen, begins, _ = build_segments(entries, pools.names.ranks(), bits, scratch, workers)
        windows, segments, _ = attach_windows(
            flows_by_wire.close(), seen, begins, np.zeros(0, np.int64), _none_hidden, scratch, workers
        )
        chains = build_chains(sides, len(segments))
        told = (
            partial(_lifetimes, segments, chains, sides, len(entries)),
            partial(_legs, flows_by_wire, windows, chains),
        )
        lifetimes, legs = workers.map(lambda tell: tell(), told)
    return pa.table(lifetimes | legs)


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


def _lifetimes(segments: BucketSegments, chains: Chains, sides: Sides, entries: int) -> Columns:
    paths, extremes = len(chains), np.iinfo(np.int64)
    first, last = np.full(paths, extremes.max), np.full(paths, extremes.min)
    segment_count, entry_count = np.zeros((2, paths), np.int64)
    root, tail = empty_tuples(paths), empty_tuples(paths)
    for numbers, part in segments.parts():
        path = chains.path[numbers]
        span_paths(path, part.first, part.last, first, last, segment_count)
        for ends, chosen in ((root, chains.root), (tail, chains.tail)):
            at = np.flatnonzero(chosen[path] == np.arange(numbers.start, numbers.stop))
            for name, values in vars(part.tuples).items():
                getattr(ends, name)[path[at]] = values[at]
    count_entries(chains.path, sides.segment[:entries], entry_count)
    return {
        "client_ip": root.src, "client_port": root.src_port, "dialled_ip": root.dst, "dialled_port": root.dst_port,
        "source_ip": tail.src, "source_port": tail.src_port, "server_ip": tail.dst, "server_port": tail.dst_port,
        "first": first, "last": last, "segments": segment_count, "entries": entry_count,
    }  # fmt: skip


def _legs(flows: BucketRows, windows: BucketArrays[Windows], chains: Chains) -> Columns:
    names = ["rows", *(f"{way}_{name}" for way in LEGS for name in ("eni", "packets", "bytes"))]
    sums = np.zeros((len(chains), len(names)), np.int64)
    for bucket in flows.buckets:
        rows, found = flows.of(bucket), windows.of(bucket)
        sum_legs(
            chains.path, found.segment, found.row, found.forward, rows["direction"], field("direction").code("in"),
            rows["eni"], rows["packets"], rows["bytes"], sums,
        )  # fmt: skip
    columns = np.empty(sums.shape[::-1], np.int64)
    turn(sums, columns)
    return dict(zip(names, columns, strict=True))
