"""Raw lines of an export, looked up by the source and line that a table names."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from flowstitch.ingest.content import read_blocks
from flowstitch.ingest.lines import split_lines
from flowstitch.ingest.model import MAX_REJECT_BYTES, Account
from flowstitch.ingest.sniff import is_parquet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def find_source(exports: Sequence[Path], name: str) -> Path | None:
    """File of the source of that name; None when it is in none of the exports.

    Parameters
    ----------
    exports : what the run was given: directories or files, in order.
    name : a ``source`` of the result; what leads out of the export is never opened.
    """
    inner = PurePosixPath(name)
    if inner.is_absolute() or ".." in inner.parts:
        return None
    # a file counts from its folder, and files of one name carry their folders in it
    for export in exports:
        for root in (export, *export.absolute().parents[: len(inner.parts)]):
            path = root / inner
            if path.is_file() and path.resolve().is_relative_to(export.resolve()):
                return path
    return None


def read_lines(path: Path, numbers: Iterable[int]) -> dict[int, bytes]:
    """Lines of a file by number from 1, cut at ``MAX_REJECT_BYTES``; those that it does not have are left out.

    Parameters
    ----------
    path : a plain or compressed file; of a damaged one what can be read, of a Parquet file nothing.
    """
    found: dict[int, bytes] = {}
    if is_parquet(path):
        return found
    wanted = set(numbers)
    for block in read_blocks(path, Account()):
        if wanted.isdisjoint(range(block.first_line, block.first_line + block.lines)):
            continue
        for line in split_lines(block):
            if line.number in wanted:
                found[line.number] = line.text[:MAX_REJECT_BYTES]
        if len(found) == len(wanted):
            break
    return found
