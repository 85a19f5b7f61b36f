-- title: How much of what each ENI carried do the paths explain?
-- why: Bytes that only a flow log knows belong to hosts without a conntrack dump, to traffic that bypasses it or to lost events; the more of them, the less the other answers hold for this ENI.
-- grain: one row per ENI with rows in a flow log
-- needs: flow logs; without them no rows, without conntrack nothing is explained.
-- columns:
--   node: Node of the ENI; null where it is not known.
--   eni: ENI.
--   eni_role: Its role; null where the ENI is not in the inventory.
--   rows: Rows of its flow log.
--   bytes: IP bytes of these rows, each counted once, however many paths it belongs to.
--   explained_bytes: Of rows of a path that conntrack or IPVS saw as well.
--   alone_bytes: Of rows that make up a path by themselves.
--   unmatched_bytes: Of rows without a path.
--   shared_bytes: Of rows of several paths, which prove their ENIs and count for none.
--   share: Share of explained_bytes in bytes.
--   reasons: Why rows have no path.
select
    any_value(node) as node,
    eni,
    any_value(eni_role) as eni_role,
    sum(rows)::bigint as rows,
    try_cast(coalesce(sum(bytes), 0) as bigint) as bytes,
    try_cast(sum(if(explained, bytes, 0)) as bigint) as explained_bytes,
    try_cast(sum(if(paths > 0 and not explained, bytes, 0)) as bigint) as alone_bytes,
    try_cast(coalesce(sum(if(paths > 0, 0, bytes)), 0) as bigint) as unmatched_bytes,
    try_cast(sum(if(paths > 1, bytes, 0)) as bigint) as shared_bytes,
    share(sum(if(explained, bytes, 0)), sum(bytes)) as share,
    coalesce(list(distinct reason order by reason) filter (where reason is not null), []) as reasons
from flow_minutes
group by eni
order by share nulls first, bytes desc, eni
