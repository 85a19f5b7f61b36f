"""Rows that wait on the disk are the rows that were put there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flowstitch.arrays import Columns
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


class Later:
    """Sets times right that only the whole file tells."""

    ASKED = ("line",)

    def note(self, columns: Columns) -> None:
        self.rows = columns["line"].shape[0]

    def settle(self, columns: Columns) -> None:
        columns["line"] += self.rows


@pytest.mark.parametrize("memory_bytes", [0, 50, 1000])
def test_no_more_columns_are_read_than_are_asked_for(tmp_path: Path, memory_bytes: int) -> None:
    with Scratch(memory_bytes, tmp_path) as scratch:
        parts = Parts(scratch, Later())  # type: ignore[arg-type]
        for number in (2, 3):
            parts.put({name: np.arange(number) for name in ("line", "port", "mark")})
        parts.close()
        read = list(parts.with_columns(("port",)))
        assert [part["port"].tolist() for part in read] == [[0, 1], [0, 1, 2]]
        assert [part["line"].tolist() for part in read] == [[3, 4], [3, 4, 5]]
        # the first waits in memory where there is room, and is at hand as it is
        assert ["mark" in part for part in read] == [memory_bytes >= 48, memory_bytes >= 120]


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
