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
unseen as (
    -- paths that flow logs alone tell, see flow_rows
    select path_id, dataplane, scenario from datapaths where not coalesce(list_contains(evidence, 'conntrack') or list_contains(evidence, 'ipvs'), false)
),
alone as (
    select source, line, eni, window_start as first_seen, window_end as last_seen, false as bypassed
    from unmatched
    where kind = 'vpc-flow-log' and packets is not null
    union all
    -- a row that several share is alone where all of them are
    select source, line, any_value(eni), min(first_seen), max(last_seen), bool_or(bypasses_conntrack is not null)
    from whole_observations as observations
    join unseen using (path_id)
    left join scenarios using (dataplane, scenario)
    where kind = 'vpc-flow-log' and packets is not null
    group by source, line
    having count(*) >= coalesce(max(shared_by), 1)
),
not_covered as (
    select known_enis.node, count(*) as rows
    from alone
    left join known_enis using (eni)
    left join conntrack_spans as dumped on dumped.node is not distinct from known_enis.node
    where dumped.node is null or first_seen > dumped.until or last_seen < dumped.since
        or exists (from missed where missed.node = known_enis.node and first_seen <= missed.until and last_seen >= missed.since)
        or bypassed
    group by known_enis.node
),
logged as (
    select
        node,
        sum(counted_rows)::bigint as rows,
        coalesce(sum(counted_rows) filter (where explained), 0)::bigint as explained_rows,
        try_cast(coalesce(sum(bytes) filter (where not explained), 0) as bigint) as alone_bytes
    from flow_minutes
    group by node
)
select logged.node, logged.rows, explained_rows, coalesce(not_covered.rows, 0) as not_covered_rows, alone_bytes
from logged
left join not_covered on not_covered.node is not distinct from logged.node;
