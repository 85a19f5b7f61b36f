-- title: What changed between two results?
-- why: The gate for an upgrade of the data plane or kube-proxy: scenarios, landings, asymmetric pairs, broken expectations and dead ends that came, went or shifted.
-- grain: one row per aspect and case whose share or count differs
-- needs: two results; what one of the exports lacks looks like a change, so compare `coverage` of both first.
-- compares: the later result
-- columns:
--   aspect: scenario; outcome; return: where the replies land, by scenario; asymmetric: pairs of ENI roles, by client node; drift: broken expectations, by scenario; dead end.
--   what: The case.
--   verdict: new: only in the later result; gone: only in the earlier; more or less: by its share of the connections.
--   before: Connections in the earlier result; of a dead end 1 where it is there.
--   after: The same in the later one.
--   before_share: Share of all connections of the earlier result; null for dead ends.
--   after_share: The same in the later one.
--   change: after_share less before_share; null for dead ends.
with paths as (
    select 'before' as side, * from path_counts
    union all by name
    select 'after' as side, * from after.path_counts
),
totals as (
    select side, sum(connections) as total from paths group by side
),
ends as (
    select 'before' as side, * from dead_ends
    union all by name
    select 'after' as side, * from after.dead_ends
),
cases as (
    select side, 'scenario' as aspect, coalesce(scenario, 'not known') as what, connections from paths
    union all
    select side, 'outcome', coalesce(outcome, 'not known'), connections from paths
    union all
    select side, 'return', concat_ws(' on ', coalesce(scenario, 'not known'), coalesce(return_lands_on, 'nothing')), connections from paths
    union all
    select side, 'asymmetric', concat_ws(' ', client_node, 'out of', forward_out_eni_role, 'into', return_in_eni_role), connections from paths where "asymmetric"
    union all
    select side, 'drift', concat_ws(': ', coalesce(scenario, 'not known'), unnest(drift)), connections from paths where len(drift) > 0
    union all
    select distinct side, 'dead end', concat_ws(' ', node, service, protocol, path_end(address, port), reason), 1 from ends
),
counted as (
    select
        aspect, what,
        coalesce(sum(connections) filter (where side = 'before'), 0)::bigint as before,
        coalesce(sum(connections) filter (where side = 'after'), 0)::bigint as after
    from cases
    group by aspect, what
),
compared as (
    select
        *,
        if(aspect = 'dead end', null, share(before, (select total from totals where side = 'before'))) as before_share,
        if(aspect = 'dead end', null, share(after, (select total from totals where side = 'after'))) as after_share
    from counted
)
select
    aspect, what,
    case when before = 0 then 'new' when after = 0 then 'gone' when after_share > before_share then 'more' else 'less' end as verdict,
    before, after, before_share, after_share,
    round(coalesce(after_share, 0) - coalesce(before_share, 0), 4) * if(aspect = 'dead end', null, 1) as change
from compared
where before_share is distinct from after_share or (aspect = 'dead end' and before <> after)
order by before > 0 and after > 0, aspect, abs(change) desc, what
