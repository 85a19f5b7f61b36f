"""The join's kernels against their naive twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive
from flowstitch.kernels.align import MAX_CELLS, align_observers
from flowstitch.kernels.chain import link_edges, walk_chains
from flowstitch.kernels.lifetimes import UNKNOWN, split_lifetimes, summarize_entries
from flowstitch.kernels.owners import find_owners
from flowstitch.kernels.windows import cover_windows, running_maximum

SECOND = 1_000_000
EVENTS = ["list", "new", "update", "destroy"]
# Few distinct times, so that ties, reuse within a second and contradictions all come up.
TIMES = st.integers(0, 40).map(lambda tick: tick * SECOND // 2)


def maybe(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | values


@st.composite
def tuple_rows(draw: st.DrawFn) -> list[dict]:
    rows = []
    for group in range(draw(st.integers(1, 3))):
        times = sorted(draw(st.lists(TIMES, max_size=8)))
        for seen in times:
            lo = draw(maybe(TIMES))
            hi = draw(maybe(TIMES))
            if lo is not None and hi is not None:
                lo, hi = min(lo, hi), max(lo, hi)
            rows.append(
                {
                    "group": group,
                    "event": draw(st.sampled_from(EVENTS)),
                    "seen": seen,
                    "id": draw(st.integers(0, 2)),
                    "lived": draw(maybe(st.integers(0, 12))),
                    "lo": lo,
                    "hi": hi,
                }
            )
    return rows


def array(values: list, null: int = UNKNOWN) -> np.ndarray:
    return np.array([null if value is None else value for value in values], np.int64)


@given(tuple_rows())
def test_split_lifetimes(rows: list[dict]) -> None:
    column = {
        key: [row[key] for row in rows] for key in ("group", "seen", "lived", "lo", "hi", "id", "event")
    }
    size = len(rows)
    entry, start_lo, start_hi, ends = (np.full(size, -7, np.int64) for _ in range(4))
    ids = np.zeros(size, np.uint64)
    count = split_lifetimes(
        array(column["group"]), np.array([EVENTS.index(event) + 1 for event in column["event"]], np.uint8),
        array(column["seen"]), np.array(column["id"], np.uint64), array(column["lived"], -1), array(column["lo"]),
        array(column["hi"]), entry, start_lo, start_hi, ids, ends,
    )  # fmt: skip
    wanted = naive.split_lifetimes(rows)
    assert count == len(wanted)
    for number, life in enumerate(wanted):
        assert sorted(np.flatnonzero(entry == number)) == sorted(life.rows)
        assert start_lo[number] == array([life.start_lo])[0]
        assert start_hi[number] == array([life.start_hi])[0]
        assert ends[number] == array([life.end])[0]
        assert ids[number] == life.conntrack_id


def test_a_destroy_that_its_successor_overtook_ends_the_entry_whose_age_it_tells() -> None:
    """Both have one id, as a slot of the kernel that is used again gives it."""
    events = np.array([2, 2, 4, 3, 4], np.uint8)
    seen = np.array([0, 1_940_400, 1_940_800, 1_941_000, 124_000_000], np.int64)
    unknown = np.full(5, UNKNOWN, np.int64)
    entry, start_lo, start_hi, ends = (np.empty(5, np.int64) for _ in range(4))
    count = split_lifetimes(
        np.zeros(5, np.int64), events, seen, np.full(5, 246908409, np.uint64), np.array([-1, -1, 1, -1, 120]), unknown,
        unknown, entry, start_lo, start_hi, np.empty(5, np.uint64), ends,
    )  # fmt: skip
    assert count == 2
    assert entry.tolist() == [0, 1, 0, 1, 1]


def test_a_list_is_of_the_lifetime_that_began_when_it_says_not_of_one_whose_begin_was_lost() -> None:
    events = np.array([2, 1, 4, 3], np.uint8)
    seen = np.array([0, 21_000_000, 105_990_000, 105_992_000], np.int64)
    lo, hi = (np.array([UNKNOWN, start, UNKNOWN, UNKNOWN]) for start in (0, 1_000_000))
    entry, start_lo, start_hi, ends = (np.empty(4, np.int64) for _ in range(4))
    count = split_lifetimes(
        np.zeros(4, np.int64), events, seen, np.full(4, 785438595, np.uint64), np.array([-1, 20, 105, -1]), lo, hi,
        entry, start_lo, start_hi, np.empty(4, np.uint64), ends,
    )  # fmt: skip
    assert count == 2
    assert entry.tolist() == [0, 0, 0, 1]


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


@given(st.lists(st.tuples(summary_rows, maybe(TIMES)), min_size=1, max_size=3))
def test_summarize_entries(entries: list[tuple[list[dict], int | None]]) -> None:
    groups = [sorted(rows, key=lambda row: row["seen"]) for rows, _ in entries]
    flat = [(number, row) for number, rows in enumerate(groups) for row in rows]
    rows = [row for _, row in flat]
    out, counters = np.empty((len(groups), 8), np.int64), np.empty((len(groups), 4), np.int64)
    counted = np.array([row["counters"] or (-1,) * 4 for row in rows], np.int64)
    summarize_entries(
        np.arange(len(rows)), np.array([number for number, _ in flat]),
        np.array([EVENTS.index(row["event"]) + 1 for row in rows], np.uint8), array([row["seen"] for row in rows]),
        np.array([row["state"] for row in rows], np.uint8), np.array([row["replied"] for row in rows], np.int8),
        np.array([row["assured"] for row in rows], np.int8), array([row["timeout"] for row in rows], -1),
        array([row["full"] for row in rows], -1), array([row["lived"] for row in rows], -1),
        *(np.ascontiguousarray(counted[:, column]) for column in range(4)), array([start for _, start in entries]), out, counters,
    )  # fmt: skip
    for number, (members, (_, start)) in enumerate(zip(groups, entries, strict=True)):
        wanted = naive.summarize_entry(members, start)
        assert out[number, 0] == array([wanted["last"]])[0]
        assert out[number, 1] == wanted["state"]
        assert (out[number, 2] == 1, out[number, 3] == 1) == (wanted["replied"], wanted["assured"])
        assert out[number, 4] == sum(1 << state for state in wanted["states"])
        assert out[number, 5] == sum(1 << EVENTS.index(event) + 1 for event in wanted["seen"])
        assert out[number, 7] == array([wanted["surely"]])[0]
        assert out[number, 6] == array([wanted["held"]])[0]
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


@given(lifetimes(), lifetimes())
def test_two_observers_are_aligned_at_the_least_cost(left: list[tuple], right: list[tuple]) -> None:
    if len(right) > len(left):
        left, right = right, left
    sides = left + right
    observer = np.array([0] * len(left) + [1] * len(right), np.int64)
    lo, hi, last, held = (array([side[part] for side in sides]) for part in range(4))
    segment, candidates = np.empty(len(sides), np.int64), np.empty(len(sides), np.int64)
    count = align_observers(
        np.zeros(len(sides), np.int64), observer, lo, hi, last, held, NEAR, FAR, JITTER, segment, candidates
    )
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
    segment, candidates = np.empty(len(sides), np.int64), np.empty(len(sides), np.int64)
    count = align_observers(
        np.zeros(len(sides), np.int64), observer, lo, hi, last, held, NEAR, FAR, JITTER, segment, candidates
    )
    assert len({*zip(observer.tolist(), segment.tolist(), strict=True)}) == len(sides)
    assert max(map(len, observers)) <= count <= len(sides)


def test_wire_keys_do_not_mix_and_long_ones_are_aligned_greedily() -> None:
    size = int(MAX_CELLS**0.5) + 2
    start = np.concatenate([np.arange(size), np.arange(size)]).astype(np.int64) * 10 * SECOND
    observer = np.repeat(np.array([0, 1]), size)
    segment, candidates = np.empty(2 * size, np.int64), np.empty(2 * size, np.int64)
    group = np.zeros(2 * size, np.int64)
    assert (
        align_observers(group, observer, start, start, start, start, NEAR, FAR, JITTER, segment, candidates)
        == size
    )
    assert (segment[:size] == segment[size:]).all()
    two = np.array([0, 1], np.int64)
    assert align_observers(two, two, two, two, two, two, NEAR, FAR, JITTER, segment[:2], candidates[:2]) == 2


window_rows = st.fixed_dictionaries(
    {"start": TIMES, "length": st.integers(0, 5), "opens": st.booleans(), "key": st.integers(-1, 2)}
)
segment_times = st.tuples(TIMES, st.integers(0, 4), st.integers(0, 4)).map(
    lambda life: (life[0], life[0] + life[1] * SECOND, life[0] + (life[1] + life[2]) * SECOND)
)


@given(
    st.lists(window_rows, max_size=6),
    st.lists(st.lists(segment_times, max_size=4).map(sorted), min_size=3, max_size=3),
)
def test_cover_windows(rows: list[dict], segments: list[list[tuple[int, int, int]]]) -> None:
    flat = [segment for members in segments for segment in members]
    pointer = np.cumsum([0, *map(len, segments)])
    first, last, held = (array([segment[part] for segment in flat]) for part in range(3))
    reach = np.empty_like(last)
    running_maximum(pointer, last, reach)
    start = array([row["start"] for row in rows])
    end = start + array([row["length"] * SECOND for row in rows])
    arguments = (
        array([row["key"] for row in rows]), start, end, np.array([row["opens"] for row in rows], np.bool_), pointer,
        first, last, held, reach, SECOND, 3 * SECOND,
    )  # fmt: skip
    offsets = np.empty(len(rows) + 1, np.int64)
    pairs = np.empty(cover_windows(*arguments, offsets, np.empty(0, np.int64)), np.int64)
    assert cover_windows(*arguments, offsets, pairs) == pairs.shape[0]
    for number, row in enumerate(rows):
        covered = {int(pair) for pair in pairs[offsets[number] : offsets[number + 1]]}
        if row["key"] < 0:
            assert covered == set()
            continue
        window = {"start": int(start[number]), "end": int(end[number]), "opens": row["opens"]}
        wanted, late = naive.cover_window(window, segments[row["key"]], SECOND, 3 * SECOND)
        wanted = {int(pointer[row["key"]]) + place for place in wanted}
        assert covered == wanted or (late and len(covered) == 1 and covered <= wanted)


@given(
    st.integers(1, 6).flatmap(
        lambda size: st.tuples(
            st.just(size), st.lists(st.tuples(*[st.integers(0, size - 1)] * 2), max_size=8)
        )
    )
)
def test_chains(case: tuple[int, list[tuple[int, int]]]) -> None:
    size, edges = case
    source, target = (np.array([edge[end] for edge in edges], np.int64) for end in (0, 1))
    follower, fed = np.full(size, -1, np.int64), np.zeros(size, np.bool_)
    left_out = link_edges(source, target, follower, fed)
    path, position = np.full(size, -1, np.int64), np.zeros(size, np.int64)
    count = walk_chains(follower, fed, path, position)
    found = [sorted(np.flatnonzero(path == number), key=lambda at: position[at]) for number in range(count)]
    assert found == naive.chains(edges, size)
    assert left_out == len(edges) - int((follower >= 0).sum())


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
