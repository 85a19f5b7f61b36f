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
with unseen as (
    -- paths that flow logs alone tell, see flow_rows
    select path_id from datapaths where not coalesce(list_contains(evidence, 'conntrack') or list_contains(evidence, 'ipvs'), false)
),
-- of all rows, read once: sums of those that belong to one path or none; a row that several share is by itself, and there for each of them
logged as (
    select
        eni,
        if(reason in ('no traffic in the window', 'records of the window are missing'), first_seen, date_trunc('minute', first_seen)) as begins,
        reason,
        if(shared_by <= 1, null, source) as shared_source,
        if(shared_by <= 1, null, line) as shared_line,
        if(shared_by <= 1, observations.path_id is not null, null) as on_path,
        if(shared_by <= 1, observations.path_id is not null and unseen.path_id is null, null) as all_explained,
        count(*) as rows,
        count(packets) as counted_rows,
        try_cast(sum(packets) as bigint) as packets,
        try_cast(sum(bytes) as bigint) as bytes,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen,
        count(observations.path_id) as paths,
        bool_or(observations.path_id is not null and unseen.path_id is null) as explained
    from whole_observations as observations
    left join unseen on unseen.path_id = observations.path_id
    where kind = 'vpc-flow-log'
    group by eni, begins, reason, shared_source, shared_line, on_path, all_explained
),
told as (
    select
        eni, begins, reason, explained, first_seen, last_seen,
        least(if(shared_source is null, on_path::bigint, paths), 2) as paths,
        if(shared_source is null, rows, 1) as rows,
        if(shared_source is null, counted_rows, least(counted_rows, 1)) as counted_rows,
        if(shared_source is null, packets, packets // counted_rows) as packets,
        if(shared_source is null, bytes, bytes // rows) as bytes
    from logged
),
summed as (
    select
        eni, begins, reason, paths, explained,
        sum(rows)::bigint as rows,
        sum(counted_rows)::bigint as counted_rows,
        try_cast(sum(packets) as bigint) as packets,
        try_cast(sum(bytes) as bigint) as bytes,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen
    from told
    group by eni, begins, reason, paths, explained
)
select eni, eni_role, node, begins, reason, paths, explained, rows, counted_rows, packets, bytes, first_seen, last_seen
from summed
left join known_enis using (eni);
