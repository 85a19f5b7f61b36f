"""What a run sums up of the points on the way is what the view of each path gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from flowstitch.catalog import table
from flowstitch.catalog.ddl import create_statement
from flowstitch.join.counters import sum_counter_pairs
from flowstitch.normalize.columns import STORAGE, Pools
from flowstitch.runner.write import arrow_table
from flowstitch.sql.definitions import needed

if TYPE_CHECKING:
    from flowstitch.arrays import Columns

SECOND = 1_000_000
TABLES = ("datapaths", "observations", "unmatched", "sysctls")
NODES = ("a", "b", None)
# With the node of each.
ENIS = (("eni-a", "a"), ("eni-b", "b"), ("eni-c", None), (None, None))
LEGS = (
    "forward_out",
    "forward_in",
    "return_out",
    "return_in",
    "forward_transit",
    "return_transit",
    "request",
)
# Packets and bytes: such that they often agree, and what a header more, a row twice, a counter of 32 bits and a log without one of them make of that.
COUNTS = (
    *[(10, 10_000)] * 6, (11, 10_052), (11, 10_020), (9, 9_000), (20, 20_000), (10 + (1 << 32), 10_000), (10, 10_000 + (1 << 32)), (10, 5 << 30),
    (None, None), (None, 500), (1, None), (0, 0),
)  # fmt: skip
SPANS = (*[(0, 100)] * 6, (None, None), (2, 97), (3, 96), (4, None), (None, 50))


def some(values: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def at(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * SECOND


@st.composite
def rows_of(draw: st.DrawFn, path: int) -> list[dict[str, Any]]:
    """Rows of a path: of conntrack, of flow logs some of which are there twice, and others."""
    rows = []
    for _ in range(draw(st.integers(0, 4))):
        (forward, carried), (back, returned) = draw(some(COUNTS)), draw(some(COUNTS))
        rows.append({
            "kind": draw(some(("conntrack-events", "conntrack-events", "conntrack-list", "ipvs-connections"))),
            "part": draw(some(("client", "transit", "server"))), "position": draw(st.integers(0, 2)), "node": draw(some(NODES)),
            "packets": None if forward is None or back is None else forward + back,
            "bytes": None if carried is None or returned is None else carried + returned,
            "reply_packets": back, "reply_bytes": returned, "shared_by": 1,
        })  # fmt: skip
    for _ in range(draw(st.integers(0, 5))):
        (packets, octets), (begun, ended) = draw(some(COUNTS)), draw(some(SPANS))
        eni, node = draw(some(ENIS))
        row = {
            "kind": "vpc-flow-log", "part": draw(some(LEGS)), "position": draw(st.integers(0, 1)), "node": node, "eni": eni,
            "packets": packets, "bytes": octets,
            "first_seen": at(begun), "last_seen": at(ended), "shared_by": draw(some((1, 1, 1, 2))),
        }  # fmt: skip
        rows += [row] * draw(some((1, 1, 2)))
    return [row | {"path_id": path} for row in rows]


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    paths, rows = [], []
    for path in range(1, 1 + draw(st.integers(1, 4))):
        first, last = draw(some(((0, 99), (0, 99), (1, 98), (50, 60))))
        paths.append({
            "path_id": path, "protocol": draw(some(("tcp", "tcp", "udp"))), "first_seen": at(first), "last_seen": at(last),
            "outcome": draw(some(("closed", "refused", None))), "client_node": draw(some(NODES)),
            "match": draw(some(("exact", "exact", "exact", "ambiguous"))), "time_quality": "events",
        })  # fmt: skip
        rows += draw(rows_of(path))
    windows = [
        {"eni": eni, "log_status": draw(some(("SKIPDATA", "NODATA"))), "window_start": at(start), "window_end": at(start + 10)}
        for (eni, _), start in draw(st.lists(st.tuples(some(ENIS), st.integers(0, 100)), max_size=3))
    ]  # fmt: skip
    return {"datapaths": paths, "observations": rows, "unmatched": windows, "sysctls": []}


def columns_of(name: str, rows: list[dict[str, Any]], pools: Pools) -> Columns:
    """Columns of a table as they are inside, those that have a storage."""
    found = {}
    for item in table(name).fields:
        values = [row.get(item.name) for row in rows]
        if item.type == "name":
            found[item.name] = pools.names.codes(values)
        elif item.type in STORAGE:
            kind, null = STORAGE[item.type]
            code = item.code if item.type == "enum" else int
            found[item.name] = np.array([null if value is None else code(value) for value in values], kind)
    return found


def by_sql(world: dict[str, list[dict[str, Any]]], pools: Pools) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        connection.execute("create view runs as select 'all' as observations")
        for name in TABLES:
            connection.execute(create_statement(name))
            complete = [{item.name: row.get(item.name) for item in table(name).fields} for row in world[name]]
            connection.register("given", arrow_table(name, complete, pools))
            connection.execute(f"insert into {name} by name from given")
        for _, statement in needed("counter_pairs", {}):
            connection.execute(statement)
        return connection.execute("from counter_pairs order by all").fetchall()


def skipped(windows: list[dict[str, Any]], pools: Pools) -> dict[int, tuple[Any, Any]]:
    found: dict[int, list[tuple[int, int]]] = {}
    for row in windows:
        if row["log_status"] == "SKIPDATA":
            found.setdefault(pools.names.code(row["eni"]), []).append(
                (row["window_start"], row["window_end"])
            )
    return {eni: tuple(np.sort(np.array(spans, np.int64).T)) for eni, spans in found.items()}


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_sums_are_those_of_the_view(world: dict[str, list[dict[str, Any]]]) -> None:
    pools = Pools()
    gaps = skipped(world["unmatched"], pools)
    paths, rows = (columns_of(name, world[name], pools) for name in ("datapaths", "observations"))
    summed = [tuple(row.values()) for row in sum_counter_pairs(paths, rows, gaps, pools).to_pylist()]
    assert sorted(summed, key=str) == sorted(by_sql(world, pools), key=str)
