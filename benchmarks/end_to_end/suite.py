"""From the raw files of all sources to Parquet tables, plain and gzipped; ``question.py`` says what is compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.common.model import OURS, Case, Contender
from benchmarks.end_to_end.inputs import make_exports
from benchmarks.end_to_end.question import COLUMNS

SIZES = (1_000_000,)
CONTENDERS = tuple(
    Contender(name, f"benchmarks.end_to_end.{module}:run", f"benchmarks.end_to_end.{module}:paths", needs)
    for name, module, needs in ((OURS, "ours", []), ("duckdb", "peers.duckdb_script", ["duckdb"]))
)
PEERS = ("duckdb",)


def cases(folder: Path, sizes: Sequence[int]) -> Iterator[Case]:
    """Two cases for each size."""
    for size in sizes:
        packed, plain, rows, paths = make_exports(folder, size)
        for name, export in (("aws", plain), ("aws-gz", packed)):
            arguments = {"export": str(export), "out": str(export.parent / "results")}
            yield Case(name, rows, arguments, CONTENDERS, COLUMNS, paths=paths)
