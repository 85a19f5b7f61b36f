"""One run: an export in, a result out."""

from __future__ import annotations

import platform
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from flowstitch.atomic import atomic_directory
from flowstitch.catalog.dataplanes import read_dataplane
from flowstitch.ingest.addresses import build_addresses
from flowstitch.ingest.memory import default_memory, give_back_freed_memory, rows_in_memory
from flowstitch.join.dataplane import load_dataplane, scenario_rows
from flowstitch.join.dataplanes import load_dataplanes
from flowstitch.join.dead_ends import find_dead_ends
from flowstitch.join.reconstruct import Reconstruction
from flowstitch.join.requests import Carriers
from flowstitch.normalize.columns import Pools
from flowstitch.normalize.scratch import Scratch
from flowstitch.runner.balance import Balance, Count, without_matched
from flowstitch.runner.clocks import clock_warnings
from flowstitch.runner.counted import Counted
from flowstitch.runner.coverage import find_missing, holdings_of
from flowstitch.runner.cutting import Span, cut
from flowstitch.runner.layout import ALL, FINGERPRINT, LOG, MANIFEST, RESULT, UNMATCHED
from flowstitch.runner.resume import Finished, fingerprint
from flowstitch.runner.sources import export_tables, judge_sources, outside_alone, provenance, read_sources
from flowstitch.runner.times import check_span
from flowstitch.runner.write import write_json, write_tables, write_together
from flowstitch.sql.definitions import OPEN, open_script
from flowstitch.sql.kept import write_kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from flowstitch.arrays import Columns
    from flowstitch.ingest.model import Inventory
    from flowstitch.ingest.read import Export
    from flowstitch.ingest.watched import Listener
    from flowstitch.join.dataplanes import Dataplanes

_Arrays = TypeVar("_Arrays", Carriers, Count)
DEFAULT_DATAPLANE = "terway-eniip"
DEFAULT_MAX_REJECTS = 0.001


@dataclass(frozen=True)
class Options:
    """What a run was asked to do.

    Attributes
    ----------
    dataplane : name of a file in ``schemas/dataplanes``, for nodes of which nothing tells another.
    since, until : rows outside are skipped, µs since the epoch, half-open; None is open.
    overlap : µs before and behind that are read too, only what is of the span is told; None tells all that is read. See ``flowstitch.runner.cutting``.
    observations : rows of it that the result has, ``ALL`` or ``UNMATCHED``: of what is on no path alone.
    max_rejects : share of a source's rows that may be rejected before the run counts as incomplete.
    threads : how many threads read; the result does not depend on it.
    memory_bytes : see ``read_export``; rows may have as much of it as ``rows_in_memory`` says, the others wait on the disk.
    scratch : directory where they wait, in a file without a name; that of the result without.

    Raises
    ------
    UsageError when ``since`` is not before ``until``.
    """

    dataplane: str = DEFAULT_DATAPLANE
    since: int | None = None
    until: int | None = None
    overlap: int | None = None
    observations: str = ALL
    max_rejects: float = DEFAULT_MAX_REJECTS
    threads: int = 1
    memory_bytes: int | None = None
    scratch: Path | None = None

    def __post_init__(self) -> None:
        check_span(self.since, self.until)

    @property
    def span(self) -> Span:
        """What of the export is read and told."""
        return Span(self.since, self.until, self.overlap)


@dataclass
class Summary:
    """How a run went.

    Attributes
    ----------
    counts : rows by table. warnings : sentences for the user. incomplete : exit code 1 is due.
    durations_s : seconds by stage.
    """

    counts: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    incomplete: bool = False
    durations_s: dict[str, float] = field(default_factory=dict)


