"""Text to typed columns: records a second against what else reads such files.

Every reader gets the same file. Its answer is compared with ours on the first rows of the file, row for row. Of conntrack
text peers leave addresses as text, we number them; of flow logs all make numbers of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.common.model import OURS, Case, Contender
from benchmarks.parse.inputs import Input, make_inputs
from benchmarks.parse.peers import conntrack, flows

SIZES = (1_000_000,)
PEERS = ("duckdb", "polars", "pyarrow", "flowlogs-reader")
CHECKED_LINES = 20_000
# Lines that are enough to time it.
SLOW = {"flowlogs-reader": 50_000}
BY_FORMAT = conntrack.CONTENDERS | flows.CONTENDERS
COLUMNS = conntrack.COLUMNS_BY_FORMAT | flows.COLUMNS_BY_FORMAT


def cases(folder: Path, sizes: Sequence[int]) -> Iterator[Case]:
    """A case for each format and size."""
    for lines in sizes:
        for source in make_inputs(folder, lines):
            extra = {"kind": source.kind, "dialect": source.dialect, "columns": COLUMNS[source.format]}
            ours = Contender(
                OURS, "benchmarks.parse.ours:read", "benchmarks.parse.ours:as_peers_do", extra=extra
            )
            peers = [_slowed(source, peer, folder) for peer in BY_FORMAT[source.format]]
            head = first_lines(source, CHECKED_LINES, folder)
            yield Case(
                source.name,
                source.lines,
                {"path": str(source.path)},
                [ours, *peers],
                checked={"path": str(head.path)},
            )


def first_lines(source: Input, lines: int, folder: Path) -> Input:
    """The head of an input as an input of its own."""
    lines = min(lines, source.lines)
    plain = folder / f"{source.format}.1795395168.txt"
    header = source.format == "aws-text"
    with plain.open() as text:
        head = "".join(line for _, line in zip(range(lines + header), text, strict=False))
    path = folder / f"head-{lines}-{plain.name}"
    path.write_text(head)
    return replace(source, path=path, lines=lines)


def _slowed(source: Input, peer: Contender, folder: Path) -> Contender:
    if peer.name not in SLOW:
        return peer
    head = first_lines(source, SLOW[peer.name], folder)
    return replace(peer, rows=head.lines, timed={"path": str(head.path)})
