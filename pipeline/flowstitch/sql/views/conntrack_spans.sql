-- title: From when to when did conntrack of each node tell of events?
-- why: What flow logs or load balancers saw of another time, conntrack cannot have seen.
-- grain: one row per node with a conntrack list or event stream that has rows
-- needs: conntrack; without it no rows.
-- columns:
--   node: Node; null where it is not known.
--   conntrack_sources: Its conntrack lists and event streams that have rows.
--   since: First of its events; after `until` where it has none.
--   until: Last of its events.
create or replace view conntrack_spans as
select
    node,
    count(*) as conntrack_sources,
    coalesce(min(first_seen) filter (where kind = 'conntrack-events'), 'infinity'::timestamp) as since,
    coalesce(max(last_seen) filter (where kind = 'conntrack-events'), '-infinity'::timestamp) as until
from sources
where kind in ('conntrack-list', 'conntrack-events') and parsed > 0
group by node;
