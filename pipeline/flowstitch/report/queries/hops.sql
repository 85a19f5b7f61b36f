-- The hop chains of the scenarios that occur, with what was observed on their legs.
with occurring as (
    select
        dataplane, scenario, variant,
        count(*) as connections,
        count(*) filter (where return_lands_on = 'primary') as on_primary,
        any_value(kernel_stacks) as kernel_stacks,
        sum(forward_packets)::bigint as forward_packets, sum(forward_bytes)::bigint as forward_bytes,
        sum(return_packets)::bigint as return_packets, sum(return_bytes)::bigint as return_bytes,
        histogram(forward_out_eni_role) as forward_out, histogram(forward_in_eni_role) as forward_in,
        histogram(return_out_eni_role) as return_out, histogram(return_in_eni_role) as return_in,
        max(path_id) as path_id
    from datapaths
    where scenario is not null
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
select occurring.*, scenarios.title, scenarios.sop, forward, back, hosts
from occurring
join chains
    on chains.dataplane = occurring.dataplane and chains.scenario = occurring.scenario
    and chains.variant is not distinct from occurring.variant
join hosts on hosts.dataplane = occurring.dataplane
left join scenarios on scenarios.dataplane = occurring.dataplane and scenarios.scenario = occurring.scenario
where forward is not null and back is not null
order by on_primary desc, connections desc, scenario, variant
limit 40
