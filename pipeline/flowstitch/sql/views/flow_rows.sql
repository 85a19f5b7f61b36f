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
with told as (
    select
        source, line, eni,
        max(packets) as packets,
        max(bytes) as bytes,
        min(observations.first_seen) as first_seen,
        max(observations.last_seen) as last_seen,
        count(observations.path_id) as paths,
        coalesce(bool_or(list_has_any(evidence, ['conntrack', 'ipvs'])), false) as explained,
        max(reason) as reason
    from whole_observations as observations
    left join datapaths using (path_id)
    where kind = 'vpc-flow-log'
    group by source, line, eni
)
select
    source, line, eni, eni_role, known_enis.node, packets, bytes, first_seen, last_seen, paths, explained, reason
from told
left join known_enis using (eni);
