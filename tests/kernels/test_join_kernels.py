"""The join's kernels against their naive twins."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive
from flowstitch.join.buckets import Workers
from flowstitch.join.chains import build_chains
from flowstitch.join.segments import Sides
from flowstitch.kernels.align import MAX_CELLS, align_observers
from flowstitch.kernels.lifetimes import UNKNOWN, row_instants, split_lifetimes, summarize_entries
from flowstitch.kernels.owners import find_owners
from flowstitch.kernels.runs import by_run, runs_of
from flowstitch.kernels.sides import settle_sides
from flowstitch.kernels.windows import (
    ACK,
    SPAN,
    SYN,
    TCP,
    cover_windows,
    date_starts,
    drop_pairs,
    lay_out,
    open_segments,
    running_maximum,
    settle_lonely,
)
from side_rows import side_rows

SECOND = 1_000_000
EVENTS = ["list", "new", "update", "destroy"]
# Few distinct times, so that ties, reuse within a second and contradictions all come up.
TIMES = st.integers(0, 40).map(lambda tick: tick * SECOND // 2)


def maybe(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | values


tuple_rows = st.lists(
    st.fixed_dictionaries(
        {
            "group": st.integers(0, 2),
            "event": st.integers(1, 4),
            "seen": TIMES,
            "start": maybe(TIMES.map(lambda time: time - SECOND)),
            "lived": maybe(st.integers(0, 12)),
            "source": st.integers(0, 1),
            "id": st.integers(0, 2),
        }
    ),
    max_size=16,
)
LATE = [0, 3 * SECOND]


def array(values: list, null: int = UNKNOWN) -> np.ndarray:
    return np.array([null if value is None else value for value in values], np.int64)


def columns_of(rows: list[dict]) -> tuple[np.ndarray, ...]:
    """What tells when rows were written, as kernels take it."""
    return (
        np.array([row["event"] for row in rows], np.uint8), array([row["seen"] for row in rows]),
        array([row["start"] for row in rows]), array([row["lived"] for row in rows], -1),
        np.array([row["source"] for row in rows], np.uint32), np.array(LATE),
    )  # fmt: skip


def split(rows: list[dict]) -> tuple[int, np.ndarray, np.ndarray, list[np.ndarray]]:
    """How many lifetimes, the order of rows, the lifetime of each, and of each its bounds, end and id."""
    size = len(rows)
    told, instants = columns_of(rows), np.empty(size, np.int64)
    row_instants(*told, instants)
    order, pointer = by_run(np.array([row["group"] for row in rows], np.int64), 3, instants)
    entry, start_lo, start_hi, ends = (np.full(size, -7, np.int64) for _ in range(4))
    ids = np.zeros(size, np.uint64)
    count = split_lifetimes(
        order, pointer, *told, np.array([row["id"] for row in rows], np.uint64), entry, start_lo, start_hi, ids, ends,
        np.empty(size, np.int64),
    )  # fmt: skip
    return count, order, entry, [start_lo, start_hi, ends, ids]


@given(tuple_rows)
def test_split_lifetimes(rows: list[dict]) -> None:
    count, order, entry, (start_lo, start_hi, ends, ids) = split(rows)
    told = []
    for row in (rows[place] for place in order):
        instant, _, lo, hi = naive.row_times(row, LATE[row["source"]])
        told.append(row | {"event": EVENTS[row["event"] - 1], "seen": instant, "lo": lo, "hi": hi})
    wanted = naive.split_lifetimes(told)
    assert count == len(wanted)
    for number, life in enumerate(wanted):
        assert sorted(np.flatnonzero(entry == number)) == sorted(order[row] for row in life.rows)
        assert start_lo[number] == array([life.start_lo])[0]
        assert start_hi[number] == array([life.start_hi])[0]
        assert ends[number] == array([life.end])[0]
        assert ids[number] == life.conntrack_id


def entry_of(events: list[int], seen: list[int], lived: list[int | None], conntrack_id: int) -> list[int]:
    """Lifetime of each row of one tuple."""
    rows = [
        {"group": 0, "event": event, "seen": at, "start": None, "lived": age, "source": 0, "id": conntrack_id}
        for event, at, age in zip(events, seen, lived, strict=True)
    ]
    count, _, entry, _ = split(rows)
    assert count == 2
    return entry.tolist()


def test_a_destroy_that_its_successor_overtook_ends_the_entry_whose_age_it_tells() -> None:
    """Both have one id, as a slot of the kernel that is used again gives it."""
    seen = [0, 1_940_400, 1_940_800, 1_941_000, 124_000_000]
    assert entry_of([2, 2, 4, 3, 4], seen, [None, None, 1, None, 120], 246908409) == [0, 1, 0, 1, 1]


def test_a_list_is_of_the_lifetime_that_began_when_it_says_not_of_one_whose_begin_was_lost() -> None:
    seen = [0, 21_000_000, 105_990_000, 105_992_000]
    assert entry_of([2, 1, 4, 3], seen, [None, 20, 105, None], 785438595) == [0, 0, 0, 1]


def test_a_tuple_that_comes_again_very_often_takes_no_longer_for_that() -> None:
    count = 200_000
    rows = np.arange(2 * count)
    seen = (rows // 2 * 10 + rows % 2) * SECOND
    event, lived = (2 + 2 * (rows % 2)).astype(np.uint8), np.full(2 * count, -1)
    entry, start_lo, start_hi, ends, opened = (np.empty(2 * count, np.int64) for _ in range(5))
    ids = np.zeros(2 * count, np.uint64)
    found = split_lifetimes(
        rows, np.array([0, 2 * count]), event, seen, np.full(2 * count, UNKNOWN), lived, np.zeros(2 * count, np.uint32),
        np.array(LATE), (rows // 2 + 1).astype(np.uint64), entry, start_lo, start_hi, ids, ends, opened,
    )  # fmt: skip
    assert found == count
    assert (entry == rows // 2).all()


summary_rows = st.lists(
    st.fixed_dictionaries(
        {
            "event": st.sampled_from(EVENTS),
            "seen": TIMES,
            "state": st.integers(0, 9),
            "replied": st.booleans(),
            "assured": st.booleans(),
            "timeout": maybe(st.integers(0, 12)),
            "full": maybe(st.integers(0, 12)),
            "lived": maybe(st.integers(0, 12)),
            "counters": maybe(st.tuples(*[st.integers(0, 9)] * 4)),
        }
    ),
    min_size=1,
    max_size=6,
)


@given(st.lists(st.tuples(summary_rows, maybe(TIMES), maybe(TIMES)), min_size=1, max_size=3))
def test_summarize_entries(entries: list[tuple[list[dict], int | None, int | None]]) -> None:
    groups = [sorted(rows, key=lambda row: row["seen"]) for rows, *_ in entries]
    flat = [(number, row) for number, rows in enumerate(groups) for row in rows]
    rows, found = [row for _, row in flat], len(groups)
    counted = np.array([row["counters"] or (-1,) * 4 for row in rows], np.int64)
    # bounds of the start as lifetimes have them: none, the lower one, or both
    lo, hi = (array([begin[part] for begin in entries]) for part in (1, 2))
    lo = np.minimum(lo, hi)
    start_lo, start_hi = lo.copy(), hi.copy()
    first, (last, surely, held) = np.full(found, -1), (np.empty(found, np.int64) for _ in range(3))
    state, seen = (np.empty(found, np.uint8) for _ in range(2))
    replied, assured = (np.empty(found, np.bool_) for _ in range(2))
    states, counters = np.empty(found, np.int32), np.empty((found, 4), np.int64)
    unknown = [row | {"event": EVENTS.index(row["event"]) + 1, "start": None, "source": 0} for row in rows]
    summarize_entries(
        np.arange(len(rows)), np.array([number for number, _ in flat]), *columns_of(unknown),
        np.array([row["state"] for row in rows], np.uint8), np.array([row["replied"] for row in rows], np.int8),
        np.array([row["assured"] for row in rows], np.int8), array([row["timeout"] for row in rows], -1),
        np.arange(len(rows)), array([row["full"] for row in rows], -1),
        *(np.ascontiguousarray(counted[:, column]) for column in range(4)),
        start_lo, start_hi, first, last, surely, held, state, states, replied, assured, seen, counters,
    )  # fmt: skip
    for number, members in enumerate(groups):
        start = int(lo[number]) if lo[number] == hi[number] != UNKNOWN else None
        wanted = naive.summarize_entry(members, start)
        assert rows[first[number]] is members[0]
        told = array([wanted["last"]])[0]
        assert last[number] == max(told, lo[number])
        assert surely[number] == array([wanted["surely"]])[0]
        assert held[number] == max(array([wanted["held"]])[0], last[number])
        # an entry that no NEW told of began by its last packet at the latest
        upper = hi[number] if start is not None or told == UNKNOWN else min(hi[number], told)
        assert (start_lo[number], start_hi[number]) == (min(lo[number], upper), upper)
        assert state[number] == wanted["state"]
        assert (replied[number], assured[number]) == (wanted["replied"], wanted["assured"])
        assert states[number] == sum(1 << value for value in wanted["states"])
        assert seen[number] == sum(1 << EVENTS.index(event) + 1 for event in wanted["seen"])
        assert tuple(counters[number]) == (wanted["counters"] or (-1,) * 4)


@st.composite
def lifetimes(draw: st.DrawFn) -> list[tuple]:
    found = []
    for _ in range(draw(st.integers(1, 4))):
        hi = draw(TIMES)
        lo = draw(maybe(st.just(hi) | st.integers(max(0, hi - 2 * SECOND), hi)))
        last = hi + draw(st.integers(0, 3 * SECOND))
        found.append((lo, hi, last, last + draw(st.integers(0, 3 * SECOND))))
    return sorted(found, key=lambda life: (life[1], life[2]))


NEAR, FAR, JITTER = 2 * SECOND, 6 * SECOND, SECOND // 4


def align(rows: np.ndarray, order: np.ndarray | None = None) -> tuple[int, np.ndarray, np.ndarray]:
    """Segments of the sides of one wire key, how many, of each side which one, and candidates."""
    sides = rows.shape[0]
    order = np.arange(sides) if order is None else order
    scratch, segment, candidates = np.empty(sides, np.int64), *np.empty((2, sides), np.int32)
    pointer = np.array([0, sides])
    count = align_observers(order, pointer, rows, NEAR, FAR, JITTER, scratch, segment, candidates)
    return count, segment, candidates


@given(lifetimes(), lifetimes())
def test_two_observers_are_aligned_at_the_least_cost(left: list[tuple], right: list[tuple]) -> None:
    if len(right) > len(left):
        left, right = right, left
    sides = left + right
    observer = np.array([0] * len(left) + [1] * len(right), np.int64)
    lo, hi, last, held = (array([side[part] for side in sides]) for part in range(4))
    rows = side_rows(observer=observer, lo=lo, hi=hi, surely=last, held=held)
    count, segment, candidates = align(rows)
    assert sorted(set(segment.tolist())) == list(range(count))
    place = {number: item for item, number in enumerate(segment[: len(left)].tolist())}
    assert len(place) == len(left)
    matching = {
        place[number]: item for item, number in enumerate(segment[len(left) :].tolist()) if number in place
    }  # fmt: skip
    cost, best = naive.best_alignments(left, right, NEAR, FAR)
    assert matching in best, (cost, best)
    assert (candidates >= 1).all()
    for i, j in matching.items():
        close = [
            item
            for item in range(len(right))
            if naive.match_cost(left[i], right[item], False, JITTER, JITTER) is not None
        ]
        assert candidates[len(left) + j] >= len(close) or len(close) == 0


@given(st.lists(lifetimes(), min_size=1, max_size=4))
def test_an_observer_sees_a_segment_once(observers: list[list[tuple]]) -> None:
    sides = [(number, *side) for number, members in enumerate(observers) for side in members]
    lo, hi, last, held = (array([side[part] for side in sides]) for part in (1, 2, 3, 4))
    observer = array([side[0] for side in sides])
    rows = side_rows(observer=observer, lo=lo, hi=hi, surely=last, held=held)
    count, segment, _ = align(rows)
    assert len({*zip(observer.tolist(), segment.tolist(), strict=True)}) == len(sides)
    assert max(map(len, observers)) <= count <= len(sides)


@given(st.lists(lifetimes(), min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_it_does_not_matter_in_what_order_sides_are_given(observers: list[list[tuple]], luck: Random) -> None:
    sides = [(number, *side) for number, members in enumerate(observers) for side in members]
    observer, lo, hi, last, held = (array([side[part] for side in sides]) for part in range(5))
    rows = side_rows(observer=observer, lo=lo, hi=hi, last=np.arange(len(sides)), surely=last, held=held)
    order = np.array(luck.sample(range(len(sides)), len(sides)))
    for one, other in zip(align(rows), align(rows, order), strict=True):
        assert np.array_equal(one, other)


def aligned(lo: np.ndarray, start: np.ndarray, held: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Segments and candidates of what two observers saw of one wire key, half of the sides each."""
    sides = start.shape[0]
    observer = np.repeat(np.array([0, 1]), sides // 2)
    rows = side_rows(observer=observer, lo=lo, hi=start, surely=start, held=held)
    count, segment, candidates = align(rows)
    assert count == segment.max() + 1
    return segment, candidates


def test_a_wire_key_that_comes_again_very_often_takes_no_longer_for_that() -> None:
    """Comparing each with each would be 10,000,000,000 times."""
    size = 100_000
    start = np.tile(np.arange(size) * 10 * SECOND, 2)
    segment, candidates = aligned(start, start, start + SECOND)
    assert (segment[:size] == segment[size:]).all()
    assert (candidates == 1).all()


def test_what_may_all_be_one_another_is_aligned_greedily() -> None:
    size = int(MAX_CELLS**0.5) + 2
    start = np.tile(np.arange(size) * 10 * SECOND, 2)
    lo = np.concatenate([np.full(size, UNKNOWN), start[size:]])
    segment, _ = aligned(lo, start, np.full(2 * size, start.max()))
    assert (segment[:size] == segment[size:]).all()


def test_wire_keys_do_not_mix() -> None:
    two, apart = np.array([0, 1], np.int64), np.arange(3)
    rows = side_rows(observer=two, lo=two, hi=two, surely=two, held=two)
    scratch, segment, candidates = np.empty(2, np.int64), *np.empty((2, 2), np.int32)
    assert align_observers(two, apart, rows, NEAR, FAR, JITTER, scratch, segment, candidates) == 2


window_rows = st.fixed_dictionaries(
    {
        "start": TIMES,
        "length": st.integers(0, 5),
        "protocol": st.sampled_from([TCP, 17]),
        "flags": st.sampled_from([-1, 0, SYN, SYN | ACK, ACK]),
        "key": st.integers(0, 2),
        "usable": st.booleans(),
        **{name: st.integers(0, 2) for name in ("src", "dst")},
        "src_port": st.integers(-1, 2),
    }
)
segment_times = st.tuples(TIMES, st.integers(0, 4), st.integers(0, 4)).map(
    lambda life: (life[0], life[0] + life[1] * SECOND, life[0] + (life[1] + life[2]) * SECOND)
)
SLACK, LINGER = SECOND, 3 * SECOND


def of_rows(rows: list[dict], name: str, kind: type) -> np.ndarray:
    return np.array([row[name] for row in rows], kind)


def ends_of(rows: list[dict]) -> list[np.ndarray]:
    kinds = (("src", np.uint32), ("src_port", np.int32), ("dst", np.uint32))
    return [of_rows(rows, name, kind) for name, kind in kinds]


@given(
    st.lists(window_rows, max_size=6),
    st.lists(st.lists(segment_times, max_size=4).map(sorted), min_size=3, max_size=3),
    st.permutations(range(12)),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=12, max_size=12),
)
def test_cover_windows(
    rows: list[dict],
    segments: list[list[tuple[int, int, int]]],
    shuffled: list[int],
    clients: list[tuple[int, int]],
) -> None:
    """Rows of three wire keys, whose segments are numbered in any order."""
    flat = [segment for members in segments for segment in members]
    order = np.array([number for number in shuffled if number < len(flat)], np.int64)
    pointer = np.cumsum([0, *map(len, segments)])
    times, (client, client_port) = (
        np.empty((3, len(flat)), np.int64),
        np.array(clients, np.int32)[: len(flat)].T,
    )
    times[:, order] = np.array(flat, np.int64).reshape(-1, 3).T
    spans = np.empty((len(flat), SPAN), np.int64)
    lay_out(order, pointer, *times, client.astype(np.uint32), client_port.copy(), spans)
    start = of_rows(rows, "start", np.int64)
    end = start + of_rows(rows, "length", np.int64) * SECOND
    arguments = (
        of_rows(rows, "key", np.int64), of_rows(rows, "usable", np.bool_), start, end,
        of_rows(rows, "protocol", np.int32), of_rows(rows, "flags", np.int32), *ends_of(rows), pointer, spans, order[:, None], 1000, SLACK, LINGER,
    )  # fmt: skip
    offsets, lonely = np.empty(len(rows) + 1, np.int64), np.empty(len(rows), np.int64)

    def cover(room: int) -> tuple[int, int, list[np.ndarray]]:
        found = [np.empty(room, kind) for kind in (np.int64, np.int64, np.bool_)]
        return *cover_windows(*arguments, offsets, *found, lonely, np.empty(room, np.int64)), found

    room, _, _ = cover(0)
    pairs, alone, (segment, number, forward) = cover(room)
    assert pairs == room
    without = []
    for at, row in enumerate(rows):
        mine = slice(offsets[at], offsets[at + 1])
        assert (number[mine] == at).all()
        if not row["usable"]:
            assert mine.start == mine.stop
            continue
        opens = row["protocol"] == TCP and row["flags"] > 0 and bool(row["flags"] & SYN)
        window = {"start": int(start[at]), "end": int(end[at]), "opens": opens}
        wanted, late = naive.cover_window(window, segments[row["key"]], SLACK, LINGER)
        wanted = {int(order[pointer[row["key"]] + place]) for place in wanted}
        covered = (segment[mine] - 1000).tolist()
        if not wanted:
            without.append(at)
            assert segment[mine].tolist() == [-1]
            continue
        assert covered == sorted(wanted) or (late and len(covered) == 1 and {*covered} <= wanted)
        assert forward[mine].tolist() == [naive.goes_forward(row, *clients[own]) for own in covered]
    assert lonely[:alone].tolist() == without


