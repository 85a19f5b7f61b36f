-- title: How evenly do the backends of a service share its connections?
-- why: A backend far from its even share is the one all of a node's clients stick to, one that gets nothing, or one that has left and still gets some.
-- grain: one row per service, protocol, endpoint port and backend
-- needs: services of the inventory, and endpoints for ready and even_share; without endpoints these are null, without counters bytes.
-- columns:
--   service: Service, 'namespace/name'; those that were dialled.
--   protocol: Protocol.
--   server_port: Port of the backend.
--   server_ip: Address of the backend.
--   server_name: Its pod or node; null where it is not known.
--   server_node: Its node; null where it is not known.
--   ready: It is a ready endpoint of the service; null where it is no endpoint.
--   connections: Connections that were sent to it, answered or not.
--   share: Their share of the connections to this port of the service.
--   even_share: The share it would have if all ready endpoints had the same; null where it is no endpoint.
--   bytes: IP bytes both ways; null where nobody counted.
--   bytes_share: Their share of the bytes of this port of the service.
with dialled as (
    select
        service, protocol, server_port, server_ip,
        max(server_name) as server_name,
        max(server_node) as server_node,
        sum(connections)::bigint as connections,
        try_cast(sum(bytes) as bigint) as bytes
    from server_counts
    where service is not null and server_kind in ('pod', 'node')
    group by service, protocol, server_port, server_ip
),
known as (
    select
        service, protocol, port as server_port, endpoint_ip as server_ip,
        max(pod) as pod,
        max(node) as node,
        bool_or(ready) as ready
    from endpoints
    semi join dialled on (dialled.service, dialled.protocol, dialled.server_port) = (endpoints.service, endpoints.protocol, port)
    group by service, protocol, port, endpoint_ip
)
select
    service, protocol, server_port, server_ip,
    coalesce(server_name, pod) as server_name,
    coalesce(server_node, node) as server_node,
    ready,
    coalesce(connections, 0) as connections,
    share(coalesce(connections, 0), sum(connections) over backends) as share,
    case when ready then share(1, count(*) filter (where ready) over backends) when not ready then 0 end as even_share,
    bytes,
    share(bytes, sum(bytes) over backends) as bytes_share
from dialled
full join known using (service, protocol, server_port, server_ip)
window backends as (partition by service, protocol, server_port)
order by service, protocol, server_port, connections desc, server_ip
