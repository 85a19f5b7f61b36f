"""The file of what has no room in memory takes no more of the disk than is asked for at one time."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowstitch.normalize.scratch import FreeSpace, Scratch


@given(st.lists(st.integers(0, 9), max_size=30), st.randoms(use_true_random=False))
def test_what_is_claimed_overlaps_nothing_and_fills_what_is_free(sizes: list[int], luck) -> None:  # type: ignore[no-untyped-def]
    space, claimed, taken = FreeSpace(), [], set()
    for size in sizes:
        free = next(offset for offset in range(400) if taken.isdisjoint(range(offset, offset + size)))
        offset = space.claim(size)
        assert offset == free or not size
        claimed.append((offset, size))
        taken |= set(range(offset, offset + size))
        if luck.random() < 0.5:
            given_back = claimed.pop(luck.randrange(len(claimed)))
            space.release(*given_back)
            taken -= set(range(given_back[0], sum(given_back)))


def test_columns_come_back_from_where_others_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowstitch.normalize.scratch.AT_ONCE", 300)
    named = SimpleNamespace(TemporaryFile=lambda dir: (dir / "file").open("w+b"))  # noqa: A006
    monkeypatch.setattr("flowstitch.normalize.scratch.tempfile", named)
    with Scratch(0, tmp_path) as scratch:
        lines, ports = np.arange(1000), np.arange(1000, dtype=np.int32)
        first = scratch.put({"line": lines, "port": ports, "same": np.ones(1000, bool)})
        others = scratch.put({"line": lines + 5})
        first = scratch.keep(first, ("port", "same"))
        third = scratch.put({"counters": -lines.reshape(500, 2)})
        assert scratch.get(first)["port"].tolist() == ports.tolist()
        assert scratch.get(first, slice(998, 1000))["same"].tolist() == [True, True]
        assert scratch.get(others, slice(3, 5))["line"].tolist() == [8, 9]
        assert scratch.get(third, slice(1, 3))["counters"].tolist() == [[-2, -3], [-4, -5]]
    # two bytes each, and the counters are where the lines were
    assert (tmp_path / "file").stat().st_size == 3 * 2 * 1000


def test_columns_that_do_not_lie_one_value_behind_the_other(tmp_path: Path) -> None:
    with Scratch(0, tmp_path) as scratch:
        table = np.arange(12).reshape(3, 4)
        kept = scratch.put({"column": table[:, 1], "turned": table.T})
        assert scratch.get(kept)["column"].tolist() == [1, 5, 9]
        assert scratch.get(kept)["turned"].tolist() == table.T.tolist()
