"""What a directory of ours holds beside its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST, LOG = "run.json", "run.log.json"
# Of a result that consists of results, one for each stretch of time in which something happened.
PARTITIONS = "partitions.json"
# Of what ``flowstitch convert`` writes.
CONVERT_MANIFEST = "convert.json"


def is_result(path: Path) -> bool:
    """Whether a directory is a result of ours."""
    return (path / MANIFEST).is_file()


def is_partitioned(path: Path) -> bool:
    """Whether a directory is a result of ours that consists of results."""
    return (path / PARTITIONS).is_file()


def partitions_of(path: Path) -> list[Path]:
    """Results that a partitioned one consists of, in order of time."""
    return sorted(found.parent for found in path.glob(f"date=*/**/{MANIFEST}"))
