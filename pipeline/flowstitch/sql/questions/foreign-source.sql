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
--   src_kind: pod or node, whose address it is; null where it is neither, or was both.
--   holder_eni: ENI that has this address; null where none has, or several.
--   translated: A node had translated the packets before: requests behind its NAT, replies whose NAT it had undone; null where the conntrack of the ENI's node, which would tell, did not see them.
--   connections: Connections.
--   bytes: IP bytes of these connections in this direction, at the observer nearest to the client; null where nobody counted.
select
    node, eni, eni_role, hop_direction, src_ip, src_kind, holder_eni, translated,
    sum(connections)::bigint as connections,
    try_cast(sum(bytes) as bigint) as bytes
from foreign_sources
group by node, eni, eni_role, hop_direction, src_ip, src_kind, holder_eni, translated
order by translated nulls last, connections desc, eni, hop_direction, src_ip
