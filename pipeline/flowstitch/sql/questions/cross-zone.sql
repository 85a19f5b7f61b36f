-- title: How many bytes does each service move between availability zones?
-- why: Traffic between zones is slower and can be billed; topology-aware routing would keep it in one.
-- grain: one row per service and pair of zones
-- needs: nodes of the inventory with their zones, and conntrack; connections of which a zone is not known are left out.
-- columns:
--   service: Service that was dialled, 'namespace/name'; null where none was.
--   client_zone: Zone of the client's node.
--   server_zone: Zone of the server's node.
--   connections: Connections from the one to the other.
--   share: Their share of the service's connections of which both zones are known.
--   forward_bytes: IP bytes from client_zone to server_zone; null where nobody counted.
--   return_bytes: IP bytes from server_zone to client_zone; null where nobody counted.
with zones as (
    select name as node, max(zone_id) as zone from nodes group by name
),
pairs as (
    select
        service,
        clients.zone as client_zone,
        servers.zone as server_zone,
        sum(connections)::bigint as connections,
        sum(sum(connections)) over (partition by service) as of_service,
        try_cast(sum(forward_bytes) as bigint) as forward_bytes,
        try_cast(sum(return_bytes) as bigint) as return_bytes
    from path_counts
    join zones as clients on clients.node = client_node
    join zones as servers on servers.node = server_node
    where clients.zone is not null and servers.zone is not null
    group by service, client_zone, server_zone
)
select service, client_zone, server_zone, connections, share(connections, of_service) as share, forward_bytes, return_bytes
from pairs
where client_zone <> server_zone
order by forward_bytes::hugeint + return_bytes desc nulls last, connections desc, service, client_zone, server_zone
