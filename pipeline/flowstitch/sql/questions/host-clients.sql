-- title: Which services do the nodes themselves dial?
-- why: Agents, the kubelet and pods of the host network share the node's address, and under IPVS dial with the service's own as source: keyed by pod nobody sees them.
-- grain: one row per node, service and scenario
-- needs: conntrack of the nodes, and services of the inventory; without them no rows.
-- columns:
--   node: Node that dials.
--   service: Service, 'namespace/name'.
--   scenario: Scenario of the paths, see table scenarios; null where it is not known.
--   connections: Connections.
--   by_service_address: Of these, those whose source was the service's own address, as IPVS has it.
--   unanswered: Of these, those that got no answer.
--   forward_bytes: IP bytes of the requests; null where nobody counted.
--   return_bytes: IP bytes of the replies; null where nobody counted.
select
    client_node as node, service, scenario,
    count(*) as connections,
    count(*) filter (where seen_ip = dialled_ip) as by_service_address,
    count(*) filter (where outcome in ('unanswered', 'one_way', 'rejected')) as unanswered,
    try_cast(sum(forward_bytes) as bigint) as forward_bytes,
    try_cast(sum(return_bytes) as bigint) as return_bytes
from datapaths
where client_kind = 'node' and service is not null
group by client_node, service, scenario
order by connections desc, node, service, scenario
