-- title: Which node-port traffic enters by a node that has to send it on to another?
-- why: Each such connection crosses one more node and hides the client; a backend on the node or externalTrafficPolicy Local would avoid it.
-- grain: one row per service, node that was dialled and its port
-- needs: services of the inventory, and conntrack of the nodes that are dialled; without them no rows.
-- columns:
--   service: Service, 'namespace/name'.
--   traffic_policy: Its externalTrafficPolicy.
--   node: Node that was dialled.
--   dialled_port: Its node port.
--   connections: Connections from outside and from load balancers that found a backend.
--   detours: Of these, those whose backend is on another node.
--   share: Their share.
--   detour_bytes: IP bytes both ways of the detours; null where nobody counted.
--   local_backends: Ready endpoints that the service has on the dialled node.
with local_endpoints as (
    select service, node, count(distinct endpoint_ip) as local_backends
    from endpoints
    where ready
    group by service, node
)
select
    server_counts.service, any_value(traffic_policy) as traffic_policy,
    address_owners.name as node,
    dialled_port,
    sum(connections)::bigint as connections,
    coalesce(sum(connections) filter (where server_node <> address_owners.name), 0)::bigint as detours,
    share(detours, sum(connections)) as share,
    try_cast((sum(bytes) filter (where server_node <> address_owners.name)) as bigint) as detour_bytes,
    coalesce(any_value(local_backends), 0) as local_backends
from server_counts
join address_owners on ip = dialled_ip and owner_kind = 'node'
left join local_endpoints on local_endpoints.service = server_counts.service and local_endpoints.node = address_owners.name
where dialled_kind = 'node_port' and client_kind in ('outside', 'lb') and server_node is not null
group by server_counts.service, address_owners.name, dialled_port
order by detours desc, sum(connections) desc, server_counts.service, node, dialled_port
