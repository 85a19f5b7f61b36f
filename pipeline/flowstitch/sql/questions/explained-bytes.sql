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
with flow_rows as (
    select
        eni,
        coalesce(any_value(bytes), 0) as bytes,
        bool_or(observations.path_id is not null) as matched,
        coalesce(bool_or(list_has_any(evidence, ['conntrack', 'ipvs'])), false) as seen,
        any_value(shared_by) > 1 as shared,
        any_value(reason) as reason
    from observations
    left join datapaths using (path_id)
    where kind = 'vpc-flow-log'
    group by source, line, eni
)
select
    any_value(enis.node) as node,
    eni,
    any_value(role) as eni_role,
    count(*) as rows,
    sum(bytes)::bigint as bytes,
    sum(if(seen, bytes, 0))::bigint as explained_bytes,
    sum(if(matched and not seen, bytes, 0))::bigint as alone_bytes,
    sum(if(matched, 0, bytes))::bigint as unmatched_bytes,
    sum(if(shared, bytes, 0))::bigint as shared_bytes,
    share(sum(if(seen, bytes, 0)), sum(bytes)) as share,
    coalesce(list(distinct reason order by reason) filter (where reason is not null), []) as reasons
from flow_rows
left join enis using (eni)
group by eni
order by share nulls first, bytes desc, eni
