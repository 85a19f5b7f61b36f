"""DuckDB: the question in SQL over the Arrow tables."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from benchmarks.join.inputs import read_table
from benchmarks.join.question import ACK, ENDS, GAP, HELD, IN, LEGS, NEAR, OUT, SECOND, SLACK, SYN

# An endpoint is one BIGINT, address and port; a wire is the lesser and the greater one. An entry always touches the wire of its reply tuple, so
# segments are lifetimes of that; the one before it, if there is one, is the original tuple of the entry that translates.
_ENTRIES = f"""
create temp table lives as
with ends as (
    select
        orig_src_ip::bigint << 16 | orig_src_port as client, orig_dst_ip::bigint << 16 | orig_dst_port as dialled,
        reply_dst_ip::bigint << 16 | reply_dst_port as source, reply_src_ip::bigint << 16 | reply_src_port as server,
        start_at as first, seen_at - {HELD} as last
    from conntrack
),
entry as (
    select *, client <> source or dialled <> server as translates from ends
),
numbered as (
    select *, sum(opens) over (partition by source, server order by first) as life
    from (
        select *, (first - lag(first, 1, first - {GAP}) over (partition by source, server order by first) > {NEAR})::utinyint as opens
        from entry
    )
)
select
    source, server, coalesce(max(client) filter (translates), source) as client, coalesce(max(dialled) filter (translates), server) as dialled,
    min(first) as first, max(last) as last, 1 + max(translates::int) as segments, count(*) as entries,
    row_number() over () as path, least(source, server) as low, greatest(source, server) as high
from numbered
group by source, server, life
"""
_FLOWS = f"""
create temp table attached as
with flow as (
    select
        src_ip::bigint << 16 | src_port as src, dst_ip::bigint << 16 | dst_port as dst, least(src, dst) as low, greatest(src, dst) as high,
        eni, direction, packets, bytes, window_start, window_end + {SECOND} as window_end, tcp_flags & {SYN | ACK} = {SYN} as begins
    from flows
)
select flow.*, lives.path, flow.src = lives.source as forward
from flow left join lives
    on flow.low = lives.low and flow.high = lives.high
    and flow.window_start - {SLACK} <= lives.last and flow.window_end + {SLACK} >= lives.first
"""
_LONELY = f"""
create temp table lonely as
select
    *, max(src) filter (begins) over life_of_wire as source, max(dst) filter (begins) over life_of_wire as server,
    src = source as forward, min(window_start) over life_of_wire as first, max(window_end) over life_of_wire as last
from (
    -- by time, not by row: of rows of one time two windows may take another one first
    select *, sum(opens) over (partition by low, high order by window_start) as life
    from (
        select
            * exclude (path, forward),
            coalesce(window_start > {GAP - SECOND} + max(window_end) over (
                partition by low, high order by window_start rows between unbounded preceding and 1 preceding
            ), true)::utinyint as opens
        from attached where path is null
    )
)
window life_of_wire as (partition by low, high, life)
"""


def _sums(way: str) -> str:
    forward, _, direction = way.partition("_")
    chosen = f"filter ({'forward' if forward == 'forward' else 'not forward'} and direction = {IN if direction == 'in' else OUT})"
    return ", ".join(
        [f"coalesce(max(eni) {chosen}, 0) as {way}_eni"]
        + [f"coalesce(sum({name}) {chosen}, 0)::bigint as {way}_{name}" for name in ("packets", "bytes")]
    )


_SUMS = ", ".join(map(_sums, LEGS))
_ZEROS = ", ".join(
    f"coalesce({way}_{name}, 0) as {way}_{name}" for way in LEGS for name in ("eni", "packets", "bytes")
)
_PARTS = ", ".join(f"{end} >> 16 as {end}_ip, {end} & 65535 as {end}_port" for end in ENDS)
_PATHS = f"""
select {_PARTS}, first, last, segments, entries, coalesce(rows, 0) as rows, {_ZEROS}
from lives left join (select path, count(*) as rows, {_SUMS} from attached where path is not null group by path) using (path)
union all by name
select {_PARTS}, first, last, 1 as segments, 0 as entries, rows, {_ZEROS}
from (
    select source, server, source as client, server as dialled, first, last, count(*) as rows, {_SUMS}
    from lonely group by source, server, first, last
)
"""


def join(conntrack: str, flows: str, names: int, addresses: int) -> pa.Table:  # noqa: ARG001 - numbers of the input
    """One row per path."""
    with duckdb.connect() as session:
        session.execute("set preserve_insertion_order = false")
        session.register("conntrack", read_table(conntrack))
        session.register("flows", read_table(flows))
        session.execute(_ENTRIES)
        session.execute(_FLOWS)
        session.execute(_LONELY)
        return session.sql(_PATHS).to_arrow_table()
