"""One conversion: an export in, its canonical tables out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowstitch.atomic import atomic_directory
from flowstitch.ingest.model import ROW_TABLES
from flowstitch.join.observations import inventory_observations
from flowstitch.normalize.columns import Pools
from flowstitch.normalize.scratch import Scratch
from flowstitch.runner.layout import CONVERT_MANIFEST
from flowstitch.runner.pipeline import DEFAULT_MAX_REJECTS, Stages, Summary
from flowstitch.runner.sources import export_tables, judge_sources, provenance, read_sources
from flowstitch.runner.write import write_json, write_parts, write_tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flowstitch.ingest.read import Export
    from flowstitch.ingest.watched import Listener

# Beyond it rows wait on the disk that the tables go to.
ROWS_IN_MEMORY_BYTES = 1 << 26


def convert(
    exports: Sequence[str],
    out: Path,
    *,
    max_rejects: float = DEFAULT_MAX_REJECTS,
    threads: int = 1,
    memory_bytes: int | None = None,
    overwrite: bool = False,
    listener: Listener | None = None,
) -> Summary:
    """Write the canonical tables of exports into the directory ``out``, which is an export itself.

    A run over ``out`` has the same result as one over the exports: beside the rows of all logs and the inventory
    the tables keep the sources with their accounts, the rejects, and which lines of a source became inventory
    (``observations``). Interfaces of nodes, their addresses and routes are not kept: no result has them.

    Parameters
    ----------
    max_rejects : share of a source's rows that may be rejected before the conversion counts as incomplete.
    threads : files that are read at the same time.
    memory_bytes : see ``read_export``.
    overwrite : replace an earlier conversion.
    listener : is told how far it is.

    Raises
    ------
    UsageError for wrong paths or an existing ``out``; FlowstitchError when writing fails.
    """
    pools, stages = Pools(), Stages(listener, memory_bytes)
    with (
        atomic_directory(
            out, overwrite=overwrite, manifest=CONVERT_MANIFEST, what="directory of converted tables"
        ) as directory,
        Scratch(ROWS_IN_MEMORY_BYTES, directory) as scratch,
    ):
        stages("reading")
        export = read_sources(
            exports,
            pools,
            threads=threads,
            exclude=out,
            memory_bytes=memory_bytes,
            listener=listener,
            scratch=scratch,
        )
        stages("writing")
        summary = Summary(durations_s=stages.durations_s)
        for name in ROW_TABLES:
            summary.counts[name] = write_parts(directory, name, export.parts_of(name), pools)
        tables: dict[str, Any] = dict(export_tables(export, pools))
        tables["observations"] = inventory_observations(export.sources, export.accounts, pools)
        summary.counts |= write_tables(directory, tables, pools, threads)
        wanting = judge_sources(export, max_rejects)
        summary.warnings, summary.incomplete = wanting.warnings, wanting.incomplete
        manifest = provenance(export) | {
            "options": {"max_rejects": max_rejects},
            "counts": summary.counts,
            "warnings": summary.warnings,
            "complete": not summary.incomplete,
        }
        write_json(directory / CONVERT_MANIFEST, manifest)
        stages.end()
    return summary


def canonical_tables(export: Export, pools: Pools) -> dict[str, Any]:
    """Tables of an export by name, as ``to_arrow`` and ``write_table`` take them: its rows, sources, rejects and inventory."""
    return export.rows | export_tables(export, pools)
