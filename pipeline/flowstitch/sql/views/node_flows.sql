-- title: What do the flow logs of each node have, and what of it could conntrack have seen?
-- why: Rows that only a flow log knows say something of the node's conntrack where it listened to them.
-- grain: one row per node with rows of flow logs
-- needs: flow logs; without them no rows.
-- kept: whether conntrack listened is asked for each row.
-- columns:
--   node: Node; null where it is not known.
--   rows: Rows of its flow logs with packets.
--   explained_rows: Of these, rows of a path that conntrack or IPVS saw as well.
--   not_covered_rows: Of these, rows that its conntrack could not have seen, or is not to see by the design of the data plane.
--   alone_bytes: IP bytes of the rows that are not explained.
create or replace view node_flows as
with missed as (
    select node, since, until from coverage_stretches where observer = 'conntrack' and state in ('events lost', 'no rows')
),
bypassing as (
    select source, line
    from whole_observations as observations
    where kind = 'vpc-flow-log'
        and path_id in (select path_id from datapaths join scenarios using (dataplane, scenario) where bypasses_conntrack is not null)
),
alone as (
    select source, line, node, first_seen, last_seen from flow_rows where not explained and packets is not null
),
not_covered as (
    select alone.node, count(*) as rows
    from alone
    left join conntrack_spans as dumped on dumped.node is not distinct from alone.node
    where dumped.node is null or first_seen > dumped.until or last_seen < dumped.since
        or exists (from missed where missed.node = alone.node and first_seen <= missed.until and last_seen >= missed.since)
        or (source, line) in (select (source, line) from bypassing)
    group by alone.node
),
logged as (
    select
        node,
        sum(counted_rows)::bigint as rows,
        coalesce(sum(counted_rows) filter (where explained), 0)::bigint as explained_rows,
        coalesce(sum(bytes) filter (where not explained), 0)::bigint as alone_bytes
    from flow_minutes
    group by node
)
select logged.node, logged.rows, explained_rows, coalesce(not_covered.rows, 0) as not_covered_rows, alone_bytes
from logged
left join not_covered on not_covered.node is not distinct from logged.node;
