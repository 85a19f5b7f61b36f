"""Rows of views that a run counts while it has them: of each part some, which are added up.

Their statements read all observations or the lists of all segments, which takes seconds to minutes where there are millions of paths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from flowstitch.join.counters import sum_counter_pairs
from flowstitch.join.dumps import count_dump_entries
from flowstitch.join.entrances import list_entry_crossings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns, Ints
    from flowstitch.ingest.holdings import Holdings
    from flowstitch.normalize.columns import Pools
    from flowstitch.runner.cutting import Span

# The views.
COUNTED = ("counter_pairs", "dump_entries", "entry_crossings")


class Counted:
    """Rows of the views, as far as parts have been counted."""

    def __init__(self, held: Holdings, span: Span, pools: Pools) -> None:
        """Begin with none.

        Parameters
        ----------
        held : what the export holds. span : what of it is told.
        """
        self._pools = pools
        self._skipped = _skipped(held, span, pools)
        self._parts: dict[str, list[pa.Table]] = {name: [] for name in COUNTED}

    def count(self, told: Mapping[str, Columns]) -> dict[str, NDArray[np.uint8]]:
        """Rows of each view of a part, given its tables: as bytes that ``add`` takes."""
        paths, rows, pools = told["datapaths"], told["observations"], self._pools
        counted = (
            sum_counter_pairs(paths, rows, self._skipped, pools),
            count_dump_entries(paths, rows, pools),
            list_entry_crossings(paths, told["segments"], pools),
        )
        return {name: _packed(_added([found])) for name, found in zip(COUNTED, counted, strict=True)}

    def add(self, counted: Mapping[str, NDArray[np.uint8]]) -> None:
        """Take in what a part has."""
        for name, parts in self._parts.items():
            parts.append(_unpacked(counted[name]))

    def rows(self) -> dict[str, pa.Table]:
        """Rows of each view, sorted."""
        return {name: _added(parts) for name, parts in self._parts.items()}


def _added(parts: list[pa.Table]) -> pa.Table:
    """Rows of parts, those with the same words added up."""
    whole = pa.concat_tables(parts)
    words = [item.name for item in whole.schema if pa.types.is_string(item.type)]
    numbers = [item.name for item in whole.schema if item.name not in words]
    sums = whole.group_by(words, use_threads=False).aggregate([(name, "sum") for name in numbers])
    told = sums.select([*words, *(f"{name}_sum" for name in numbers)]).rename_columns([*words, *numbers])
    return told.sort_by([(name, "ascending") for name in words])


def _packed(rows: pa.Table) -> NDArray[np.uint8]:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    return np.frombuffer(sink.getvalue(), np.uint8)


def _unpacked(packed: NDArray[np.uint8]) -> pa.Table:
    with pa.ipc.open_stream(pa.py_buffer(packed)) as stream:
        return stream.read_all()


def _skipped(held: Holdings, span: Span, pools: Pools) -> dict[int, tuple[Ints, Ints]]:
    """Windows of which records are missing, as the result tells of them, see ``Coverage``."""
    skipped = {}
    for name, log in held.logs.items():
        if log.skipped:
            starts, ends = np.concatenate(log.skipped, axis=1)
            mine = span.begins(starts)
            skipped[pools.names.code(name)] = np.sort(starts[mine]), np.sort(ends[mine])
    return skipped
