-- Between which nodes the connections are, by where their replies land; the busiest nodes by name, the others together.
with ends as (
    select
        left(coalesce(client_node, 'outside or not known'), 80) as client,
        left(coalesce(server_node, 'outside or not known'), 80) as server,
        return_lands_on, outcome, connections, return_bytes
    from path_counts
),
busy as (
    select node
    from (select client as node, connections from ends union all select server, connections from ends)
    group by node
    order by sum(connections) desc, node
    limit 20
)
select
    if(client in (from busy), client, 'other nodes') as client,
    if(server in (from busy), server, 'other nodes') as server,
    coalesce(return_lands_on, if(outcome in ('unanswered', 'one_way', 'rejected'), 'nothing', 'not known')) as lands,
    sum(connections)::bigint as connections,
    try_cast(coalesce(sum(return_bytes), 0) as bigint) as bytes
from ends
group by all
order by all