@given(st.lists(window_rows, min_size=1, max_size=6), st.data())
def test_rows_of_their_own(rows: list[dict], data: st.DataObject) -> None:
    """Of rows with one pair each some get a segment of their own, and others are no pair after all."""
    size = len(rows)
    lonely = np.flatnonzero(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    own = np.array([data.draw(st.integers(0, 2)) for _ in lonely], np.int64)
    clients = data.draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=3, max_size=3))
    dropped = np.array([data.draw(st.booleans()) and at not in lonely for at in range(size)])
    client, client_port = np.array(clients).T
    offsets, segment, number = np.arange(size + 1), np.full(size, -1), np.arange(size)
    forward = np.zeros(size, np.bool_)
    settle_lonely(
        offsets, *ends_of(rows), client.astype(np.uint32), client_port.astype(np.int32), lonely, own, segment, forward
    )  # fmt: skip
    left = drop_pairs(dropped, offsets, segment, number, forward)
    kept = [at for at in range(size) if not dropped[at]]
    assert number[:left].tolist() == kept
    assert offsets.tolist() == np.cumsum([0, *(1 - dropped.astype(int))]).tolist()
    for pair, at in enumerate(kept):
        mine = own[lonely == at]
        assert [segment[pair]] == (mine.tolist() or [-1])
        assert forward[pair] == (mine.shape[0] > 0 and naive.goes_forward(rows[at], *clients[mine[0]]))


