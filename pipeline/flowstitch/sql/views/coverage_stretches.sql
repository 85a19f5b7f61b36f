-- title: What did conntrack of each node and the flow log of each ENI see, and when?
-- why: What is not there is absent only where the observer was whole: the denominator of all other answers.
-- grain: one row per observer, state and stretch of time; one for each scenario that bypasses conntrack by design
-- needs: the inventory for nodes and ENIs that nobody observed, which are not known without it.
-- columns:
--   observer: conntrack or flow log.
--   node: Node; null where it is not known, or for all of them.
--   eni: ENI; null for conntrack.
--   state: events: all of them were written; events lost: the stream says so, or is torn; listed: what was there at this moment; logged; no traffic: the window is empty (NODATA); records missing: the window lacks some (SKIPDATA); no rows: for longer than a window of the flow log, or ten minutes of events, nothing was written; not observed: there is no source; bypassed: the data plane hides connections of the scenario from it by design.
--   whole: What does not show here did not happen; false where it may have.
--   since: Begin; null for the whole export.
--   until: End; null as above.
--   rows: Rows with that state; 0 where there is none.
--   scenario: What is bypassed; null for everything else.
create or replace view coverage_stretches as
with patience as (
    -- of several dialects the longest window
    select
        interval 10 minutes as of_events,
        coalesce(to_seconds(max(longest_window_s(dialect))), interval 10 minutes) as of_log
    from sources
    where kind = 'vpc-flow-log'
),
seen as (
    select
        'flow log' as observer, node, eni,
        case reason
            when 'no traffic in the window' then 'no traffic'
            when 'records of the window are missing' then 'records missing'
            else 'logged'
        end as state,
        -- a minute has no gap that would be told
        first_seen, last_seen, rows
    from flow_minutes
    where eni is not null and first_seen is not null
    union all
    select
        'conntrack', node, null,
        case when kind = 'conntrack-list' then 'listed' when coalesce(complete, true) then 'events' else 'events lost' end,
        first_seen, last_seen, parsed
    from sources
    where kind in ('conntrack-list', 'conntrack-events') and first_seen is not null
),
reached as (
    select
        *,
        max(last_seen) over (
            partition by observer, node, eni, state order by first_seen, last_seen rows between unbounded preceding and 1 preceding
        ) as reach
    from seen
),
numbered as (
    select
        *,
        -- rows begin with their first packet, up to a window late; empty windows have their own bounds
        sum(if(first_seen <= reach + case state when 'logged' then of_log when 'events' then of_events else interval 1 second end and state <> 'listed', 0, 1))
            over (partition by observer, node, eni, state order by first_seen, last_seen rows unbounded preceding) as stretch
    from reached, patience
),
edges as (
    select min(first_seen) as begun, max(last_seen) as ended from seen
),
steady as (
    select observer, node, eni, first_seen, last_seen from seen where state <> 'listed'
    union all
    select distinct observer, node, eni, begun, begun from seen, edges where state <> 'listed'
    union all
    select distinct observer, node, eni, ended, ended from seen, edges where state <> 'listed'
),
followed as (
    select
        observer, node, eni,
        max(last_seen) over (
            partition by observer, node, eni order by first_seen, last_seen rows between unbounded preceding and 1 preceding
        ) as since,
        first_seen as until
    from steady
),
nodes_known as (
    select name as node from nodes
    union
    select node from known_enis where node is not null
)
select observer, node, eni, state, state not in ('events lost', 'records missing', 'listed') as whole, min(first_seen) as since, max(last_seen) as until, sum(rows)::bigint as rows, null as scenario
from numbered
group by observer, node, eni, state, stretch
union all
select observer, node, eni, 'no rows', false, since, until, 0, null
from followed, patience
where until > since + if(observer = 'flow log', of_log, of_events)
union all
select 'flow log', node, eni, 'not observed', false, null, null, 0, null
from known_enis
where eni not in (select eni from seen where eni is not null)
union all
select 'conntrack', node, null, 'not observed', false, null, null, 0, null
from nodes_known
where node not in (select node from conntrack_spans where node is not null)
union all
-- of every node where there is one data plane, else of those that have it
select 'conntrack', nodes.node, null, 'bypassed', false, null, null, 0, scenario
from scenarios
cross join (select count(distinct dataplane) > 1 as mixed from scenarios)
left join (select distinct name as node, dataplane from nodes) as nodes on mixed and nodes.dataplane = scenarios.dataplane
where bypasses_conntrack is not null and (not mixed or nodes.node is not null);
