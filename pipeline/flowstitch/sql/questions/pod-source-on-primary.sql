-- title: Which pods' traffic leaves the primary ENI with the pod's own address?
-- why: A pod that lost its routing rule or table falls through to the node's main table; IPVS without conntrack does the same. Under IPVS with `iif` rules, translated traffic goes this way by design.
-- grain: one row per node, pod, direction, scenario and whether it was translated
-- needs: flow logs and the list of ENIs with their addresses; without either no rows.
-- columns:
--   node: Node of the ENI.
--   eni: Primary ENI that the packets left by.
--   name: 'namespace/pod' whose address it is; null where several had it.
--   src_ip: Its address.
--   hop_direction: forward: requests; return: replies.
--   scenario: Scenario of the paths, see table scenarios; null where it is not known.
--   translated: A node had translated the packets before, which this way of leaving can be due to; false marks the fault; null where it is not known.
--   connections: Connections.
--   bytes: IP bytes of these connections in this direction, at the observer nearest to the client; null where nobody counted.
select
    foreign_sources.node, eni,
    any_value(address_owners.name) as name,
    src_ip, hop_direction, scenario, translated,
    sum(connections)::bigint as connections,
    try_cast(sum(bytes) as bigint) as bytes
from foreign_sources
left join address_owners on ip = src_ip
where eni_role = 'primary' and src_kind = 'pod'
group by foreign_sources.node, eni, src_ip, hop_direction, scenario, translated
order by translated nulls last, connections desc, eni, src_ip, hop_direction, scenario
