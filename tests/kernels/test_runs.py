"""Rows in runs, and the words that keys are made of."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive
from flowstitch.kernels.align import summarize_segments
from flowstitch.kernels.keys import entry_words, read_tuples, wire_words
from flowstitch.kernels.lifetimes import UNKNOWN, row_times
from flowstitch.kernels.runs import SHORT, by_run

FEW = st.integers(-2, 2)
TUPLE_FIELDS = ("node", "protocol", "src", "src_port", "dst", "dst_port", "echo_id")
TIMES = st.integers(0, 9) | st.just(UNKNOWN)


@given(st.lists(st.tuples(st.integers(0, 3), FEW, FEW), max_size=6 * SHORT), st.integers(0, 2))
def test_by_run(rows: list[tuple[int, int, int]], used: int) -> None:
    columns = [np.array([row[place] for row in rows], np.int64) for place in range(3)]
    order, pointer = by_run(columns[0], 4, *columns[1 : 1 + used])
    assert order.tolist() == sorted(range(len(rows)), key=lambda row: rows[row][: 1 + used])
    assert pointer.tolist() == [sum(row[0] < number for row in rows) for number in range(5)]


def test_a_long_run_is_merged_not_inserted() -> None:
    rows = 1 << 18
    keys = np.arange(rows)[::-1].copy()
    order, _ = by_run(np.zeros(rows, np.int64), 1, keys)
    assert order.tolist() == list(range(rows))[::-1]


ROW = st.tuples(
    st.sampled_from([1, 6, 17]), st.integers(0, 2**32 - 1), st.integers(0, 65535), st.integers(0, 2**32 - 1),
    st.integers(0, 65535), st.integers(0, 2**32 - 1),
)  # fmt: skip


@given(st.lists(ROW, max_size=20), st.sampled_from([{6, 17}, set(range(256))]))
def test_wire_words(rows: list[tuple[int, ...]], ported: set[int]) -> None:
    columns = [np.array([row[place] for row in rows], np.int64) for place in range(6)]
    out = np.empty((len(rows), 3), np.uint64)
    wire_words(*columns, np.isin(np.arange(256), list(ported)), out)
    assert out.tolist() == [naive.wire_words(row, ported) for row in rows]
    turned = np.empty_like(out)
    columns[1:5] = columns[3], columns[4], columns[1], columns[2]
    wire_words(*columns, np.isin(np.arange(256), list(ported)), turned)
    assert turned.tolist() == out.tolist()


PLACE = st.tuples(st.integers(0, 2**32 - 1), st.integers(-1, 65535), st.integers(0, 255))
ENDS = [st.integers(0, 2**32 - 1), st.integers(0, 65535)] * 4


@given(st.lists(st.tuples(PLACE, st.tuples(*ENDS)), max_size=20))
def test_entry_words(rows: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> None:
    node, zone, protocol = (
        np.array([place[part] for place, _ in rows], kind)
        for part, kind in enumerate((np.uint32, np.int32, np.int64))
    )
    ends = [np.array([tuples[part] for _, tuples in rows], np.int64) for part in range(8)]
    out = np.empty((len(rows), 5), np.uint64)
    entry_words(node, zone, protocol, *ends, out)
    assert out.tolist() == [naive.entry_words(place, tuples) for place, tuples in rows]


TUPLE = st.fixed_dictionaries(
    {
        "node": st.integers(0, 2**32 - 2),
        "protocol": st.sampled_from([1, 6, 58]),
        "src": st.integers(0, 9),
        "src_port": st.integers(-1, 65535),
        "dst": st.integers(0, 9),
        "dst_port": st.integers(-1, 65535),
        "echo_id": st.integers(-1, 65535),
    }
)


@given(st.lists(TUPLE, max_size=20), st.sets(st.integers(0, 9)))
def test_read_tuples(rows: list[dict], local: set[int]) -> None:
    kinds = [np.uint32, np.int32, np.uint32, np.int32, np.uint32, np.int32, np.int32]
    columns = [
        np.array([row[name] for row in rows], kind) for name, kind in zip(TUPLE_FIELDS, kinds, strict=True)
    ]
    flags = np.isin(np.arange(256), [1, 58]), np.isin(np.arange(10), list(local))
    out = [np.empty(len(rows), np.int64) for _ in range(5)]
    read_tuples(*columns, *flags, *out)
    assert list(zip(*(values.tolist() for values in out), strict=True)) == [
        naive.read_tuple(row, {1, 58}, local) for row in rows
    ]


MICROSECONDS = st.none() | st.integers(0, 30).map(lambda number: number * 700_000)
SEEN = st.fixed_dictionaries(
    {
        "event": st.integers(1, 4),
        "seen": MICROSECONDS,
        "start": MICROSECONDS,
        "lived": st.none() | st.integers(0, 20),
        "source": st.integers(0, 2),
    }
)


@given(st.lists(SEEN, max_size=20))
def test_row_times(rows: list[dict]) -> None:
    late = [0, 1_500_000, 9_000_000]
    seen, start = (
        np.array([UNKNOWN if row[name] is None else row[name] for row in rows], np.int64)
        for name in ("seen", "start")
    )
    lived = np.array([-1 if row["lived"] is None else row["lived"] for row in rows], np.int64)
    event, source = (
        np.array([row[name] for row in rows], kind)
        for name, kind in (("event", np.uint8), ("source", np.uint32))
    )
    out = [np.empty(len(rows), np.int64) for _ in range(4)]
    row_times(event, seen, start, lived, source, np.array(late), *out)
    for row, *found in zip(rows, *(values.tolist() for values in out), strict=True):
        wanted = naive.row_times(row, late[row["source"]])
        assert found == [UNKNOWN if value is None else value for value in wanted]


SIDE = st.tuples(st.integers(0, 3), st.booleans(), TIMES, TIMES, TIMES, TIMES)


@given(st.lists(SIDE, min_size=1, max_size=20))
def test_summarize_segments(sides: list[tuple[int, bool, int, int, int, int]]) -> None:
    numbers = sorted({side[0] for side in sides})
    segment = np.array([numbers.index(side[0]) for side in sides], np.int64)
    sure = np.array([side[1] for side in sides])
    lo, hi, last, held = (np.array([side[part] for side in sides], np.int64) for part in range(2, 6))
    lead = np.full(len(numbers), -1, np.int64)
    out = [np.empty(len(numbers), np.int64) for _ in range(4)]
    summarize_segments(segment, sure, lo, hi, last, held, lead, *out)
    for number, (best, *times) in enumerate(zip(lead, *out, strict=True)):
        members = [(place, *side[1:]) for place, side in enumerate(sides) if segment[place] == number]
        assert (best, *times) == naive.summarize_segment(members)
