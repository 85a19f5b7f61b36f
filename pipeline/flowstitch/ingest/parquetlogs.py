"""Logs as Parquet: the texts of their rows, by the names of their columns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from flowstitch.ingest.content import unreadable
from flowstitch.ingest.dialects import dialect_of
from flowstitch.ingest.layouts import Layout
from flowstitch.ingest.logcolumns import Plan
from flowstitch.ingest.parquet import columns_of, read_batches
from flowstitch.normalize.columns import take_columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowstitch.arrays import Columns
    from flowstitch.ingest.model import Account, Source
    from flowstitch.normalize.columns import Pools

PARQUET = "parquet"


def read_parquet_log(source: Source, pools: Pools, account: Account) -> Iterator[Columns]:
    """Rows of a log; ``read_log``, for a file that a dialect of form ``parquet`` describes.

    The line of a row is its number in the file, from 1. A damaged file gives what was read before the damage.
    """
    plan = Plan(dialect_of(source, [PARQUET]))
    first = 1
    try:
        wanted = [name for name in columns_of(source.path) if plan.knows(name)]
        layout = Layout("", tuple(wanted))
        for batch in read_batches(source.path, wanted):
            frame = pl.DataFrame(pl.from_arrow(batch))
            texts = frame.select(_text(name, kind) for name, kind in frame.schema.items())
            columns = _columns(plan, plan.choose(texts), texts, first, pools, account)
            columns["source"] = np.full(columns["line"].shape[0], pools.names.code(source.name), np.uint32)
            account.parsed += columns["line"].shape[0]
            first += texts.height
            yield columns
    except OSError as error:
        account.warn_incomplete(unreadable(error))
        return
    account.warnings += plan.warnings([layout])


def _columns(
    plan: Plan, frame: pl.DataFrame, texts: pl.DataFrame, first: int, pools: Pools, account: Account
) -> Columns:
    columns, fault, _ = plan.convert(frame, pools)
    columns["line"] = np.arange(first, first + frame.height, dtype=np.int64)
    for row in np.flatnonzero(fault).tolist():
        raw = json.dumps(texts.row(row, named=True)).encode()
        account.reject(first + row, 0, f"bad value: {plan.columns[fault[row] - 1].key}", raw)
    return take_columns(columns, fault == 0)


def _text(name: str, kind: pl.DataType) -> pl.Expr:
    """Values as the text that a log would have: whole numbers without a point, times in seconds since the epoch."""
    column = pl.col(name)
    if kind.is_float():
        # a tool that knows no null among whole numbers has written them as floats
        whole = pl.when(column == column.round()).then(column.cast(pl.Int64, strict=False).cast(pl.String))
        return pl.when(~column.is_nan()).then(pl.coalesce(whole, column.cast(pl.String))).alias(name)
    if isinstance(kind, pl.Datetime):
        return column.dt.epoch("s").cast(pl.String)
    return column.cast(pl.String, strict=False)
