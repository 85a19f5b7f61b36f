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
with holders as (
    select ip, if(count(*) = 1, max(eni), null) as holder_eni
    from known_enis, unnest(ips) as held(ip)
    group by ip
)
select distinct
    path_id, eni_crossings.node, eni, eni_role, hop_direction, src_ip, holder_eni,
    owner_kind as src_kind,
    case
        when if(hop_direction = 'forward', position > 0, not is_last) then true
        when list_contains(observers, eni_crossings.node) then false
    end as translated
from eni_crossings
left join holders on holders.ip = src_ip
left join address_owners on address_owners.ip = src_ip
where direction = 'out' and len(eni_ips) > 0 and not list_contains(eni_ips, src_ip);
