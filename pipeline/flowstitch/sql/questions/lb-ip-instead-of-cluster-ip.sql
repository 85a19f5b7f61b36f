-- title: Which clients in the cluster dial a load balancer's address although the service has a ClusterIP?
-- why: The ClusterIP needs no masquerade: the server sees the client's own address, and the replies come by the pod's own ENI in place of the node's primary one.
-- grain: one row per client, service and address dialled
-- needs: services of the inventory and conntrack of the clients' nodes; without them no rows, without accounting bytes are null.
-- columns:
--   client_node: Node of the client.
--   client_name: 'namespace/pod', or the node.
--   service: Service, 'namespace/name'.
--   dialled_ip: Load balancer's address that was dialled.
--   cluster_ips: ClusterIPs that the service has.
--   connections: Connections.
--   masqueraded: Connections whose server saw another source than the client's own.
--   return_bytes: IP bytes of the replies; null where nobody counted.
--   avoidable_bytes: Of these, replies to pods that landed on the primary ENI after a masquerade, and would not by the ClusterIP; null where nobody counted.
with with_cluster_ip as (
    select
        namespace || '/' || name as service,
        list_sort(list_distinct(flatten(list(cluster_ips)))) as cluster_ips
    from services
    where len(cluster_ips) > 0
    group by service
),
dialled as (
    select
        client_node, client_name, service, dialled_ip,
        sum(connections)::bigint as connections,
        coalesce(sum(connections) filter (where has_snat), 0)::bigint as masqueraded,
        try_cast(sum(return_bytes) as bigint) as return_bytes,
        try_cast(sum(
            if(client_kind = 'pod' and has_snat and return_lands_on = 'primary', return_bytes, return_bytes * 0)
        ) as bigint) as avoidable_bytes
    from client_counts
    where dialled_kind = 'lb_ip' and client_kind in ('pod', 'node')
    group by client_node, client_name, service, dialled_ip
)
select client_node, client_name, service, dialled_ip, cluster_ips, connections, masqueraded, return_bytes, avoidable_bytes
from dialled
join with_cluster_ip using (service)
order by avoidable_bytes desc nulls last, connections desc, client_node, client_name, service, dialled_ip
