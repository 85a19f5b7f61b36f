-- title: Do clients from outside reach pods straight or through a node port?
-- why: Straight is two network stacks, through a node port four and another node; a service with both still has nodes registered as backends.
-- grain: one row per service, kind of client and entry
-- needs: conntrack of the nodes, and services of the inventory; what has no service is listed by its server.
-- columns:
--   service: Service that was dialled, 'namespace/name'; null where it is not known.
--   target: The service, else the server's name, else its address.
--   client_kind: outside: the load balancer kept the client's address, or there was none; lb: a load balancer's own connection.
--   entry: pod: straight to it; node port: through a node that translates.
--   connections: Connections; health checks are left out.
--   share: Their share of the target's connections from outside.
--   kernel_stacks: Mean number of network namespaces on cluster hosts, one way; null where it is not known.
--   entry_nodes: Different nodes that were dialled, of a node port; 0 for pods.
--   bytes: IP bytes both ways; null where nobody counted.
with entries as (
    select
        service,
        coalesce(service, server_name, server_ip, dialled_ip) as target,
        client_kind,
        if(dialled_kind = 'node_port' or (client_kind = 'lb' and nat in ('dnat', 'dnat+snat')), 'node port', 'pod') as entry,
        sum(connections)::bigint as connections,
        round(sum(kernel_stacks * connections) / sum(connections) filter (where kernel_stacks is not null), 4) as kernel_stacks,
        count(distinct if(dialled_kind = 'node_port', dialled_ip, null)) as entry_nodes,
        try_cast(sum(bytes) as bigint) as bytes
    from server_counts
    where client_kind in ('outside', 'lb') and scenario is distinct from 'lb-health-check'
    group by service, target, client_kind, entry
)
select
    service, target, client_kind, entry, connections,
    share(connections, sum(connections) over (partition by target)) as share,
    kernel_stacks, entry_nodes, bytes
from entries
order by connections desc, target, client_kind, entry
