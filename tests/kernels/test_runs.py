"""Rows in runs, numbers of keys, and what sides say."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive
from flowstitch.join.keys import Tuples, empty_tuples, wire_numbers
from flowstitch.kernels.group import free_slots
from flowstitch.kernels.keys import number_cases, number_tuples, read_tuples, scope_tuples
from flowstitch.kernels.lifetimes import UNKNOWN, row_instants, row_times
from flowstitch.kernels.runs import SHORT, by_run, runs_of
from flowstitch.kernels.sides import SIDE, lead_tuples, pair_starts, read_sides, summarize_segments
from side_rows import side_rows

FEW = st.integers(-2, 2)
TIMES = st.integers(0, 9) | st.just(UNKNOWN)


def array(values: list) -> np.ndarray:
    return np.array([UNKNOWN if value is None else value for value in values], np.int64)


@given(st.lists(st.tuples(st.integers(0, 3), FEW, FEW), max_size=6 * SHORT), st.integers(0, 2))
def test_by_run(rows: list[tuple[int, int, int]], used: int) -> None:
    columns = [np.array([row[place] for row in rows], np.int64) for place in range(3)]
    order, pointer = by_run(columns[0], 4, *columns[1 : 1 + used]) if used else runs_of(columns[0], 4)
    assert order.tolist() == sorted(range(len(rows)), key=lambda row: rows[row][: 1 + used])
    assert pointer.tolist() == [sum(row[0] < number for row in rows) for number in range(5)]


def test_a_long_run_is_merged_not_inserted() -> None:
    rows = 1 << 18
    keys = np.arange(rows)[::-1].copy()
    order, _ = by_run(np.zeros(rows, np.int64), 1, keys)
    assert order.tolist() == list(range(rows))[::-1]


# few values, so that keys repeat and ends change places
ADDRESS, PORT = st.sampled_from([0, 1, 2, 2**32 - 1]), st.sampled_from([-1, 0, 1, 65535])
ROW = st.tuples(st.sampled_from([1, 6, 17]), ADDRESS, PORT, ADDRESS, PORT, st.sampled_from([0, 1, 2**31 - 1]))
KINDS = (np.int32, np.uint32, np.int32, np.uint32, np.int32, np.int32)


@given(st.lists(ROW, max_size=20), st.integers(0, 20), st.booleans())
def test_wire_numbers(rows: list[tuple[int, ...]], cut: int, logged: bool) -> None:
    parts = [
        Tuples(*(np.array([row[place] for row in part], kind) for place, kind in enumerate(KINDS)))
        for part in (rows[:cut], rows[cut:])
    ]
    numbers, count = wire_numbers(*parts, logged=logged)
    ported = {6, 17} if logged else {1, 6, 17}
    keys = [naive.wire_key(row, ported) for row in rows]
    assert np.concatenate(numbers).tolist() == [list(dict.fromkeys(keys)).index(key) for key in keys]
    assert count == len(set(keys))


CONNTRACK = st.fixed_dictionaries(
    {
        "node": st.sampled_from([1, 2, 2**31]),
        "zone": st.sampled_from([-1, 0, 1]),
        "protocol": st.sampled_from([1, 6, 58]),
        **dict.fromkeys(("src", "dst", "reply_src", "reply_dst"), ADDRESS),
        **dict.fromkeys(("src_port", "dst_port", "reply_src_port", "reply_dst_port"), PORT),
        **dict.fromkeys(("echo_id", "reply_echo_id"), PORT),
    }
)
COLUMNS = {
    "node": np.uint32, "zone": np.int32, "protocol": np.int32,
    "src": np.uint32, "src_port": np.int32, "dst": np.uint32, "dst_port": np.int32,
    "reply_src": np.uint32, "reply_src_port": np.int32, "reply_dst": np.uint32, "reply_dst_port": np.int32,
    "echo_id": np.int32, "reply_echo_id": np.int32,
}  # fmt: skip


@given(st.lists(CONNTRACK, max_size=20))
def test_number_tuples(rows: list[dict]) -> None:
    columns = [np.array([row[name] for row in rows], kind) for name, kind in COLUMNS.items()]
    out = np.empty(len(rows), np.int64)
    keys = np.empty((len(rows), 4), np.uint64)
    count = number_tuples(*columns, np.isin(np.arange(256), [1, 58]), keys, free_slots(len(rows)), out)
    wanted = [naive.entry_key(row, {1, 58}) for row in rows]
    assert out.tolist() == [list(dict.fromkeys(wanted)).index(key) for key in wanted]
    assert count == len(set(wanted))


CASE = st.tuples(
    st.integers(1, 2), st.sampled_from([6, 17]), st.integers(0, 2), st.integers(-1, 1), st.integers(-1, 5),
    st.integers(0, 4), TIMES,
)  # fmt: skip


@given(st.lists(CASE, max_size=20))
def test_number_cases(rows: list[tuple[int, ...]]) -> None:
    kinds = (np.uint32, np.int32, np.uint8, np.int8, np.int64, np.uint8, np.int64)
    columns = [np.array([row[place] for row in rows], kind) for place, kind in enumerate(kinds)]
    first, longest, begun, ended, out = (np.empty(len(rows), np.int64) for _ in range(5))
    room = np.empty((len(rows), 1), np.uint64), free_slots(len(rows))
    count = number_cases(*columns, *room, first, longest, begun, ended, out)
    cases = list(dict.fromkeys(row[:4] for row in rows))
    assert count == len(cases)
    assert out.tolist() == [cases.index(row[:4]) for row in rows]
    assert [rows[row][:4] for row in first[:count]] == cases
    assert longest[:count].tolist() == [
        max(0, *(row[4] for row in rows if row[:4] == case)) for case in cases
    ]
    events = [
        [row[6] for row in rows if row[:4] == case and row[5] != 1 and row[6] != UNKNOWN] for case in cases
    ]
    assert begun[:count].tolist() == [min(times, default=2**63 - 1) for times in events]
    assert ended[:count].tolist() == [max(times, default=UNKNOWN) for times in events]


LOCAL = st.sets(st.integers(0, 9))
SIDES = ("", "reply_")
TUPLE = st.fixed_dictionaries(
    {"node": st.integers(0, 2**31 - 2), "protocol": st.sampled_from([1, 6, 58])}
    | {f"{side}{end}": st.integers(0, 9) for side in SIDES for end in ("src", "dst")}
    | {
        f"{side}{port}": st.integers(-1, 65535)
        for side in SIDES
        for port in ("src_port", "dst_port", "echo_id")
    }
)
TUPLE_KINDS = {"node": np.uint32, "protocol": np.int32} | {
    f"{side}{name}": kind
    for side in SIDES
    for name, kind in (
        ("src", np.uint32), ("src_port", np.int32), ("dst", np.uint32), ("dst_port", np.int32), ("echo_id", np.int32),
    )
}  # fmt: skip


@given(st.lists(TUPLE, min_size=1, max_size=20), LOCAL, st.data())
def test_read_tuples(rows: list[dict], local: set[int], data: st.DataObject) -> None:
    columns = [np.array([row[name] for row in rows], kind) for name, kind in TUPLE_KINDS.items()]
    flags = np.isin(np.arange(256), [1, 58]), np.isin(np.arange(10), list(local))
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=20))
    orig, reply, translated = (*(empty_tuples(len(chosen)) for _ in SIDES), np.empty(len(chosen), np.bool_))
    out = (*vars(orig).values(), *vars(reply).values())
    read_tuples(np.array(chosen, np.int64), *columns, *flags, translated, *out)
    wanted = [naive.read_tuples(rows[row], {1, 58}, local) for row in chosen]
    assert tuple_rows(orig) == [one for one, _ in wanted]
    assert tuple_rows(reply) == [other for _, other in wanted]
    assert translated.tolist() == [one[1:5] != other[1:5] for one, other in wanted]
    scope = np.empty(len(rows), np.int32)
    scope_tuples(columns[0], columns[2], columns[4], flags[1], scope)
    assert scope.tolist() == [naive.read_tuples(row, {1, 58}, local)[0][5] for row in rows]


def tuple_rows(tuples: Tuples) -> list[tuple[int, ...]]:
    return list(zip(*(values.tolist() for values in vars(tuples).values()), strict=True))


NUMBERS = st.tuples(*[st.integers(0, 9)] * 6)


@given(st.lists(NUMBERS, max_size=9), st.lists(NUMBERS, max_size=9), st.data())
def test_lead_tuples(originals: list[tuple], replies: list[tuple], data: st.DataObject) -> None:
    sides = originals + replies
    lead = data.draw(st.lists(st.integers(0, len(sides) - 1), max_size=9)) if sides else []
    one, other, out = (empty_tuples(size) for size in (len(originals), len(replies), len(lead)))
    for tuples, rows in ((one, originals), (other, replies)):
        for values, told in zip(vars(tuples).values(), zip(*rows, strict=True), strict=False):
            values[:] = told
    lead_tuples(
        np.array(lead, np.int64), *(values for part in (one, other, out) for values in vars(part).values())
    )
    assert tuple_rows(out) == [sides[side] for side in lead]


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


@given(SEEN)
def test_row_times(row: dict) -> None:
    seen, start = (UNKNOWN if row[name] is None else row[name] for name in ("seen", "start"))
    lived, late = -1 if row["lived"] is None else row["lived"], [0, 1_500_000, 9_000_000]
    wanted = [UNKNOWN if value is None else value for value in naive.row_times(row, late[row["source"]])]
    assert list(row_times(row["event"], seen, start, lived, late[row["source"]])) == wanted
    columns = zip(
        (row["event"], seen, start, lived, row["source"]),
        (np.uint8, np.int64, np.int64, np.int64, np.uint32), strict=True,
    )  # fmt: skip
    out = np.empty(1, np.int64)
    row_instants(*(np.array([value], kind) for value, kind in columns), np.array(late), out)
    assert out.tolist() == wanted[:1]


SEEN_SIDE = st.tuples(st.integers(0, 3), st.integers(0, 2), TIMES, TIMES, TIMES, TIMES)


@given(st.lists(SEEN_SIDE, min_size=1, max_size=20))
def test_summarize_segments(sides: list[tuple[int, ...]]) -> None:
    numbers = sorted({side[0] for side in sides})
    segment = np.array([numbers.index(side[0]) for side in sides], np.int64)
    sure, lo, hi, last, held = (np.array([side[part] for side in sides], np.int64) for part in range(1, 6))
    lead = np.full(len(numbers), -1, np.int64)
    out = [*(np.empty(len(numbers), np.int64) for _ in range(4)), np.empty(len(numbers), np.bool_)]
    summarize_segments(segment, side_rows(lo=lo, hi=hi, last=last, held=held, sure=sure), lead, *out)
    for number, (best, *times) in enumerate(zip(lead, *out, strict=True)):
        members = [(place, *side[1:]) for place, side in enumerate(sides) if segment[place] == number]
        assert (best, *times) == naive.summarize_segment(members)


ENTRY = st.fixed_dictionaries(
    {
        "node": st.integers(0, 2),
        "zone": st.integers(-1, 2),
        "times": st.lists(st.none() | st.integers(0, 9), min_size=5, max_size=5),
        "seen": st.sets(st.integers(1, 4)),
        "translated": st.booleans(),
    }
)
RANK, AHEAD = [0, 2, 1], [0, 5, -3]


@given(st.lists(ENTRY, max_size=8))
def test_read_sides(entries: list[dict]) -> None:
    times = (array([entry["times"][part] for entry in entries]) for part in range(5))
    out = np.empty((len(entries), SIDE), np.int64)
    read_sides(
        np.array(RANK), np.array([entry["node"] for entry in entries], np.uint32),
        np.array([entry["zone"] for entry in entries], np.int32), *times,
        np.array([sum(1 << kind for kind in entry["seen"]) for entry in entries], np.uint8),
        np.array([entry["translated"] for entry in entries], np.bool_), np.array(AHEAD), out,
    )  # fmt: skip
    assert out.tolist() == [array(naive.read_side(entry, RANK, AHEAD)).tolist() for entry in entries]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), TIMES), max_size=12))
def test_pair_starts(sides: list[tuple[int, int, int]]) -> None:
    """Of (wire key, node, start)."""
    key, node, start = (np.array([side[part] for side in sides], np.int64) for part in range(3))
    out = np.empty((4, 3), np.int64)
    count = pair_starts(*runs_of(key, 4), node, start, out)
    wanted = naive.pair_starts(
        [(key, node, None if start == UNKNOWN else start) for key, node, start in sides]
    )
    assert out[:count].tolist() == wanted
