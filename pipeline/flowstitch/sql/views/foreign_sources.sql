-- title: What do the packets that left an ENI with a source address that it does not have belong to?
-- why: Three questions sum them up; the paths are in view foreign_departures.
-- grain: one row per ENI, direction, source address, whether it was translated, scenario and service
-- needs: flow logs and the list of ENIs with their addresses; without either no rows.
-- kept: which ENI has an address is asked for each crossing of each path.
-- columns:
--   node: Node of the ENI; null where it is not known.
--   eni: ENI that the packets left by.
--   eni_role: Its role.
--   hop_direction: forward: requests; return: replies.
--   src_ip: Source address on the wire.
--   src_kind: pod or node, whose address it is; null where it is neither, or was both.
--   holder_eni: ENI that has this address; null where none has, or several.
--   translated: A node had translated the packets before, see foreign_departures.
--   scenario: Scenario of the paths; null where it is not known.
--   service: Service that was dialled; null where none was.
--   connections: Connections.
--   bytes: IP bytes of these connections in this direction, at the observer nearest to the client; null where nobody counted.
create or replace view foreign_sources as
select
    foreign_departures.node, eni, eni_role, hop_direction, src_ip, src_kind, holder_eni, translated, scenario, service,
    count(*) as connections,
    try_cast(sum(if(hop_direction = 'forward', forward_bytes, return_bytes)) as bigint) as bytes
from foreign_departures
join datapaths using (path_id)
group by foreign_departures.node, eni, eni_role, hop_direction, src_ip, src_kind, holder_eni, translated, scenario, service;