@given(st.lists(st.tuples(window_rows, st.booleans()), max_size=8))
def test_open_segments(told: list[tuple[dict, bool]]) -> None:
    """Rows of a wire key that are apart are of other segments, whatever else their order says."""
    rows, forward = [row for row, _ in told], np.array([ahead for _, ahead in told], np.bool_)
    start = of_rows(rows, "start", np.int64)
    end = start + of_rows(rows, "length", np.int64) * SECOND
    order, pointer = by_run(of_rows(rows, "key", np.int64), 3, start)
    segment, head, last = np.empty((3, len(rows)), np.int64)
    said = np.empty((len(rows), 2), np.int64)
    count = open_segments(
        order, pointer, of_rows(rows, "protocol", np.int32), of_rows(rows, "flags", np.int32), forward, start, end, SECOND,
        segment, head, last, said,
    )  # fmt: skip
    spans = [
        (row["key"], begin, finish)
        for row, begin, finish in zip(rows, start.tolist(), end.tolist(), strict=True)
    ]
    wanted = naive.apart(spans, SECOND)
    assert [sorted(np.flatnonzero(segment == number).tolist()) for number in range(count)] == wanted
    for number, members in enumerate(wanted):
        assert head[number] == min(members, key=lambda row: (start[row], row))
        assert last[number] == end[members].max()
        opens = [at for at in members if rows[at]["protocol"] == TCP and rows[at]["flags"] == SYN]
        assert said[number].tolist() == [sum(forward[opens]), sum(~forward[opens])]


