-- Where replies land: of all connections, by node of the client, by service that was dialled.
-- One row per group with a reply over an ENI of the client's node, and one for all connections.
select
    case grouping(client_node, service) when 3 then 'all' when 1 then 'node' else 'service' end as grouped,
    if(grouped = 'node', client_node, service) as name,
    count(*) as connections,
    count(*) filter (where return_lands_on in ('primary', 'secondary', 'member')) as over_eni,
    count(*) filter (where return_lands_on = 'primary') as on_primary,
    count(*) filter (where return_lands_on = 'primary' and return_evidence = 'observed') as observed,
    count(*) filter (where return_lands_on = 'secondary') as on_secondary,
    count(*) filter (where return_lands_on = 'member') as on_member,
    count(*) filter (where return_lands_on = 'local') as local,
    count(*) filter (where return_lands_on = 'outside') as outside,
    count(*) filter (where return_lands_on is null and outcome in ('unanswered', 'one_way', 'rejected')) as no_return,
    count(*) filter (where return_lands_on is null and coalesce(outcome not in ('unanswered', 'one_way', 'rejected'), true)) as not_known,
    (sum(return_bytes) filter (where return_lands_on in ('primary', 'secondary', 'member')))::bigint as over_eni_bytes,
    (sum(return_bytes) filter (where return_lands_on = 'primary'))::bigint as primary_bytes
from datapaths
group by grouping sets ((), (client_node), (service))
having grouped = 'all' or over_eni > 0
order by grouped, on_primary desc, over_eni desc, name nulls last
