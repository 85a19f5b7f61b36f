-- title: What does each row of a flow log show, and do paths explain it?
-- why: A row can belong to several paths; bytes are to be summed over rows.
-- grain: one row per row of a flow log
-- needs: flow logs; without them no rows.
-- columns:
--   source: File, relative to its EXPORT.
--   line: Line in it.
--   eni: ENI of the row.
--   eni_role: Its role; null where the ENI is not in the inventory.
--   node: Its node; null where it is not known.
--   packets: Packets of the row; null in a window without traffic.
--   bytes: IP bytes of the row; null in a window without traffic.
--   first_seen: Start of its window.
--   last_seen: End of its window.
--   paths: Paths that it belongs to; 0 for none.
--   explained: It belongs to a path that conntrack or IPVS saw as well.
--   reason: Why it has no path; null where it has one.
create or replace view flow_rows as
with unseen as (
    -- paths that flow logs alone tell, mostly the fewer
    select path_id from datapaths where not coalesce(list_contains(evidence, 'conntrack') or list_contains(evidence, 'ipvs'), false)
),
logged as not materialized (
    select
        source, line, eni, packets, bytes, first_seen, last_seen, observations.path_id, reason, shared_by,
        observations.path_id is not null and unseen.path_id is null as explained
    from whole_observations as observations
    left join unseen on unseen.path_id = observations.path_id
    where kind = 'vpc-flow-log'
),
told as (
    -- what belongs to one path or none is there once
    select source, line, eni, packets, bytes, first_seen, last_seen, (path_id is not null)::bigint as paths, explained, reason
    from logged
    where shared_by <= 1
    union all
    select
        source, line, eni,
        max(packets), max(bytes), min(first_seen), max(last_seen), count(path_id), bool_or(explained), max(reason)
    from logged
    where shared_by > 1 or shared_by is null
    group by source, line, eni
)
select
    source, line, eni, eni_role, known_enis.node, packets, bytes, first_seen, last_seen, paths, explained, reason
from told
left join known_enis using (eni);