@given(
    st.lists(window_rows, max_size=6),
    st.lists(st.tuples(st.integers(0, 2), maybe(TIMES), st.booleans()), max_size=5),
)
def test_date_starts(rows: list[dict], segments: list[tuple[int, int | None, bool]]) -> None:
    """The start of a segment tells the clocks apart where it is known and no other has its wire key."""
    keys = np.array([key for key, _, _ in segments], np.int64)
    order, pointer = runs_of(keys, 3)
    out = np.empty(len(rows), np.int64)
    count = date_starts(
        of_rows(rows, "key", np.int64), of_rows(rows, "protocol", np.int32), of_rows(rows, "flags", np.int32),
        of_rows(rows, "start", np.int64), pointer, order,
        np.array([exact for *_, exact in segments], np.bool_), array([first for _, first, _ in segments]), out,
    )  # fmt: skip
    wanted = []
    for row in rows:
        mine = [(first, exact) for key, first, exact in segments if key == row["key"]]
        if (
            row["protocol"] == TCP
            and row["flags"] == SYN
            and len(mine) == 1
            and mine[0][1]
            and mine[0][0] is not None
        ):
            wanted.append(row["start"] + SECOND // 2 - mine[0][0])
    assert out[:count].tolist() == wanted


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 3), maybe(st.integers(0, 5))), max_size=8))
def test_settle_sides(sides: list[tuple[int, int, int | None]]) -> None:
    """Original sides of a bucket, and reply sides that have numbers among those of all buckets."""
    replies = {number: (segment, candidates) for segment, candidates, number in sides if number is not None}
    own = [(segment, candidates) for segment, candidates, number in sides if number is None]
    segment, candidates = (
        np.array([side[part] for side in (*own, *replies.values())], np.int32) for part in range(2)
    )
    out = np.full((2, 20), -1, np.int32)
    settle_sides(segment, candidates, np.array([*replies], np.int32), 3, 14, 100, *out)
    wanted = {3 + at: side for at, side in enumerate(own)} | {14 + at: side for at, side in replies.items()}
    for at in range(20):
        found = tuple(out[:, at].tolist())
        assert found == ((100 + wanted[at][0], wanted[at][1]) if at in wanted else (-1, -1))


