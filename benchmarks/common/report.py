"""A result as a file and as a table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common.model import OURS
from flowstitch.errors import UsageError

COLUMNS = (
    "case",
    "rows",
    "contender",
    "first s",
    "warm s",
    "M rows/s",
    "ns/row",
    "k paths/s",
    "CPU s",
    "peak MB",
    "times ours",
)


def write_result(result: dict[str, Any], path: Path) -> None:
    """Write a result as JSON, whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); give another --out.") from error


def read_result(path: Path) -> dict[str, Any]:
    """A result that ``write_result`` wrote; ``UsageError`` where the file is none."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        is_one = isinstance(result["measurements"], list) and isinstance(result["suite"], str)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, TypeError, LookupError):
        is_one = False
    if not is_one:
        raise UsageError(
            f"{path}: no result of a benchmark; expected a file that `flowstitch bench SUITE --out FILE` wrote."
        )
    return result


def table_rows(result: dict[str, Any]) -> Iterator[Sequence[Any]]:
    """Rows of ``COLUMNS``; the last is the rate of a contender as a multiple of ours, so what is above 1 is ahead of us."""
    ours = 0.0
    for one in result["measurements"]:
        head = (one["case"], one["rows"], one["contender"])
        if one["failure"]:
            yield (*head, *[None] * 7, one["failure"])
            continue
        if one["contender"] == OURS:
            ours = one["rows_per_s"]
        yield (
            *head, f"{one['first_s']:.3f}", f"{one['warm_s']:.3f}", f"{one['rows_per_s'] / 1e6:.3f}", f"{one['ns_per_row']:.0f}",
            f"{one['paths_per_s'] / 1e3:.1f}" if "paths_per_s" in one else None, f"{one['cpu_s']:.3f}", f"{one['peak_rss_bytes'] / 1e6:.0f}", f"{one['rows_per_s'] / ours:.2f}" if ours else None,
        )  # fmt: skip
