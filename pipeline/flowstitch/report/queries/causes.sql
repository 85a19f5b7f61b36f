-- Why replies land on the primary ENI: each connection of which they do has one cause.
-- One row per cause; the causes are worded in page/causes.toml.
with reachable as (
    select distinct namespace || '/' || name as service from services where len(cluster_ips) > 0
),
of_primary as (
    select distinct unnest(ips) as ip from enis where role = 'primary'
)
select
    case
        when client_kind = 'node' then 'node'
        when client_kind is distinct from 'pod' then 'not_known'
        when not has_snat then if(client_ip in (select ip from of_primary), 'pod_of_primary', 'astray')
        when dialled_kind = 'lb_ip' then if(service in (select service from reachable), 'lb_address', 'lb_address_only')
        when dialled_kind = 'node_port' then 'node_port'
        when dialled_kind = 'outside' then 'outside'
        else 'masqueraded'
    end as cause,
    sum(connections)::bigint as connections,
    try_cast(sum(return_bytes) as bigint) as return_bytes,
    max(largest).path_id as path_id
from client_counts
where return_lands_on = 'primary'
group by cause
order by connections desc, cause
