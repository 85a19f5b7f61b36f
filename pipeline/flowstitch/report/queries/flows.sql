-- Who dials what, which scenario that is, and where the replies land.
select
    coalesce(client_kind, 'not known') as client,
    coalesce(dialled_kind, 'not known') as dialled,
    coalesce(scenario, 'not known') as scenario,
    coalesce(return_lands_on, if(outcome in ('unanswered', 'one_way', 'rejected'), 'nothing', 'not known')) as lands,
    sum(connections)::bigint as connections,
    try_cast(coalesce(sum(return_bytes), 0) as bigint) as bytes
from path_counts
group by all
order by connections desc, client, dialled, scenario, lands
limit 400
