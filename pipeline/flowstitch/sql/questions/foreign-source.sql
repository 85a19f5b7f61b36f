-- title: What leaves an ENI with a source address that the ENI does not have?
-- why: The cloud's source/destination check drops it once it is on. What no node translated on the way should not be there at all: a pod that lost its routing rule or table, an address mapped to another ENI.
-- grain: one row per ENI, direction, source address and whether it was translated
-- needs: flow logs and the list of ENIs with their addresses; without either no rows.
-- columns:
--   node: Node of the ENI; null where it is not known.
--   eni: ENI that the packets left by.
--   eni_role: Its role.
--   hop_direction: forward: requests; return: replies.
--   src_ip: Source address on the wire.
--   holder_eni: ENI that has this address; null where none has, or several.
--   translated: A node had translated the packets before: requests behind its NAT, replies whose NAT it had undone; null where the conntrack of the ENI's node, which would tell, did not see them.
--   connections: Connections.
--   bytes: IP bytes of these connections in this direction, at the observer nearest to the client; null where nobody counted.
with lengths as (
    select path_id, max(position) as last_position from segments group by path_id
),
crossed as (
    select
        path_id, position, src_ip, dst_ip, observers,
        regexp_extract(crossing, '(?s)^(\w+) (\w+) (.*)$', ['way', 'direction', 'eni']) as parts
    from segments, unnest(crossings) as crossings(crossing)
),
departures as (
    select distinct
        path_id, enis.node, eni, role as eni_role,
        parts.way as hop_direction,
        if(parts.way = 'forward', src_ip, dst_ip) as source,
        case
            when if(parts.way = 'forward', position > 0, position < last_position) then true
            when list_contains(observers, enis.node) then false
        end as translated
    from crossed
    join lengths using (path_id)
    join enis on eni = parts.eni
    where parts.direction = 'out' and len(ips) > 0 and not list_contains(ips, source)
),
holders as (
    select ip, if(count(*) = 1, any_value(eni), null) as holder_eni
    from enis, unnest(ips) as held(ip)
    group by ip
)
select
    departures.node, eni, eni_role, hop_direction,
    source as src_ip,
    holder_eni,
    translated,
    count(*) as connections,
    sum(if(hop_direction = 'forward', forward_bytes, return_bytes))::bigint as bytes
from departures
join datapaths using (path_id)
left join holders on ip = source
group by departures.node, eni, eni_role, hop_direction, source, holder_eni, translated
order by translated nulls last, connections desc, eni, hop_direction, source
