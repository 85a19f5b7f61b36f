"""The project's own join of the interned tables."""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import pyarrow as pa

from benchmarks.join.inputs import read_table
from benchmarks.join.question import LEGS
from flowstitch.arrays import Columns, Ints
from flowstitch.catalog import field
from flowstitch.join.buckets import Workers, bucket_bits
from flowstitch.join.chains import Chains, build_chains
from flowstitch.join.entries import build_entries
from flowstitch.join.segments import Segments, Sides, build_segments
from flowstitch.join.windows import Windows, attach_windows, flow_buckets
from flowstitch.normalize.columns import Pools

THREADS = len(os.sched_getaffinity(0))


def join(conntrack: str, flows: str, names: int, addresses: int) -> pa.Table:
    """One row per path, see ``question.py``."""
    pools, rows, logged = _pools(names), _columns(conntrack), _columns(flows)
    bits = bucket_bits(rows["line"].shape[0] + logged["line"].shape[0])
    with Workers(THREADS) as workers:
        local = np.zeros(addresses + 1, np.bool_)
        entries, begins = build_entries(rows, {}, local, pools, bits, workers)
        sides, seen, _ = build_segments(entries, begins, pools.names.ranks(), bits, workers)
        buckets = flow_buckets(logged, bits)
        moved = buckets.move(logged, workers)
        nothing = np.zeros(0, np.int64), np.zeros(logged["eni"].shape[0], np.bool_)
        windows, segments, _ = attach_windows(moved, buckets, seen, *nothing, workers)
    chains = build_chains(sides, len(segments))
    return pa.table(_lifetimes(segments, chains, sides) | _legs(moved, windows, chains))


@cache
def _pools(names: int) -> Pools:
    pools = Pools()
    pools.names.codes([f"name-{number:06}" for number in range(1, names + 1)])
    return pools


def _columns(path: str) -> Columns:
    """Columns of a canonical table where they are, in the mapped file."""
    read = read_table(path)
    return {name: read.column(name).chunk(0).to_numpy() for name in read.column_names}


def _lifetimes(segments: Segments, chains: Chains, sides: Sides) -> dict[str, Ints]:
    order, pointer = chains.by_path()
    own = chains.path[sides.segment[~sides.reply]]
    root, tail = segments.tuples.take(chains.root), segments.tuples.take(chains.tail)
    return {
        "client_ip": root.src, "client_port": root.src_port, "dialled_ip": root.dst, "dialled_port": root.dst_port,
        "source_ip": tail.src, "source_port": tail.src_port, "server_ip": tail.dst, "server_port": tail.dst_port,
        "first": np.minimum.reduceat(segments.first[order], pointer[:-1]),
        "last": np.maximum.reduceat(segments.last[order], pointer[:-1]),
        "segments": np.diff(pointer),
        "entries": np.bincount(own, minlength=len(chains)),
    }  # fmt: skip


def _legs(flows: Columns, windows: Windows, chains: Chains) -> dict[str, Ints]:
    enters = flows["direction"][windows.row] == field("direction").code("in")
    leg = chains.path[windows.segment] * len(LEGS) + 2 * ~windows.forward + enters
    cells = len(chains) * len(LEGS)
    eni = np.zeros(cells, np.int64)
    eni[leg] = flows["eni"][windows.row]
    out = {"rows": np.bincount(leg, minlength=cells).reshape(-1, len(LEGS)).sum(axis=1)}
    for name in ("packets", "bytes"):
        # exact, as long as a sum is below 2**53
        total = np.bincount(leg, flows[name][windows.row], cells).astype(np.int64)
        out |= {f"{way}_{name}": total[number :: len(LEGS)] for number, way in enumerate(LEGS)}
    return out | {f"{way}_eni": eni[number :: len(LEGS)] for number, way in enumerate(LEGS)}
