"""Rows come back by bucket as they were put, in memory and from the disk, however they came."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowstitch.arrays import Ints, Narrow
from flowstitch.join import rows as by_bucket
from flowstitch.join.buckets import Workers
from flowstitch.join.rows import BucketArrays, BucketRows, in_one_bucket
from flowstitch.normalize.scratch import Scratch

BITS = 2
HASHES = st.integers(0, 2**64 - 1)


def put(parts: list[list[int]], scratch: Scratch, workers: Workers) -> BucketRows:
    rows = BucketRows(BITS, scratch, workers)
    line = 0
    for part in parts:
        hashes = np.array(part, np.uint64)
        lines = np.arange(line, line + len(part))
        rows.put({"line": lines, "port": (lines % 7).astype(np.int32), "hash": hashes}, hashes)
        line += len(part)
    return rows.close()


@given(
    st.lists(st.lists(HASHES, max_size=12), min_size=1, max_size=6),
    st.sampled_from([None, 0, 200]),
    st.integers(1, 20),
    st.sampled_from([1, 2]),
)
def test_each_bucket_has_its_rows_in_their_order(
    parts: list[list[int]], room: int | None, part_rows: int, threads: int
) -> None:
    every = [item for part in parts for item in part]
    with pytest.MonkeyPatch.context() as patch, Scratch(room) as scratch, Workers(threads) as workers:
        patch.setattr(by_bucket, "PART_ROWS", part_rows)
        rows = put(parts, scratch, workers)
        naive = [
            [line for line, item in enumerate(every) if item >> 64 - BITS == bucket]
            for bucket in range(1 << BITS)
        ]
        assert [rows.of(bucket)["line"].tolist() for bucket in rows.buckets] == naive
        assert len(rows) == len(every)
        order = [line for bucket in naive for line in bucket]
        assert [order[begin:end] for begin, end in pairwise(rows.begins.tolist())] == naive
        chosen = np.arange(0, len(every), 3)
        taken = rows.take(chosen)
        assert taken["line"].tolist() == [order[place] for place in chosen.tolist()]
        assert taken["hash"].tolist() == [every[order[place]] for place in chosen.tolist()]
        assert taken["port"].dtype == np.int32
        rows.keep(("line",))
        assert [rows.of(bucket, ("line",))["line"].tolist() for bucket in rows.buckets] == naive


def test_few_rows_are_one_bucket() -> None:
    with Workers(1) as workers:
        rows = in_one_bucket({"line": np.array([5, 3, 4])}, workers)
    assert rows.of(0)["line"].tolist() == [5, 3, 4]


@dataclass(frozen=True)
class Things:
    number: Ints
    counters: Narrow


@pytest.mark.parametrize("room", [None, 0, 40])
def test_what_a_step_made_of_a_bucket_comes_back_as_it_was(room: int | None, tmp_path: Path) -> None:
    made = [
        (
            Things(np.arange(count), np.arange(4 * count, dtype=np.int32).reshape(count, 4)),
            np.ones(2 * count, bool),
        )
        for count in (3, 0, 5)
    ]
    with Scratch(room, tmp_path) as scratch:
        kept: BucketArrays[tuple[Things, Narrow]] = BucketArrays(range(3), scratch)
        for bucket in (2, 0, 1):
            kept.put(bucket, made[bucket])
        for bucket, (things, flags) in enumerate(made):
            for found in (kept.of(bucket), kept.pop(bucket)):
                assert found[0].number.tolist() == things.number.tolist()
                assert found[0].counters.dtype == np.int32
                assert found[0].counters.tolist() == things.counters.tolist()
                assert found[1].tolist() == flags.tolist()
        if room:
            # what is forgotten makes room
            assert isinstance(scratch.put({"line": np.arange(room // 8)}), dict)


def test_what_is_kept_no_longer_makes_room(tmp_path: Path) -> None:
    with Scratch(80, tmp_path) as scratch:
        first = scratch.put({"line": np.arange(10)})
        assert isinstance(first, dict)
        second = scratch.put({"line": np.arange(10)})
        assert not isinstance(second, dict)
        assert scratch.keep(first, ()) == {}
        assert isinstance(scratch.put({"line": np.arange(10)}), dict)
        assert scratch.get(second, slice(3, 5))["line"].tolist() == [3, 4]
        assert scratch.get(scratch.keep(second, ())) == {}
