"""Our reader, and its rows as peers give them."""

from __future__ import annotations

import os
from concurrent.futures import Executor, ThreadPoolExecutor
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from flowstitch.ingest.model import Account, Inventory, Source
from flowstitch.ingest.read import read_source
from flowstitch.normalize.columns import Pools, concat_columns, to_arrow

_WORKERS: list[Executor] = []


def read(path: str, kind: str, dialect: str, columns: list[str]) -> tuple[list[Any], Pools]:  # noqa: ARG001 - of the answer
    """Columns of the file, block by block, and what their numbers stand for."""
    if not _WORKERS:
        _WORKERS.append(ThreadPoolExecutor(len(os.sched_getaffinity(0))))
    pools, place = Pools(), Path(path)
    source = Source(place, place.name, place.stat().st_size, kind, dialect, "n1")
    return read_source(source, pools, Account(), Inventory(), _WORKERS[0]), pools


def as_peers_do(outcome: tuple[list[Any], Pools], kind: str, columns: list[str], **_: str) -> pa.Table:
    """What we read in the columns and words that peers give."""
    parts, pools = outcome
    table = "conntrack" if kind.startswith("conntrack") else "flows"
    frame = pl.DataFrame(pl.from_arrow(to_arrow(table, concat_columns(table, parts), pools)))
    if table == "flows":
        times = {"start_s": "window_start", "end_s": "window_end"}
        frame = frame.with_columns(pl.col(ours).dt.epoch("s").alias(name) for name, ours in times.items())
        frame = frame.with_columns(
            pl.col("src_ip", "dst_ip").map_elements(lambda text: int(IPv4Address(text)), pl.UInt32)
        )
    return frame.select(columns).to_arrow()
