-- title: Which traffic leaves a secondary ENI with the node's own address as source?
-- why: It is what the source/destination check of ENIs drops once it is on: the list to read before somebody turns it on.
-- grain: one row per ENI, direction, scenario and service
-- needs: flow logs and the list of ENIs with their addresses; without either no rows.
-- columns:
--   node: Node of the ENI.
--   eni: Secondary or member ENI that the packets left by.
--   eni_role: Its role.
--   src_ip: Address of the node that they had as source.
--   hop_direction: forward: requests; return: replies.
--   scenario: Scenario of the paths, see table scenarios; null where it is not known.
--   service: Service that was dialled, 'namespace/name'; null where none was.
--   connections: Connections.
--   bytes: IP bytes of these connections in this direction, at the observer nearest to the client; null where nobody counted.
select
    node, eni, eni_role, src_ip, hop_direction, scenario, service,
    sum(connections)::bigint as connections,
    try_cast(sum(bytes) as bigint) as bytes
from foreign_sources
where eni_role in ('secondary', 'member') and src_kind = 'node'
group by node, eni, eni_role, src_ip, hop_direction, scenario, service
order by connections desc, eni, hop_direction, scenario, service, src_ip
