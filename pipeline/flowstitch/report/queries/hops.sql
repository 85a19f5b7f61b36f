-- The hop chains of the scenarios that occur, with what was observed on their legs.
with occurring as (
    select
        dataplane, scenario, variant,
        sum(connections)::bigint as connections,
        coalesce(sum(connections) filter (where return_lands_on = 'primary'), 0)::bigint as on_primary,
        any_value(kernel_stacks) as kernel_stacks,
        try_cast(sum(forward_packets) as bigint) as forward_packets, try_cast(sum(forward_bytes) as bigint) as forward_bytes,
        try_cast(sum(return_packets) as bigint) as return_packets, try_cast(sum(return_bytes) as bigint) as return_bytes,
        max(path_id) as path_id
    from path_counts
    where scenario is not null
    group by dataplane, scenario, variant
),
-- by leg and role of the ENI the connections that crossed one there
crossed as (
    select dataplane, scenario, variant, leg, role, sum(connections)::bigint as connections
    from (
        select
            dataplane, scenario, variant, connections,
            unnest(['forward_out', 'forward_in', 'return_out', 'return_in']) as leg,
            unnest([forward_out_eni_role, forward_in_eni_role, return_out_eni_role, return_in_eni_role]) as role
        from path_counts
    )
    where role is not null
    group by dataplane, scenario, variant, leg, role
),
legs as (
    select
        dataplane, scenario, variant,
        map_from_entries(list((role, connections) order by role) filter (where leg = 'forward_out')) as forward_out,
        map_from_entries(list((role, connections) order by role) filter (where leg = 'forward_in')) as forward_in,
        map_from_entries(list((role, connections) order by role) filter (where leg = 'return_out')) as return_out,
        map_from_entries(list((role, connections) order by role) filter (where leg = 'return_in')) as return_in
    from crossed
    group by dataplane, scenario, variant
),
chains as (
    select
        dataplane, scenario, variant,
        list({device: device, leg: leg} order by hop) filter (where hop_direction = 'forward') as forward,
        list({device: device, leg: leg} order by hop) filter (where hop_direction = 'return') as back
    from scenario_hops
    group by dataplane, scenario, variant
),
-- how this data plane calls nodes: the first word of their ENIs
hosts as (
    select dataplane, list(distinct regexp_extract(device, '^(\S+) .*ENI$', 1)) as hosts
    from scenario_hops
    where regexp_matches(device, '^\S+ .*ENI$')
    group by dataplane
)
select occurring.*, forward_out, forward_in, return_out, return_in, scenarios.title, scenarios.sop, forward, back, hosts
from occurring
join chains
    on chains.dataplane = occurring.dataplane and chains.scenario = occurring.scenario
    and chains.variant is not distinct from occurring.variant
join hosts on hosts.dataplane = occurring.dataplane
left join legs
    on legs.dataplane = occurring.dataplane and legs.scenario = occurring.scenario
    and legs.variant is not distinct from occurring.variant
left join scenarios on scenarios.dataplane = occurring.dataplane and scenarios.scenario = occurring.scenario
where forward is not null and back is not null
order by on_primary desc, connections desc, scenario, variant
limit 40
