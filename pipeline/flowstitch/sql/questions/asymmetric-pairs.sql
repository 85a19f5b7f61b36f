-- title: Which connections leave their node by one ENI and come back by another?
-- why: Security groups, appliances and ENI limits see only half of such a connection. Some is the data plane's own way (IPVS sends by the primary ENI); a pair of two secondary ENIs or one with drift is not.
-- grain: one row per client node, scenario and pair of ENIs
-- needs: flow logs of the clients' nodes, both directions; connections of which one of the two ENIs was not logged are left out.
-- columns:
--   client_node: Node of the clients.
--   scenario: Scenario of the paths, see table scenarios; null where it is not known.
--   forward_out_eni: ENI by which the requests left.
--   forward_out_eni_role: Its role.
--   return_in_eni: ENI by which the replies came back.
--   return_in_eni_role: Its role.
--   connections: Connections with this pair.
--   share: Their share of all connections of the client node of which both ENIs were observed.
--   forward_bytes: IP bytes of the requests; null where nobody counted.
--   return_bytes: IP bytes of the replies; null where nobody counted.
--   drifted: Connections among them that break an expectation of the data plane.
with nodes_observed as (
    select client_node, sum(connections) as observed from path_counts where "asymmetric" is not null group by client_node
),
pairs as (
    select
        client_node, scenario, forward_out_eni, forward_out_eni_role, return_in_eni, return_in_eni_role,
        sum(connections)::bigint as connections,
        try_cast(sum(forward_bytes) as bigint) as forward_bytes,
        try_cast(sum(return_bytes) as bigint) as return_bytes,
        coalesce(sum(connections) filter (where len(drift) > 0), 0)::bigint as drifted
    from path_counts
    where "asymmetric"
    group by client_node, scenario, forward_out_eni, forward_out_eni_role, return_in_eni, return_in_eni_role
)
select
    pairs.client_node, scenario, forward_out_eni, forward_out_eni_role, return_in_eni, return_in_eni_role,
    connections,
    share(connections, observed) as share,
    forward_bytes, return_bytes, drifted
from pairs
join nodes_observed on nodes_observed.client_node is not distinct from pairs.client_node
order by connections desc, pairs.client_node, scenario, forward_out_eni, return_in_eni
