-- When connections began and what became of them, in at most 120 steps of whole seconds; and what was not observed meanwhile.
-- events_of: nodes of which the export has conntrack events; events_missing: of these, those whose events do not reach into the step.
-- logs_missing: ENIs with a flow log that does not reach into the step; skipped: rows of flow logs that say that records are missing.
with span as (
    select min(first_seen) as first, max(first_seen) as last from datapaths
),
width as (
    select first, last, greatest(1, ceil(epoch(last - first) / 120))::bigint as step_s from span where first is not null
),
steps as (
    select step_s, time_bucket(to_seconds(step_s), first) + to_seconds(step_s * place) as moment
    from width, unnest(range((epoch(last - time_bucket(to_seconds(step_s), first)) // step_s)::bigint + 1)) as counted(place)
),
begun as (
    select
        time_bucket(to_seconds((select step_s from width)), first_seen) as moment,
        count(*) filter (where outcome in ('established', 'closed')) as answered,
        count(*) filter (where outcome = 'refused') as refused,
        count(*) filter (where outcome in ('unanswered', 'one_way')) as unanswered,
        count(*) filter (where outcome = 'rejected') as rejected
    from datapaths
    group by all
),
streams as (
    select node, first_seen, last_seen from sources where kind = 'conntrack-events' and first_seen is not null
),
logs as (
    select eni, min(first_seen) as first_seen, max(last_seen) as last_seen from flow_rows where eni is not null group by eni
),
skips as (
    select time_bucket(to_seconds((select step_s from width)), first_seen) as moment, count(*) as skipped
    from flow_rows
    where reason = 'records of the window are missing'
    group by all
),
streamed as (
    select moment, count(distinct node) as nodes
    from steps
    join streams on first_seen < moment + to_seconds(step_s) and last_seen >= moment
    group by moment
),
logged as (
    select moment, count(*) as enis
    from steps
    join logs on first_seen < moment + to_seconds(step_s) and last_seen >= moment
    group by moment
)
select
    epoch_ms(moment) as at_ms, step_s,
    coalesce(answered, 0) as answered, coalesce(refused, 0) as refused,
    coalesce(unanswered, 0) as unanswered, coalesce(rejected, 0) as rejected,
    (select count(distinct node) from streams) as events_of,
    (select count(distinct node) from streams) - coalesce(nodes, 0) as events_missing,
    (select count(*) from logs) - coalesce(enis, 0) as logs_missing,
    coalesce(skipped, 0) as skipped
from steps
left join begun using (moment)
left join skips using (moment)
left join streamed using (moment)
left join logged using (moment)
order by moment
