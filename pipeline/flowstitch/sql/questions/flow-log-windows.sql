-- title: Which time does each ENI's flow log cover, and which of it is missing?
-- why: It is the denominator of all other answers: what a window that skipped records does not show is not absent.
-- grain: one row per ENI
-- needs: flow logs and the list of ENIs; an ENI without a log has 0 rows.
-- columns:
--   node: Node of the ENI; null where it is not known.
--   eni: ENI.
--   eni_role: Its role; null where it is not in the inventory.
--   rows: Rows of its flow log.
--   ok_rows: Of these, rows with traffic.
--   nodata_rows: Rows of windows without traffic.
--   skipdata_rows: Rows of windows of which records are missing.
--   first_seen: Start of the first window; null without a log.
--   last_seen: End of the last window; null without a log.
--   conntrack_from: First row of conntrack of the node; null where it has none.
--   conntrack_until: Last row of conntrack of the node; null where it has none.
--   uncovered_s: Seconds of the span of conntrack that the flow log does not reach, all of them where there is no log; null where the node has no conntrack.
with logged as (
    select
        eni,
        sum(rows)::bigint as rows,
        coalesce(sum(rows) filter (where reason = 'no traffic in the window'), 0)::bigint as nodata_rows,
        coalesce(sum(rows) filter (where reason = 'records of the window are missing'), 0)::bigint as skipdata_rows,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen
    from flow_minutes
    where eni is not null
    group by eni
),
dumped as (
    select node, min(first_seen) as conntrack_from, max(last_seen) as conntrack_until
    from sources
    where kind in ('conntrack-list', 'conntrack-events')
    group by node
)
select
    known_enis.node, eni, eni_role,
    coalesce(rows, 0) as rows,
    coalesce(rows - nodata_rows - skipdata_rows, 0) as ok_rows,
    coalesce(nodata_rows, 0) as nodata_rows,
    coalesce(skipdata_rows, 0) as skipdata_rows,
    first_seen, last_seen, conntrack_from, conntrack_until,
    ceil(
        case
            -- of null and 0 greatest gives 0
            when conntrack_from is null then null
            when first_seen is null then epoch(conntrack_until - conntrack_from)
            else
                greatest(epoch(least(first_seen, conntrack_until) - conntrack_from), 0)
                + greatest(epoch(conntrack_until - greatest(last_seen, conntrack_from)), 0)
        end
    )::bigint as uncovered_s
from known_enis
full join logged using (eni)
left join dumped on dumped.node = known_enis.node
order by skipdata_rows desc, uncovered_s desc nulls first, eni
