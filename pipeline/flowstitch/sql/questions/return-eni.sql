-- title: Which return paths land on the primary ENI?
-- why: Replies that a masquerade draws to the primary ENI share its bandwidth and its connection limits with the node itself, and pass it asymmetrically where the request left by another.
-- grain: one row per client node, service, scenario and return evidence
-- needs: conntrack of the clients' nodes; with flow logs the return is observed, without them inferred from the owner of the address.
-- columns:
--   client_node: Node on whose primary ENI the replies landed.
--   service: Service that was dialled, 'namespace/name'; null where none was.
--   scenario: Scenario of the paths, see table scenarios.
--   return_evidence: observed: a flow log has the reply; inferred: from who owns the address that the reply goes to.
--   connections: Connections whose replies landed on the primary ENI.
--   share: Their share of all connections of the client node whose replies came over an ENI.
--   return_bytes: IP bytes of those replies; null where nobody counted.
--   bytes_share: Their share of all return bytes of the client node that came over an ENI.
with over_eni as (
    select
        client_node, service, scenario, return_evidence,
        (sum(connections) filter (where return_lands_on = 'primary'))::bigint as connections,
        sum(return_bytes) filter (where return_lands_on = 'primary') as return_bytes,
        sum(sum(connections)) over node as node_connections,
        sum(sum(return_bytes)) over node as node_bytes
    from path_counts
    where return_lands_on in ('primary', 'secondary', 'member')
    group by client_node, service, scenario, return_evidence
    window node as (partition by client_node)
)
select
    client_node, service, scenario, return_evidence,
    connections,
    share(connections, node_connections) as share,
    return_bytes::bigint as return_bytes,
    share(return_bytes, node_bytes) as bytes_share
from over_eni
where connections > 0
order by return_bytes desc nulls last, connections desc, client_node, service, scenario, return_evidence