class Stages:
    """Times the stages of a run, tells them to whoever listens, and sees that what one has freed does not stand beside what the next one needs."""

    def __init__(self, listener: Listener | None = None, memory_bytes: int | None = None) -> None:
        self._listener = listener
        self._memory_bytes = memory_bytes or default_memory()
        self._current: tuple[str, float] | None = None
        self.durations_s: dict[str, float] = {}

    def __call__(self, name: str) -> None:
        """Begin a stage and end the one before."""
        self.end()
        give_back_freed_memory(self._memory_bytes)
        self._current = name, time.perf_counter()
        if self._listener:
            self._listener.stage(name)

    def end(self) -> None:
        """End the current stage."""
        if self._current:
            name, began = self._current
            self.durations_s[name] = round(time.perf_counter() - began, 6)
            self._current = None


def run(
    exports: Sequence[str], out: Path, options: Options, *, overwrite: bool = False, resume: bool = False, listener: Listener | None = None
) -> Summary:  # fmt: skip
    """Reconstruct the datapaths of exports into the result directory ``out``.

    Parameters
    ----------
    overwrite : replace an earlier result. resume : take over the parts that a killed run had finished, if its inputs and options were the same.

    Raises
    ------
    UsageError for wrong paths, names or an existing ``out``; FlowstitchError when writing fails.
    """
    load_dataplane(options.dataplane)
    pools, stages = Pools(), Stages(listener, options.memory_bytes)
    with (
        atomic_directory(
            out, overwrite=overwrite, manifest=MANIFEST, what=RESULT, resume=resume
        ) as directory,
        Scratch(rows_in_memory(options.memory_bytes), options.scratch or directory) as scratch,
    ):
        stages("reading")
        export = read_sources(
            exports, pools, threads=options.threads, exclude=out, memory_bytes=options.memory_bytes, listener=listener, scratch=scratch
        )  # fmt: skip
        return write_result(directory, cut(export, options.span, scratch), options, pools, stages, scratch)


def write_result(
    directory: Path, export: Export, options: Options, pools: Pools, stages: Stages, scratch: Scratch
) -> Summary:
    """Stitch the rows of an export and write all that a result has.

    Parameters
    ----------
    directory : to write into; what a killed run has finished in it is taken over if inputs and options were the same.
    export : forgets its rows as they are put into buckets. pools, scratch : it was read with.
    """
    dumped = {source.node for source in export.sources if source.node}
    dataplanes = load_dataplanes(options.dataplane, export.inventory, sorted(dumped))
    addresses = build_addresses(export.inventory, _routed(export.inventory, dataplanes))
    for row in export.inventory.tables["nodes"]:
        row["dataplane"] = dataplanes.of(row["name"]).name
    # the join takes the rows from the export: what is told of them as they were read is told before
    described, held = export_tables(export, pools), holdings_of(export, pools)
    missing = find_missing(held, by_rules=lambda node: bool(dataplanes.of(node).forward_out))
    inputs = fingerprint_of(export, options)
    found = Reconstruction(export, held, addresses, dataplanes, pools, stages, options.threads, scratch)
    stages("writing")
    summary = Summary(durations_s=stages.durations_s)
    finished, balance = Finished(directory, inputs), Balance(export.sources, pools)
    counted = Counted(held, options.span, pools)
    summary.counts |= _write_paths(directory, found, finished, balance, counted, pools, options)
    scenarios, hops = scenario_rows(dataplanes.all)
    tables: dict[str, Any] = described | options.span.tell({"lb_connections": found.connections}) | {
        "addresses": addresses, "scenarios": scenarios, "scenario_hops": hops,
        "drift_codes": [row for plane in dataplanes.all for row in plane.drift],
        "dead_ends": find_dead_ends(export.inventory, dumped, dataplanes),
    }  # fmt: skip
    balance.settle(described["sources"], overlap=options.overlap is not None)
    summary.counts |= write_tables(directory, tables, pools, options.threads)
    wanting = judge_sources(export, options.max_rejects)
    summary.incomplete = wanting.incomplete
    told = sum(summary.counts[name] for name in ("datapaths", "unmatched", "lb_requests"))
    # of what is outside the time nothing is missing
    summary.warnings = wanting.warnings + (outside_alone(export, told) or missing) + _join_warnings(found)
    write_json(directory / MANIFEST, _manifest(export, options, summary, found))
    stages("summing up")
    # what the rows of this result had is free again
    room, place = (options.memory_bytes or default_memory()) // 2, options.scratch or directory
    kept = write_kept(directory, counted.rows(), memory_bytes=room, threads=options.threads, scratch=place)
    (directory / OPEN).write_text(open_script(sorted(summary.counts), kept), encoding="utf-8")
    finished.forget()
    stages.end()
    write_json(
        directory / LOG,
        _log(options, summary) | {"parts": found.parts, "resumed_parts": finished.parts, FINGERPRINT: inputs},
    )
    return summary


