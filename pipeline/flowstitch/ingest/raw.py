"""Raw lines of an export, looked up by the source and line that a table names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowstitch.ingest.content import read_blocks, read_head
from flowstitch.ingest.lines import split_lines
from flowstitch.ingest.model import MAX_REJECT_BYTES, Account
from flowstitch.ingest.sniff import is_parquet
from flowstitch.ingest.unwrapped import read_records
from flowstitch.ingest.wrappers import wrapper_of_any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowstitch.ingest.places import File, Place


def find_source(files: Sequence[File], name: str) -> File | None:
    """The file that the source of that name is; None when it is not among the files.

    Parameters
    ----------
    files : of the exports that the run was given, or of some of them.
    name : a ``source`` of the result.
    """
    for file in files:
        if file.name == name:
            return file
    # files of one name carry the folders above them in it, where both were in the run
    parts = tuple(name.split("/"))
    for file in files:
        if f"/{name}".endswith(f"/{file.name}") and file.place.parts[-len(parts) :] == parts:
            return file
    return None


def read_lines(path: Place, numbers: Iterable[int]) -> dict[int, bytes]:
    """Lines of a file by number from 1, cut at ``MAX_REJECT_BYTES``; those that it does not have are left out.

    Parameters
    ----------
    path : a plain or compressed file; of a damaged one what can be read, of a Parquet file nothing. Where a log service has
        wrapped the lines, it is the records that have the numbers.
    """
    found: dict[int, bytes] = {}
    if is_parquet(path):
        return found
    wanted = set(numbers)
    wrapper = wrapper_of_any(read_head(path))
    blocks = read_blocks(path, Account()) if wrapper is None else read_records(path, wrapper, Account())
    for block in blocks:
        numbered = block.numbers()
        if wanted.isdisjoint(range(int(numbered[0]), int(numbered[-1]) + 1)):
            continue
        for line in split_lines(block):
            if line.number in wanted:
                found[line.number] = line.text[:MAX_REJECT_BYTES]
        if len(found) == len(wanted):
            break
    return found
