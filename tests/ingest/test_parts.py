"""Rows that wait on the disk are the rows that were put there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flowstitch.ingest import read as reading
from flowstitch.ingest.parts import Parts
from flowstitch.normalize.columns import Pools
from flowstitch.normalize.scratch import Scratch
from inventory_reading import EXPORT


def parts_of(numbers: list[int], scratch: Scratch) -> Parts:
    parts = Parts(scratch)
    for number in numbers:
        parts.put({"line": np.arange(number), "port": np.full(number, number, np.int32)})
    parts.close()
    return parts


@pytest.mark.parametrize("memory_bytes", [None, 0, 50, 1000])
def test_parts_come_back_as_they_were(tmp_path: Path, memory_bytes: int | None) -> None:
    numbers = [3, 0, 1, 40, 7, 7]
    with Scratch(memory_bytes, tmp_path) as scratch:
        parts = parts_of(numbers, scratch)
        assert [part["line"].tolist() for part in parts] == [list(range(number)) for number in numbers]
        assert [part["port"].dtype for part in parts] == [np.int32] * len(numbers)
        assert parts[-1]["port"].tolist() == [7] * 7
        assert len(parts[1:3]) == 2


def test_the_file_has_no_name(tmp_path: Path) -> None:
    with Scratch(0, tmp_path) as scratch:
        parts = parts_of([1000], scratch)
        assert list(tmp_path.iterdir()) == []
        assert parts[0]["line"].shape == (1000,)


def test_an_export_reads_the_same_from_disk(tmp_path: Path) -> None:
    found = []
    for memory_bytes in (None, 0):
        pools = Pools()
        with Scratch(memory_bytes, tmp_path) as scratch:
            rows = reading.read_export([str(EXPORT)], pools, scratch=scratch).rows
        found.append(
            {
                name: {key: values.tolist() for key, values in columns.items()}
                for name, columns in rows.items()
            }
        )
    assert found[0] == found[1]
