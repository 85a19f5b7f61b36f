-- title: What did the flow log of each ENI log in each minute?
-- why: Most that is asked of a flow log are sums; of many rows they are found in these few.
-- grain: one row per ENI, minute in which rows begin, reason, number of paths and whether they are explained; one for each window without traffic or with records missing
-- needs: flow logs; without them no rows.
-- kept: the rows of flow logs are read once, not with each question.
-- columns:
--   eni: ENI of the rows.
--   eni_role: Its role; null where the ENI is not in the inventory.
--   node: Its node; null where it is not known.
--   begins: Minute, or begin of the window.
--   reason: Why these rows have no path; null where they have one.
--   paths: Paths that each of them belongs to: 0, 1, or 2 for several.
--   explained: They belong to a path that conntrack or IPVS saw as well.
--   rows: Rows.
--   counted_rows: Rows with packets.
--   packets: Packets of the rows; null where no row has any.
--   bytes: IP bytes of the rows; null as above.
--   first_seen: Start of the first of their windows.
--   last_seen: End of the last of their windows.
create or replace view flow_minutes as
select
    eni,
    any_value(eni_role) as eni_role,
    any_value(node) as node,
    if(reason in ('no traffic in the window', 'records of the window are missing'), first_seen, time_bucket(interval 1 minute, first_seen)) as begins,
    reason,
    least(paths, 2) as paths,
    explained,
    count(*) as rows,
    count(packets) as counted_rows,
    sum(packets)::bigint as packets,
    sum(bytes)::bigint as bytes,
    min(first_seen) as first_seen,
    max(last_seen) as last_seen
from flow_rows
group by eni, begins, reason, least(paths, 2), explained;