@given(
    st.integers(1, 6).flatmap(
        lambda size: st.tuples(
            st.just(size), st.lists(st.tuples(*[st.integers(0, size - 1)] * 2), max_size=8)
        )
    ),
    st.integers(1, 3),
)
def test_chains(case: tuple[int, list[tuple[int, int]]], threads: int) -> None:
    size, edges = case
    segment = np.array([edge[end] for end in (0, 1) for edge in edges], np.int32)
    entry, reply = np.tile(np.arange(len(edges), dtype=np.int32), 2), np.repeat([False, True], len(edges))
    with Workers(threads) as workers:
        chains = build_chains(Sides(entry, reply, segment, np.ones_like(entry)), size, workers)
    found = [
        sorted(np.flatnonzero(chains.path == number), key=lambda at: chains.position[at])
        for number in range(len(chains))
    ]
    assert found == naive.chains(edges, size)
    ends = list(zip(chains.root.tolist(), chains.tail.tolist(), strict=True))
    assert ends == [(chain[0], chain[-1]) for chain in found]
    followed = [tuple(edge) for edge in enumerate(chains.next_segment.tolist()) if edge[1] >= 0]
    assert chains.left_out == len(edges) - len(followed)
    leading = dict(zip(edges, range(len(edges)), strict=True))
    assert [chains.next_entry[begin] for begin, _ in followed] == [leading[edge] for edge in followed]


ownerships = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda pair: (min(pair), max(pair))), max_size=4
)


@given(
    st.lists(ownerships, min_size=2, max_size=4),
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 10)), max_size=8),
)
def test_find_owners(owned: list[list[tuple[int, int]]], asked: list[tuple[int, int]]) -> None:
    flat = [span for spans in owned for span in spans]
    pointer = np.cumsum([0, *map(len, owned)])
    out = np.empty(len(asked), np.int64)
    begin, end = (np.array([span[side] for span in flat], np.int64) for side in (0, 1))
    find_owners(
        np.array([a for a, _ in asked], np.int64),
        np.array([t for _, t in asked], np.int64),
        pointer,
        begin,
        end,
        out,
    )
    for row, (address, at) in enumerate(asked):
        wanted = naive.find_owner(at, owned[address])
        assert out[row] == (wanted if wanted < 0 else pointer[address] + wanted)


@pytest.mark.parametrize("values", [[3, 1, 2, 5, 4], []])
def test_running_maximum(values: list[int]) -> None:
    out = np.empty(len(values), np.int64)
    running_maximum(np.array([0, len(values)]), np.array(values, np.int64), out)
    assert out.tolist() == np.maximum.accumulate(np.array(values, np.int64)).tolist()
