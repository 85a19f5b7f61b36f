"""Whether two contenders gave the same answer, row for row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.ipc


def read_answer(path: Path) -> pl.DataFrame:
    """Answer that a contender left, Arrow IPC."""
    with pa.OSFile(str(path)) as file:
        return pl.DataFrame(pl.from_arrow(pa.ipc.open_file(file).read_all()))


def difference(ours: pl.DataFrame, theirs: pl.DataFrame, key: Sequence[str] = ()) -> str:
    """The first difference of two answers, in words; empty where they are equal.

    Parameters
    ----------
    key : columns that put rows in order; without them they are compared as they come.
    """
    if set(ours.columns) != set(theirs.columns):
        return f"we have columns {', '.join(sorted(ours.columns))}, they {', '.join(sorted(theirs.columns))}"
    if ours.height != theirs.height:
        return f"we have {ours.height} rows, they {theirs.height}"
    if key:
        ours, theirs = (_comparable(frame).sort(key) for frame in (ours, theirs))
    else:
        ours, theirs = (_comparable(frame) for frame in (ours, theirs))
    for name in ours.columns:
        same = ours[name].eq_missing(theirs[name])
        if not same.all():
            row = int((~same).arg_true()[0])
            which = {column: ours[column][row] for column in key} or f"row {row + 1}"
            return f"{name} of {which}: we say {ours[name][row]!r}, they {theirs[name][row]!r}"
    return ""


def _comparable(frame: pl.DataFrame) -> pl.DataFrame:
    """Whole numbers as wide as any, all else but booleans as text: engines choose types of their own for one value."""
    return frame.cast(
        {
            name: pl.Int128 if kind.is_integer() else kind if kind == pl.Boolean else pl.String
            for name, kind in frame.schema.items()
        }
    )
