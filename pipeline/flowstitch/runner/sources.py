"""What an export was, whatever is made of it: its sources, rejects and inventory, and whether it was whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from flowstitch import __version__
from flowstitch.catalog import TABLES_VERSION
from flowstitch.ingest.facts import inventory_rows
from flowstitch.ingest.inventory import finish_inventory
from flowstitch.ingest.model import ROW_TABLES
from flowstitch.ingest.read import read_export
from flowstitch.normalize.columns import NULL_TIME, span_of
from flowstitch.runner.layout import OUTSIDE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flowstitch.arrays import Ints
    from flowstitch.ingest.read import Export
    from flowstitch.ingest.watched import Listener
    from flowstitch.normalize.columns import Pools
    from flowstitch.normalize.scratch import Scratch


def read_sources(
    exports: Sequence[str],
    pools: Pools,
    *,
    threads: int = 1,
    exclude: Path | None = None,
    memory_bytes: int | None = None,
    listener: Listener | None = None,
    scratch: Scratch | None = None,
) -> Export:
    """Read exports, see ``read_export``, and put their inventory in order."""
    export = read_export(
        exports,
        pools,
        threads=threads,
        exclude=exclude,
        memory_bytes=memory_bytes,
        listener=listener,
        scratch=scratch,
    )
    finish_inventory(export.inventory)
    return export


@dataclass
class Wanting:
    """What is wrong with the sources: sentences for the user, and whether exit code 1 is due."""

    warnings: list[str] = field(default_factory=list)
    incomplete: bool = False


def judge_sources(export: Export, max_rejects: float) -> Wanting:
    """Warnings of all sources; incomplete if one is torn, lost events, or had more than ``max_rejects`` of its rows rejected."""
    wanting = Wanting()
    for source, account in zip(export.sources, export.accounts, strict=True):
        wanting.warnings += [f"{source.name}: {warning}" for warning in sorted(account.warnings)]
        wanting.incomplete |= account.incomplete
        rejected = account.rejected.total()
        if rejected > max_rejects * account.rows:
            wanting.incomplete = True
            wanting.warnings.append(
                f"{source.name}: {rejected} of {account.rows} rows were rejected, more than --max-rejects "
                f"{max_rejects:.2%} allows; see table rejects."
            )
        if rejected > len(account.rejects):
            wanting.warnings.append(
                f"{source.name}: table rejects has only {len(account.rejects)} of {rejected} rejected rows."
            )
    wanting.warnings += [
        f"{left}: has the content of {kept} and was not counted again." for left, kept in export.duplicates
    ]
    return wanting


def outside_alone(export: Export, told: int) -> list[str]:
    """A warning, where nothing of the logs is told, of which there are ``told`` paths and rows, and some rows are outside the time; none otherwise."""
    outside = sum(account.skipped[OUTSIDE] for account in export.accounts)
    if told or not outside:
        return []
    return [
        f"all {outside} rows of the logs are outside the time of --since and --until: nothing of them is told."
    ]


def provenance(export: Export) -> dict[str, Any]:
    """What every manifest says: by what and from what the tables beside it were made."""
    return {
        "flowstitch": __version__,
        "versions": {name: version(name) for name in ("pyarrow",)},
        "tables_version": TABLES_VERSION,
        "inputs": [
            {"source": source.name, "kind": source.kind, "size_bytes": source.size_bytes}
            for source in export.sources
        ],
    }


def export_tables(export: Export, pools: Pools) -> dict[str, list[dict[str, Any]]]:
    """Rows of ``sources``, ``rejects`` and the inventory tables, by table."""
    return {"sources": source_rows(export, pools), "rejects": reject_rows(export)} | inventory_rows(
        export.inventory
    )


def reject_rows(export: Export) -> list[dict[str, Any]]:
    """Rows of the table ``rejects``."""
    return [
        {
            "source": source.name,
            "line": reject.line,
            "byte_offset": reject.byte_offset,
            "reason": reject.reason,
            "text": reject.raw.decode("utf-8", "backslashreplace"),
        }
        for source, account in zip(export.sources, export.accounts, strict=True)
        for reject in sorted(account.rejects, key=lambda reject: reject.line)
    ]


def source_rows(export: Export, pools: Pools) -> list[dict[str, Any]]:
    """Rows of the table ``sources``."""
    first, last = _spans(export, pools)
    copies: dict[str, list[str]] = {}
    for left, kept in export.duplicates:
        copies.setdefault(kept, []).append(left)
    rows = []
    for source, account in zip(export.sources, export.accounts, strict=True):
        code = pools.names.code(source.name)
        rows.append(
            {
                "source": source.name,
                "kind": source.kind,
                "dialect": source.dialect or None,
                "node": source.node or None,
                "size_bytes": source.size_bytes,
                "rows": account.rows,
                "parsed": account.parsed,
                "matched": None,
                "skipped": account.skipped.total(),
                "rejected": account.rejected.total(),
                "skipped_by": sorted(account.skipped.items()),
                "rejected_by": sorted(account.rejected.items()),
                "first_seen": None if last[code] == NULL_TIME else int(first[code]),
                "last_seen": None if last[code] == NULL_TIME else int(last[code]),
                "complete": not account.incomplete,
                "copies": sorted(copies.get(source.name, ())),
                "warnings": sorted(account.warnings),
            }
        )
    return rows


def _spans(export: Export, pools: Pools) -> tuple[Ints, Ints]:
    """Earliest and latest time of each source's rows, by name code, µs; the latest is null where there is none."""
    for source in export.sources:
        pools.names.code(source.name)
    first = np.full(len(pools.names), np.iinfo(np.int64).max, np.int64)
    last = np.full(len(pools.names), NULL_TIME, np.int64)
    for name, (begin, end) in ROW_TABLES.items():
        for columns in export.parts_of(name, ("source", begin, end)):
            since, until = span_of(columns, begin, end)
            known = since != NULL_TIME
            np.minimum.at(first, columns["source"][known], since[known])
            np.maximum.at(last, columns["source"], until)
    return first, last
