"""What a directory of ours holds beside its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST, LOG = "run.json", "run.log.json"
# What messages call such a directory; key of the log for what it was made from.
RESULT, FINGERPRINT = "flowstitch result", "inputs"
# Of a result that consists of results, one for each stretch of time in which something happened.
PARTITIONS = "partitions.json"
# Where its results are, by how long each is.
_FOLDERS = ("date=*", "date=*/hour=*", "date=*/hour=*/minute=*")
# Rows that its table observations may have: of all that was parsed, or of what is on no path alone.
ALL, UNMATCHED = "all", "unmatched"
# Of what ``flowstitch convert`` writes.
CONVERT_MANIFEST = "convert.json"
# Why a run skips rows that another may tell, as table ``sources`` has it.
OUTSIDE, OVERLAP = "outside --since and --until", "in the overlap, on no path of the span"
ELSEWHERE = (OUTSIDE, OVERLAP)


def is_result(path: Path) -> bool:
    """Whether a directory is a result of ours."""
    return (path / MANIFEST).is_file()


def is_partitioned(path: Path) -> bool:
    """Whether a directory is a result of ours that consists of results."""
    return (path / PARTITIONS).is_file()


def partitions_of(path: Path) -> list[Path]:
    """Results that a partitioned one consists of, in order of time."""
    return sorted(found.parent for folder in _FOLDERS for found in path.glob(f"{folder}/{MANIFEST}"))
