"""The kernel that finds connections for requests against its naive twin."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive
from flowstitch.join.keys import run_pointers
from flowstitch.kernels.requests import fill_maxima, find_carriers
from flowstitch.kernels.windows import running_maximum

BACKENDS, LEAST = 3, np.iinfo(np.int64).min
TIMES = st.integers(0, 12)


def spans() -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(TIMES, TIMES).map(lambda ends: (min(ends), max(ends)))


@st.composite
def worlds(
    draw: st.DrawFn,
) -> tuple[list[tuple[int, int, int]], list[dict], dict[int, list[tuple[int, int]]]]:
    """Attempts, connections in order of backend and start, and spans by path; a path may go to two backends."""
    connections = []
    for path in range(draw(st.integers(0, 9))):
        first, last = draw(spans())
        backends = draw(st.sets(st.integers(0, BACKENDS - 1), min_size=1, max_size=2))
        connections += [
            {"backend": backend, "path": path, "first": first, "last": last} for backend in backends
        ]
    connections.sort(key=lambda item: (item["backend"], item["first"], item["path"]))
    active = {path: draw(st.lists(spans(), max_size=3)) for path in range(9)}
    attempts = draw(st.lists(st.tuples(st.integers(-1, BACKENDS - 1), spans()), max_size=8))
    known = {path: sorted(found) for path, found in active.items() if found}
    return [(backend, *span) for backend, span in attempts], connections, known


def array(values: list[int]) -> np.ndarray:
    return np.array(values, np.int64)


@given(worlds(), st.integers(1, 4))
def test_find_carriers(world: tuple, room: int) -> None:
    attempts, connections, known = world
    backend, path, first, last = (
        array([item[name] for item in connections]) for name in ("backend", "path", "first", "last")
    )
    tree = np.full(2 << max(0, len(connections) - 1).bit_length(), LEAST, np.int64)
    fill_maxima(last, tree)
    owner = array([number for number, found in sorted(known.items()) for _ in found])
    begin, end = (
        array([span[place] for _, found in sorted(known.items()) for span in found]) for place in (0, 1)
    )
    pointer, reach = run_pointers(owner, 9), np.empty_like(end)
    running_maximum(pointer, end, reach)
    key, since, until = (array([item[place] for item in attempts]) for place in range(3))
    count, found = np.full(len(attempts), -7, np.int64), np.full((len(attempts), room), -1, np.int64)
    find_carriers(
        key,
        since,
        until,
        run_pointers(backend, BACKENDS),
        first,
        path,
        tree,
        pointer,
        begin,
        reach,
        count,
        found,
    )
    for row, attempt in enumerate(attempts):
        wanted = naive.find_carriers(attempt, connections, known)
        assert count[row] == len(wanted)
        assert found[row].tolist() == (wanted + [-1] * room)[:room]


@given(st.lists(st.integers(-5, 5), max_size=20))
def test_fill_maxima(values: list[int]) -> None:
    size = 1 << max(0, len(values) - 1).bit_length()
    tree = np.full(2 * size, LEAST, np.int64)
    fill_maxima(array(values), tree)
    level = values + [LEAST] * (size - len(values))
    for depth in range(size.bit_length() - 1, -1, -1):
        assert tree[1 << depth : 2 << depth].tolist() == level
        level = [max(pair) for pair in zip(level[::2], level[1::2], strict=True)] if len(level) > 1 else []
