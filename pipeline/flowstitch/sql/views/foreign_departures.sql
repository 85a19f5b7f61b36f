-- title: Which packets left an ENI with a source address that the ENI does not have?
-- why: The cloud's source/destination check drops them once it is on.
-- grain: one row per path, ENI, direction and source address
-- needs: flow logs and the list of ENIs with their addresses; without either no rows.
-- columns:
--   path_id: The connection, see datapaths.
--   node: Node of the ENI; null where it is not known.
--   eni: ENI that the packets left by.
--   eni_role: Its role.
--   hop_direction: forward: requests; return: replies.
--   src_ip: Source address on the wire.
--   holder_eni: ENI that has this address; null where none has, or several.
--   src_kind: pod or node, whose address it is; null where it is neither, or was both.
--   translated: A node had translated the packets before: requests behind its NAT, replies whose NAT it had undone; null where the conntrack of the ENI's node, which would tell, did not see them.
create or replace view foreign_departures as
with held as (
    select eni, unnest(ips) as ip from known_enis
),
holders as (
    select ip, if(count(*) = 1, max(eni), null) as holder_eni from held group by ip
),
-- crossings that leave an ENI as segments writes them: to compare them takes less than to cut up all
ways_out as (
    select hop_direction || ' out ' || eni as crossing, ip from held, (values ('forward'), ('return')) as directions(hop_direction)
),
crossed as (
    select path_id, position, src_ip, dst_ip, observers, unnest(crossings) as crossing
    from segments
),
departed as (
    select path_id, position, observers, crossing, if(starts_with(crossing, 'forward'), src_ip, dst_ip) as src_ip
    from crossed
    where crossing in (select crossing from ways_out)
),
foreign_ones as (
    select
        path_id, position, observers, src_ip,
        split_part(crossing, ' ', 1) as hop_direction,
        substr(crossing, length(hop_direction) + length(' out ') + 1) as eni
    from departed
    anti join ways_out as own on own.crossing = departed.crossing and own.ip = departed.src_ip
),
lengths as (
    select path_id, max(position) as last_position
    from segments
    where path_id in (select path_id from foreign_ones where hop_direction = 'return')
    group by path_id
),
told as (
    select path_id, hop_direction, eni, src_ip, observers, position > 0 as behind from foreign_ones where hop_direction = 'forward'
    union all
    select path_id, hop_direction, eni, src_ip, observers, position < last_position
    from foreign_ones
    join lengths using (path_id)
    where hop_direction = 'return'
),
departures as (
    select distinct
        path_id, hop_direction, eni, src_ip,
        case when behind then true when list_contains(observers, node) then false end as translated
    from told
    join known_enis using (eni)
)
select
    path_id, known_enis.node, eni, eni_role, hop_direction, src_ip, holder_eni,
    owner_kind as src_kind,
    translated
from departures
join known_enis using (eni)
left join holders on holders.ip = src_ip
left join address_owners on address_owners.ip = src_ip;
