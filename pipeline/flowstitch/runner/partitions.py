"""A result that consists of results, one for each hour in which something happened: each is made, replaced and read by itself.

``OUT/date=2026-11-23/hour=05`` tells the rows of that hour, and reads those shortly before and behind too. A connection that goes on
stands in each hour that has rows of it; who opens all hears of it once, see ``flowstitch.sql.uniting``. So no hour waits for another: the next
one is added, and one for which files came late is made again, while the others stay as they are.
"""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flowstitch.atomic import atomic_directory, atomic_file
from flowstitch.errors import UsageError, unknown_name
from flowstitch.ingest.memory import rows_in_memory
from flowstitch.ingest.model import ROW_TABLES
from flowstitch.join.dataplane import load_dataplane
from flowstitch.normalize.columns import NULL_TIME, Pools, span_of
from flowstitch.normalize.scratch import Scratch
from flowstitch.runner.cutting import cut
from flowstitch.runner.layout import (
    ALL,
    FINGERPRINT,
    LOG,
    MANIFEST,
    PARTITIONS,
    RESULT,
    is_partitioned,
    is_result,
    partitions_of,
)
from flowstitch.runner.pipeline import Stages, Summary, fingerprint_of, write_result
from flowstitch.runner.sources import read_sources
from flowstitch.runner.write import write_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from flowstitch.ingest.read import Export
    from flowstitch.ingest.watched import Listener
    from flowstitch.runner.pipeline import Options

# How long partitions are, µs, and how a time names one.
LENGTHS = {
    "day": (86_400_000_000, "date=%Y-%m-%d"),
    "hour": (3_600_000_000, "date=%Y-%m-%d/hour=%H"),
    "minute": (60_000_000, "date=%Y-%m-%d/hour=%H/minute=%M"),
}
# What is read before and behind a partition unless one says otherwise: longer than any window of a flow log and than a closed connection stays in conntrack.
DEFAULT_OVERLAP_US = 600_000_000
_KEY = "partition_by"


def run_partitioned(
    exports: Sequence[str],
    out: Path,
    partition_by: str,
    options: Options,
    *,
    overwrite: bool = False,
    resume: bool = False,
    listener: Listener | None = None,
) -> Summary:
    """Reconstruct the datapaths of exports into partitions of the directory ``out``, those that a run makes in order of time.

    Parameters
    ----------
    partition_by : of ``LENGTHS``.
    options : ``since`` and ``until`` say which partitions are made, and are borders of such; without them all in which a row begins.
    overwrite : replace partitions that are there. resume : leave those that are there if inputs and options were the same.

    Returns
    -------
    Summary of all partitions that were made.

    Raises
    ------
    UsageError for wrong paths, names or times, or a partition that is there; FlowstitchError when writing fails: the partition is not there
    then, or as it was.
    """
    if partition_by not in LENGTHS:
        raise unknown_name("length of partitions", partition_by, LENGTHS)
    length, form = LENGTHS[partition_by]
    load_dataplane(options.dataplane)
    if options.observations != ALL:
        raise UsageError(
            f"--observations {options.observations}: by the rows of its paths a partition tells what others tell too; leave out that or --partition-by."
        )
    for name, moment in (("since", options.since), ("until", options.until)):
        if moment is not None and moment % length:
            raise UsageError(
                f"--{name} {_text(moment, '%Y-%m-%dT%H:%M:%S')}Z is not where a {partition_by} begins."
            )
    overlap = DEFAULT_OVERLAP_US if options.overlap is None else options.overlap
    pools, stages, whole = Pools(), Stages(listener, options.memory_bytes), Summary()
    # one half for what was read, the other for what is made of it, which each partition forgets
    room, place = rows_in_memory(options.memory_bytes) // 2, options.scratch or out
    with _claimed(out, partition_by), Scratch(room, place) as scratch:
        stages("reading")
        export = read_sources(
            exports, pools, threads=options.threads, exclude=out, memory_bytes=options.memory_bytes, listener=listener, scratch=scratch
        )  # fmt: skip
        stages.end()
        spans = [
            (out / _text(begin, form), replace(options, since=begin, until=begin + length, overlap=overlap))
            for begin in _begins(export, options, length)
        ]
        if not spans:
            raise UsageError(f"{', '.join(exports)}: no row of a log begins in the time asked for.")
        wanted = [
            (home, asked)
            for home, asked in spans
            if not (resume and _stands(home, fingerprint_of(export, asked)))
        ]
        _check_free([home for home, _ in wanted], overwrite=overwrite)
        for number, (home, asked) in enumerate(wanted):
            with (
                atomic_directory(
                    home, overwrite=overwrite, manifest=MANIFEST, what=RESULT, resume=resume
                ) as directory,
                Scratch(room, place) as own,
            ):
                part = cut(export, asked.span, own, last=number == len(wanted) - 1)
                parts = Stages(listener, options.memory_bytes)
                _add(whole, write_result(directory, part, asked, pools, parts, own))
    return whole


@contextmanager
def _claimed(out: Path, partition_by: str) -> Iterator[None]:
    """Make the directory of partitions, or see that it is one and has such; it is removed where no partition came of it."""
    marker = out / PARTITIONS
    if is_partitioned(out):
        known = json.loads(marker.read_text(encoding="utf-8")).get(_KEY)
        if known != partition_by:
            raise UsageError(
                f"{out}: has a partition for each {known}; give --partition-by {known}, or another --out."
            )
    elif out.exists() and not (out.is_dir() and not any(out.iterdir())):
        what = "is a result without partitions" if is_result(out) else "is not a partitioned result"
        raise UsageError(f"{out}: {what}; give another --out.")
    else:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{out}: cannot be written ({error.strerror}); give another --out.") from error
        with atomic_file(marker, "--out") as partial:
            write_json(partial, {_KEY: partition_by})
    try:
        yield
    finally:
        if not partitions_of(out):
            marker.unlink()
            # what is not empty is not ours
            for folder in [*sorted(out.glob("date=*/**/"), reverse=True), out]:
                with suppress(OSError):
                    folder.rmdir()


def _begins(export: Export, options: Options, length: int) -> Iterator[int]:
    """Where the partitions begin in which a row does, within the times asked for."""
    numbers: set[int] = set()
    for name, columns in ROW_TABLES.items():
        for rows in export.parts_of(name, columns):
            begin, _ = span_of(rows, *columns)
            numbers.update((begin[begin != NULL_TIME] // length).tolist())
    for begins in sorted(number * length for number in numbers):
        if (options.since is None or begins >= options.since) and (
            options.until is None or begins < options.until
        ):
            yield begins


def _stands(home: Path, inputs: str) -> bool:
    if not is_result(home):
        return False
    try:
        known = json.loads((home / LOG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(known, dict) and known.get(FINGERPRINT) == inputs


def _check_free(homes: Sequence[Path], *, overwrite: bool) -> None:
    """Before any is written: none is there, unless it may be replaced."""
    there = [home for home in homes if home.exists()]
    if there and not overwrite:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise UsageError(
            f"{there[0]}{more}: exists already; give --overwrite to replace what this run makes, --resume to leave what is of the same "
            "inputs and options, or other --since and --until."
        )


def _add(whole: Summary, part: Summary) -> None:
    for name, rows in part.counts.items():
        whole.counts[name] = whole.counts.get(name, 0) + rows
    for name, seconds in part.durations_s.items():
        whole.durations_s[name] = whole.durations_s.get(name, 0) + seconds
    whole.warnings += [warning for warning in part.warnings if warning not in whole.warnings]
    whole.incomplete |= part.incomplete


def _text(moment: int, form: str) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)).strftime(form)
