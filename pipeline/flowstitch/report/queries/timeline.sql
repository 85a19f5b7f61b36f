-- When connections began and what became of them, in at most 120 steps of whole seconds; and who may have missed something meanwhile.
-- nodes_unseen, enis_unseen: nodes whose conntrack and ENIs whose flow log are not whole in the step, see view coverage_stretches;
-- who was not observed at all is not in them.
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
        count(*) filter (where outcome = 'rejected') as rejected,
        count(*) filter (where outcome is null) as not_known
    from datapaths
    group by all
),
gaps as (
    select
        moment,
        count(distinct node) filter (where observer = 'conntrack') as nodes,
        count(distinct eni) filter (where observer = 'flow log') as enis
    from steps
    join coverage_stretches on since < moment + to_seconds(step_s) and until >= moment
    where not whole and state not in ('listed', 'bypassed')
    group by moment
)
select
    epoch_ms(moment) as at_ms, step_s,
    coalesce(answered, 0) as answered, coalesce(refused, 0) as refused,
    coalesce(unanswered, 0) as unanswered, coalesce(rejected, 0) as rejected, coalesce(not_known, 0) as not_known,
    coalesce(nodes, 0) as nodes_unseen, coalesce(enis, 0) as enis_unseen
from steps
left join begun using (moment)
left join gaps using (moment)
order by moment
