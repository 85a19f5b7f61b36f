-- title: How evenly is a node's traffic spread over its ENIs?
-- why: Each ENI has its own limits of bandwidth and packets; one that carries most of a node's bytes reaches them first.
-- grain: one row per ENI
-- needs: the list of ENIs; flow logs for rows and bytes, which are 0 without them.
-- columns:
--   node: Node of the ENI; null where it is not known.
--   eni: ENI.
--   eni_role: Its role; null where it is not in the inventory.
--   pods: Pods that have an address of it.
--   rows: Rows of its flow log.
--   packets: Packets of these rows, both ways.
--   bytes: IP bytes of these rows, both ways.
--   share: Their share of the bytes of all ENIs of the node.
--   bytes_per_s: Mean over the time that its flow log covers; null where it has none.
with owned as (
    select known_enis.eni, count(distinct owner) as pods
    from known_enis, unnest(ips) as held(ip)
    join addresses on addresses.ip = held.ip
    where owner_kind = 'pod'
    group by known_enis.eni
),
carried as (
    select
        eni,
        sum(rows)::bigint as rows,
        try_cast(coalesce(sum(packets), 0) as bigint) as packets,
        try_cast(coalesce(sum(bytes), 0) as bigint) as bytes,
        epoch(max(last_seen) - min(first_seen)) as seconds
    from flow_minutes
    where eni is not null
    group by eni
)
select
    node, eni, eni_role,
    coalesce(pods, 0) as pods,
    coalesce(rows, 0) as rows,
    coalesce(packets, 0) as packets,
    coalesce(bytes, 0) as bytes,
    share(coalesce(bytes, 0), sum(bytes) over (partition by node)) as share,
    round(bytes / nullif(seconds, 0), 1) as bytes_per_s
from known_enis
full join carried using (eni)
left join owned using (eni)
order by node, share desc nulls last, eni
