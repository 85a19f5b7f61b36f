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

# First and last moment of a row, of the tables whose rows happened at some time.
_SPANS = {
    "datapaths": ("first_seen", "last_seen"),
    "segments": ("first_seen", "last_seen"),
    "observations": ("first_seen", "last_seen"),
    "unmatched": ("window_start", "window_end"),
    "lb_requests": ("request_at", "request_at"),
    "lb_connections": ("opened_at", "closed_at"),
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

    Parameters
    ----------
    since, until : µs since the epoch, half-open; None is open.
    """
    if name not in _SPANS:
        return source
    first, last = _SPANS[name]
    wanted = []
    if since is not None:
        wanted.append(f"coalesce({last}, {first}) >= make_timestamp({since})")
    if until is not None:
        wanted.append(f"coalesce({first}, {last}) < make_timestamp({until})")
    return " ".join([source, *(["where coalesce(", " and ".join(wanted), ", true)"] if wanted else [])])
