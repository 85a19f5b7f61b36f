"""Suites ``join`` and ``end-to-end`` as inputs grow: time and memory against records, which ``flowstitch bench plot`` draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.common.model import Case
from benchmarks.end_to_end import suite as end_to_end
from benchmarks.join import suite as join

SIZES = (100_000, 300_000, 1_000_000)
PEERS = tuple(dict.fromkeys([*join.PEERS, *end_to_end.PEERS]))
# Gzip takes its time per record, whatever the size.
PLAIN = "aws"


def cases(folder: Path, sizes: Sequence[int]) -> Iterator[Case]:
    """Cases of both suites, by size."""
    yield from join.cases(folder, sizes)
    for case in end_to_end.cases(folder, sizes):
        if case.name == PLAIN:
            yield replace(case, name="end-to-end")
