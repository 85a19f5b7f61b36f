-- Where replies land: of all connections, by node of the client, by service that was dialled.
-- One row per group with a reply over an ENI of the client's node, and one for all connections.
select
    case grouping(client_node, service) when 3 then 'all' when 1 then 'node' else 'service' end as grouped,
    if(grouped = 'node', client_node, service) as name,
    coalesce(sum(connections), 0)::bigint as connections,
    coalesce(sum(connections) filter (where return_lands_on in ('primary', 'secondary', 'member')), 0)::bigint as over_eni,
    coalesce(sum(connections) filter (where return_lands_on = 'primary'), 0)::bigint as on_primary,
    coalesce(sum(connections) filter (where return_lands_on = 'primary' and return_evidence = 'observed'), 0)::bigint as observed,
    coalesce(sum(connections) filter (where return_lands_on = 'secondary'), 0)::bigint as on_secondary,
    coalesce(sum(connections) filter (where return_lands_on = 'member'), 0)::bigint as on_member,
    coalesce(sum(connections) filter (where return_lands_on = 'local'), 0)::bigint as local,
    coalesce(sum(connections) filter (where return_lands_on = 'outside'), 0)::bigint as outside,
    coalesce(sum(connections) filter (where return_lands_on is null and outcome in ('unanswered', 'one_way', 'rejected')), 0)::bigint as no_return,
    coalesce(sum(connections) filter (where return_lands_on is null and coalesce(outcome not in ('unanswered', 'one_way', 'rejected'), true)), 0)::bigint as not_known,
    try_cast((sum(return_bytes) filter (where return_lands_on in ('primary', 'secondary', 'member'))) as bigint) as over_eni_bytes,
    try_cast((sum(return_bytes) filter (where return_lands_on = 'primary')) as bigint) as primary_bytes
from path_counts
group by grouping sets ((), (client_node), (service))
having grouped = 'all' or over_eni > 0
order by grouped, on_primary desc, over_eni desc, name nulls last
