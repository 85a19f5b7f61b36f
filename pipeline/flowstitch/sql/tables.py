"""The tables of a result as what DuckDB reads."""

from __future__ import annotations

import glob
import os
from typing import TYPE_CHECKING

from flowstitch.catalog import table_names
from flowstitch.errors import UsageError
from flowstitch.runner.layout import MANIFEST, is_partitioned, is_result, partitions_of

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

# First and last moment of a row, of the tables whose rows happened at some time.
_SPANS = {
    "datapaths": ("first_seen", "last_seen"),
    "segments": ("first_seen", "last_seen"),
    "observations": ("first_seen", "last_seen"),
    "unmatched": ("window_start", "window_end"),
    "lb_requests": ("request_at", "request_at"),
    "lb_connections": ("opened_at", "closed_at"),
    "sources": ("first_seen", "last_seen"),
}


def results_in(path: Path) -> list[Path]:
    """The result that a directory is, or those that it consists of, in order of time.

    Raises
    ------
    UsageError when the directory is not a result.
    """
    if not path.is_dir():
        raise UsageError(f"{path}: no such directory; give the --out of a flowstitch run.")
    if is_partitioned(path):
        found = partitions_of(path)
        if not found:
            raise UsageError(f"{path}: has no partition yet; run it again.")
        return found
    if not is_result(path):
        raise UsageError(
            f"{path}: is not a result, it has no {MANIFEST}; give the --out of a flowstitch run."
        )
    return [path]


def tables_in(path: Path) -> list[str]:
    """Names of the tables that a result has."""
    with os.scandir(path) as found:
        there = {item.name for item in found if item.is_dir()}
    return [name for name in table_names() if name in there]


def pattern_of(path: Path) -> str:
    """Pattern of a file or directory; what stands for several names in a pattern stands for itself here."""
    return glob.escape(str(path.absolute()))


def pattern(path: Path, table: str) -> str:
    """Pattern of the files of a table of a result."""
    return f"{pattern_of(path)}/{table}/*.parquet"


def manifest_pattern(path: Path) -> str:
    """Pattern of the manifest of a result."""
    return f"{pattern_of(path)}/{MANIFEST}"


def within(name: str, source: str, since: int | None, until: int | None) -> str:
    """What reads those rows of a table that were, at least in part, in a span of time; rows without a time are.

    What a log says of the time outside the span is not asked for either: it begins and ends with it, and a list of another moment is left out.

    Parameters
    ----------
    since, until : µs since the epoch, half-open; None is open.
    """
    if name not in _SPANS or (since is None and until is None):
        return source
    first, last = _SPANS[name]
    wanted, begin, end = [], first, last
    if since is not None:
        wanted.append(f"coalesce({last}, {first}) >= make_timestamp({since})")
        begin = f"greatest({first}, make_timestamp({since}))"
    if until is not None:
        wanted.append(f"coalesce({first}, {last}) < make_timestamp({until})")
        end = f"least({last}, make_timestamp({until}))"
    read = f"{source} where coalesce({' and '.join(wanted)}, true)"
    if name == "sources":
        # of null and a moment greatest and least give the moment
        clipped = [
            f"if({column} is null, null, {bound}) as {column}"
            for column, bound in ((first, begin), (last, end))
        ]
        return f"(select * replace ({', '.join(clipped)}) from {read})"
    return read


def check_time(
    connection: duckdb.DuckDBPyConnection, name: str, sources: str, since: int | None, until: int | None
) -> None:
    """Refuse a time of which no log has anything: an answer would say of it that there are no logs.

    Parameters
    ----------
    name : what was opened. sources : what reads the table of that name. since, until : as for ``within``.

    Raises
    ------
    UsageError then.
    """
    inside = within("sources", sources, since, until)
    if connection.execute(f"select 1 from {inside} where first_seen is not null limit 1").fetchall():
        return
    ends = [f"strftime({end}, '%Y-%m-%dT%H:%M:%SZ')" for end in ("min(first_seen)", "max(last_seen)")]
    ((first, last),) = connection.execute(f"select {', '.join(ends)} from {sources}").fetchall()
    if first is not None:
        raise UsageError(
            f"{name}: has nothing of that time, its logs are from {first} to {last}; see --since and --until."
        )
