"""Rows of one wire key are in one bucket, whoever saw them and whichever way they go."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive
from flowstitch.catalog.protocols import protocols_with
from flowstitch.join.buckets import hashes_of, into_buckets, tuple_hashes
from flowstitch.join.keys import Tuples
from flowstitch.kernels.partition import all_alike, hash_wires

PORTED = set(np.flatnonzero(protocols_with("ports")).tolist())
KINDS = (np.int32, np.uint32, np.int32, np.uint32, np.int32, np.int32)
ROWS = st.lists(
    st.tuples(
        st.sampled_from([-1, 1, 6, 17, 58, 132, 255]), st.integers(0, 2**32 - 1), st.integers(-1, 65535),
        st.integers(0, 2**32 - 1), st.integers(-1, 65535), st.integers(0, 2**31 - 1),
    ), max_size=30,
)  # fmt: skip


def hashes(rows: list[tuple[int, ...]]) -> list[int]:
    columns = [np.array([row[place] for row in rows], kind) for place, kind in enumerate(KINDS)]
    out = np.empty(len(rows), np.uint64)
    hash_wires(*columns, protocols_with("ports"), out)
    return out.tolist()


@given(ROWS)
def test_hash_wires(rows: list[tuple[int, ...]]) -> None:
    assert hashes(rows) == [naive.wire_hash(row, PORTED) for row in rows]
    turned = [(row[0], row[3], row[4], row[1], row[2], row[5]) for row in rows]
    assert hashes(turned) == hashes(rows)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=40), st.integers(0, 5))
def test_rows_move_into_their_buckets(words: list[int], bits: int) -> None:
    found = into_buckets(np.array(words, np.uint64), bits)
    wanted = naive.place_rows([word >> (64 - bits) if bits else 0 for word in words], 1 << bits)
    assert (found.begins.tolist(), found.places.tolist()) == wanted
    columns = {
        "event": (np.arange(len(words)) % 7).astype(np.uint8),
        "replied": -np.arange(len(words)).astype(np.int8),
        "orig_src_ip": np.arange(len(words), dtype=np.uint32),
        "seen_at": -np.arange(len(words)),
    }
    for values in columns.values():
        moved = found.move(values)
        assert moved.dtype == values.dtype
        assert moved[found.places].tolist() == values.tolist()


def test_a_row_of_a_flow_log_meets_the_entry_whose_echo_identifier_it_does_not_show() -> None:
    echo = [np.array([value], kind) for value, kind in zip((1, 5, 77, 6, 77, 0), KINDS, strict=True)]
    row = [np.array([value], kind) for value, kind in zip((1, 6, 0, 5, 0, 0), KINDS, strict=True)]
    assert tuple_hashes(Tuples(*echo)).tolist() == hashes_of(row[:5], row[5]).tolist()


@given(
    st.integers(0, 9000), st.integers(0, 9000), st.sampled_from([np.uint8, np.uint16, np.uint32, np.uint64])
)
def test_all_alike(rows: int, odd: int, kind: type) -> None:
    values = np.full(rows, 7, kind)
    assert all_alike(values)
    if odd < rows:
        values[odd] = 8
        assert all_alike(values) == (rows == 1)
