"""The join's kernels against their naive twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive
from flowstitch.kernels.align import MAX_CELLS, align_observers
from flowstitch.kernels.chain import link_edges, walk_chains
from flowstitch.kernels.lifetimes import UNKNOWN, row_instants, split_lifetimes, summarize_entries
from flowstitch.kernels.owners import find_owners
from flowstitch.kernels.runs import by_run
from flowstitch.kernels.windows import cover_windows, running_maximum, settle_pairs

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


def one_key(sides: int) -> tuple[np.ndarray, np.ndarray]:
    """Order and pointer of sides of one wire key that are in order."""
    return np.arange(sides), np.array([0, sides])


@given(lifetimes(), lifetimes())
def test_two_observers_are_aligned_at_the_least_cost(left: list[tuple], right: list[tuple]) -> None:
    if len(right) > len(left):
        left, right = right, left
    sides = left + right
    observer = np.array([0] * len(left) + [1] * len(right), np.int64)
    lo, hi, last, held = (array([side[part] for side in sides]) for part in range(4))
    segment, candidates = np.empty(len(sides), np.int64), np.empty(len(sides), np.int64)
    count = align_observers(
        *one_key(len(sides)), observer, lo, hi, last, held, NEAR, FAR, JITTER, segment, candidates
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
        *one_key(len(sides)), observer, lo, hi, last, held, NEAR, FAR, JITTER, segment, candidates
    )
    assert len({*zip(observer.tolist(), segment.tolist(), strict=True)}) == len(sides)
    assert max(map(len, observers)) <= count <= len(sides)


def aligned(lo: np.ndarray, start: np.ndarray, held: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Segments and candidates of what two observers saw of one wire key, half of the sides each."""
    sides = start.shape[0]
    observer = np.repeat(np.array([0, 1]), sides // 2)
    segment, candidates = np.empty(sides, np.int64), np.empty(sides, np.int64)
    count = align_observers(
        *one_key(sides), observer, lo, start, start, held, NEAR, FAR, JITTER, segment, candidates
    )
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
    segment, candidates = np.empty(2, np.int64), np.empty(2, np.int64)
    assert align_observers(two, apart, two, two, two, two, two, NEAR, FAR, JITTER, segment, candidates) == 2


window_rows = st.fixed_dictionaries(
    {
        "start": TIMES,
        "length": st.integers(0, 5),
        "opens": st.booleans(),
        "key": st.integers(0, 2),
        "usable": st.booleans(),
    }
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
        array([row["key"] for row in rows]), np.array([row["usable"] for row in rows], np.bool_), start, end, np.array([row["opens"] for row in rows], np.bool_), pointer,
        first, last, held, reach, SECOND, 3 * SECOND,
    )  # fmt: skip
    offsets = np.empty(len(rows) + 1, np.int64)
    pairs = np.empty(cover_windows(*arguments, offsets, np.empty(0, np.int64)), np.int64)
    assert cover_windows(*arguments, offsets, pairs) == pairs.shape[0]
    for number, row in enumerate(rows):
        covered = {int(pair) for pair in pairs[offsets[number] : offsets[number + 1]]}
        if not row["usable"]:
            assert covered == set()
            continue
        window = {"start": int(start[number]), "end": int(end[number]), "opens": row["opens"]}
        wanted, late = naive.cover_window(window, segments[row["key"]], SECOND, 3 * SECOND)
        wanted = {int(pointer[row["key"]]) + place for place in wanted}
        assert covered == wanted or (late and len(covered) == 1 and covered <= wanted)


pair_rows = st.fixed_dictionaries(
    {
        "found": st.lists(st.integers(0, 5), max_size=4, unique=True),
        "lone": maybe(st.integers(0, 2)),
        **{name: st.integers(0, 2) for name in ("src", "dst")},
        "src_port": st.integers(-1, 2),
    }
)


@given(
    st.lists(pair_rows, max_size=6),
    st.permutations(range(6)),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=9, max_size=9),
)
def test_settle_pairs(rows: list[dict], order: list[int], clients: list[tuple[int, int]]) -> None:
    """Six segments that conntrack saw, three that it did not."""
    for row in rows:
        row["found"] = [] if row["lone"] is not None else row["found"]
    offsets = np.cumsum([0, *(len(row["found"]) for row in rows)])
    found = np.array([place for row in rows for place in row["found"]], np.int64)
    lone = array([row["lone"] for row in rows], -1)
    pairs = found.shape[0] + int((lone >= 0).sum())
    out_offsets, (segment, number) = np.empty_like(offsets), (np.empty(pairs, np.int64) for _ in range(2))
    forward = np.empty(pairs, np.bool_)
    settle_pairs(
        offsets, found, np.array(order), lone, 6, *(
            np.array([row[name] for row in rows], kind)
            for name, kind in (("src", np.uint32), ("src_port", np.int32), ("dst", np.uint32))
        ),
        *(np.array([client[part] for client in clients], kind) for part, kind in enumerate((np.uint32, np.int32))),
        1000, np.arange(6)[None], out_offsets, segment, number, forward, np.empty(pairs, np.int64),
    )  # fmt: skip
    for at, row in enumerate(rows):
        mine = slice(out_offsets[at], out_offsets[at + 1])
        wanted = naive.settle_row(row, order, 6, clients)
        assert (
            segment[mine].tolist() == [own if own >= 6 else 1000 + own for own, _ in wanted]
            or [own - 6 for own, _ in wanted if own >= 6] == segment[mine].tolist()
        )
        assert forward[mine].tolist() == [ahead for _, ahead in wanted]
        assert (number[mine] == at).all()


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
    path, (position, root, tail) = np.full(size, -1), (np.empty(size, np.int64) for _ in range(3))
    count = walk_chains(follower, fed, path, position, root, tail)
    found = [sorted(np.flatnonzero(path == number), key=lambda at: position[at]) for number in range(count)]
    assert found == naive.chains(edges, size)
    ends = list(zip(root[:count].tolist(), tail[:count].tolist(), strict=True))
    assert ends == [(chain[0], chain[-1]) for chain in found]
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
