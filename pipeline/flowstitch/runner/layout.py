"""What a directory of ours holds beside its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST, LOG = "run.json", "run.log.json"
# Of what ``flowstitch convert`` writes.
CONVERT_MANIFEST = "convert.json"


def is_result(path: Path) -> bool:
    """Whether a directory is a result of ours."""
    return (path / MANIFEST).is_file()