def fingerprint_of(export: Export, options: Options) -> str:
    """What tells whether a result follows from these inputs and options."""
    told = export.inventory.dataplanes_of(source.node for source in export.sources)
    rules = {name: read_dataplane(name) for name in sorted({options.dataplane, *told.values()})}
    return fingerprint(export.sources, provenance(export) | {"options": _told(options), "rules": rules})


def _routed(inventory: Inventory, dataplanes: Dataplanes) -> set[str]:
    """Nodes to which the VPC routes the addresses of their pods."""
    nodes = {row["node"] for row in inventory.tables["pods"] if row["node"]}
    return {node for node in nodes if dataplanes.of(node).pod_addresses == "routed"}


def _write_paths(
    directory: Path,
    found: Reconstruction,
    finished: Finished,
    balance: Balance,
    counted: Counted,
    pools: Pools,
    options: Options,
) -> dict[str, int]:
    """Write what was reconstructed, as many parts at a time as there are threads; returns the rows of each table."""

    def shorten(told: Mapping[str, Columns]) -> Mapping[str, Columns]:
        return without_matched(told) if options.observations == UNMATCHED else told

    def write(part: int) -> tuple[dict[str, int], Count, Mapping[str, Any]]:
        done = finished.get(part)
        if done:
            rows, arrays = done
            found.has(part, _of_arrays(Carriers, arrays))
            return rows, _of_arrays(Count, arrays), arrays
        told = options.span.tell(found.part(part))
        count, sums = balance.count(told["observations"]), counted.count(told)
        rows = write_together(directory, shorten(told), pools, part)
        finished.put(part, rows, vars(found.carriers(part)) | vars(count) | sums)
        return rows, count, sums

    counts: Counter[str] = Counter()
    with ThreadPoolExecutor(options.threads) as workers:
        for rows, count, sums in workers.map(write, range(found.parts)):
            counts.update(rows)
            balance.add(count)
            counted.add(sums)
    told = options.span.tell(found.rest())
    balance.add(balance.count(told["observations"]))
    counts.update(write_together(directory, shorten(told), pools, found.parts))
    return dict(counts)


def _of_arrays(kind: type[_Arrays], arrays: Mapping[str, Any]) -> _Arrays:
    return kind(**{item.name: arrays[item.name] for item in fields(kind)})


def _join_warnings(found: Reconstruction) -> list[str]:
    warnings = clock_warnings(found.clock_offsets_us)
    if found.left_out:
        warnings.append(
            f"{found.left_out} translations were not linked: another one held their place in the chain."
        )
    return warnings


def _manifest(export: Export, options: Options, summary: Summary, found: Reconstruction) -> dict[str, Any]:
    return provenance(export) | {
        "options": _told(options),
        "counts": summary.counts,
        "clock_offsets_us": found.clock_offsets_us,
        "warnings": summary.warnings,
        "complete": not summary.incomplete,
    }  # fmt: skip


def _told(options: Options) -> dict[str, Any]:
    """What a result follows from beside its inputs."""
    names = ("dataplane", "since", "until", "overlap", "observations", "max_rejects")
    return {name: getattr(options, name) for name in names}


def _log(options: Options, summary: Summary) -> dict[str, Any]:
    return {
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "python": platform.python_version(),
        "threads": options.threads,
        "memory_bytes": options.memory_bytes or default_memory(),
        "durations_s": summary.durations_s,
    }
