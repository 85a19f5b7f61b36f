"""What a run with ``--since`` and ``--until`` takes of an export, and what it tells.

Without an overlap it takes the rows of that span and tells all that they show. With one it takes rows before and behind too, so that
what crosses a border is seen whole, and tells the rows that begin in the span, and the paths that these are on with all their rows. So each row is
told by the span that it begins in, whatever the overlap is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from flowstitch.ingest.model import ROW_KINDS, ROW_TABLES
from flowstitch.ingest.parts import Parts
from flowstitch.normalize.columns import NULL_TIME, span_of, take_columns
from flowstitch.runner.layout import OUTSIDE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowstitch.arrays import Columns, Flags, Ints
    from flowstitch.ingest.read import Export
    from flowstitch.normalize.scratch import Scratch

# Columns that say from when to when a row of a result is, of the tables that the rows of logs make; segments and datapaths go with their rows.
_SPANS = {
    "observations": ("first_seen", "last_seen"),
    "unmatched": ("window_start", "window_end"),
    "lb_requests": ("request_at", "request_at"),
    "lb_connections": ("opened_at", "closed_at"),
}


@dataclass(frozen=True)
class Span:
    """A stretch of time.

    Attributes
    ----------
    since, until : µs since the epoch, half-open; None is open.
    overlap : µs that are read before and behind; None where all is told that is read.
    """

    since: int | None = None
    until: int | None = None
    overlap: int | None = None

    def read(self, begin: Ints, end: Ints) -> Flags:
        """Whether what was from ``begin`` to ``end``, shape (n,), is read; what has no time is."""
        more = self.overlap or 0
        return _meets(
            begin, end,
            None if self.since is None else self.since - more, None if self.until is None else self.until + more,
        )  # fmt: skip

    def tell(self, tables: Mapping[str, Columns]) -> dict[str, Columns]:
        """What is of the span: rows that begin in it or have no time, and the paths that these are on with all their rows."""
        if self.overlap is None:
            return dict(tables)
        keep = {name: self._begins(name, rows) for name, rows in tables.items() if name in _SPANS}
        if "datapaths" in tables:
            on = tables["observations"]["path_id"]
            ids = np.unique(on[keep["observations"]])
            keep |= {name: np.isin(tables[name]["path_id"], ids) for name in ("datapaths", "segments")}
            keep["observations"] |= (on != 0) & np.isin(on, ids)
        return {name: _kept(rows, keep[name]) for name, rows in tables.items()}

    def _begins(self, name: str, rows: Columns) -> Flags:
        begin, _ = span_of(rows, *_SPANS[name])
        return self.begins(begin)

    def begins(self, begin: Ints) -> Flags:
        """Whether a row that begins then, shape (n,), µs, is told for itself; what has no time is."""
        if self.overlap is None:
            return np.ones(begin.shape[0], np.bool_)
        return _meets(begin, begin, self.since, self.until)


def _kept(rows: Columns, keep: Flags) -> Columns:
    """Chosen rows, of columns some of which are Arrow arrays."""
    mask = pa.array(keep)
    return {
        name: values.filter(mask) if isinstance(values, pa.Array) else values[keep]
        for name, values in rows.items()
    }


def _meets(begin: Ints, end: Ints, since: int | None, until: int | None) -> Flags:
    keep = np.ones(begin.shape[0], np.bool_)
    if since is not None:
        keep &= (end == NULL_TIME) | (end >= since)
    if until is not None:
        keep &= (begin == NULL_TIME) | (begin < until)
    return keep


def cut(export: Export, span: Span, scratch: Scratch, *, last: bool = True) -> Export:
    """An export of the rows that a span reads; the others are skipped.

    Parameters
    ----------
    last : the rows of ``export`` are forgotten as they are read, no other span wants them.
    """
    if span.since is None and span.until is None:
        return export
    accounts = [replace(account, skipped=account.skipped.copy()) for account in export.accounts]
    parts = list(export.parts)
    for number, source in enumerate(export.sources):
        if source.kind not in ROW_KINDS:
            continue
        table, kept = ROW_KINDS[source.kind], Parts(scratch)
        for columns in export.drain(table, number) if last else export.parts[number]:
            keep = span.read(*span_of(columns, *ROW_TABLES[table]))
            outside = int(np.count_nonzero(~keep))
            accounts[number].parsed -= outside
            accounts[number].skipped[OUTSIDE] += outside
            kept.put(take_columns(columns, keep))
        parts[number] = kept
    return replace(export, accounts=accounts, parts=parts)
