"""Interned rows to paths: records a second; ``question.py`` says what is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.common.model import OURS, Case, Contender
from benchmarks.join.inputs import make_tables
from benchmarks.join.question import KEY

SIZES = (1_000_000,)
CONTENDERS = (
    Contender(OURS, "benchmarks.join.ours:join"),
    Contender("duckdb", "benchmarks.join.peers.duckdb_sql:join", needs=["duckdb"]),
    Contender(
        "polars", "benchmarks.join.peers.polars_lazy:join", needs=["polars"], extra={"engine": "in-memory"}
    ),
    Contender(
        "polars-streaming",
        "benchmarks.join.peers.polars_lazy:join",
        needs=["polars"],
        extra={"engine": "streaming"},
    ),
    Contender("pandas", "benchmarks.join.peers.pandas_frames:join", needs=["pandas"]),
)
PEERS = tuple(contender.name for contender in CONTENDERS[1:])


def cases(folder: Path, sizes: Sequence[int]) -> Iterator[Case]:
    """One case for each size."""
    for size in sizes:
        made = make_tables(folder, size)
        rows, paths = made.pop("records"), made.pop("paths")
        yield Case("join", rows, made, CONTENDERS, KEY, paths=paths)
