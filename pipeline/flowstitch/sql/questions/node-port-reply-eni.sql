-- title: By which ENI does a node answer clients from outside that dialled it?
-- why: Under iptables a reply can leave by the backend's secondary ENI with the node's address as source; checks on the way drop it. Symmetric routing sends it back the way the request came.
-- grain: one row per service, node and pair of ENIs
-- needs: flow logs of the node that was dialled, and services of the inventory; without them no rows.
-- columns:
--   service: Service, 'namespace/name'; null where it is not known.
--   traffic_policy: Its externalTrafficPolicy.
--   node: Node that was dialled.
--   in_eni: ENI by which the requests came.
--   in_eni_role: Its role.
--   out_eni: ENI by which the replies left.
--   out_eni_role: Its role.
--   symmetric: They are the same.
--   connections: Connections.
--   return_bytes: IP bytes of the replies; null where nobody counted.
with arrivals as (
    select path_id, node, eni, eni_role from eni_crossings where position = 0 and hop_direction = 'forward' and direction = 'in'
),
departures as (
    select path_id, node, eni, eni_role from eni_crossings where position = 0 and hop_direction = 'return' and direction = 'out'
)
select
    service, any_value(traffic_policy) as traffic_policy,
    arrivals.node,
    arrivals.eni as in_eni,
    any_value(arrivals.eni_role) as in_eni_role,
    departures.eni as out_eni,
    any_value(departures.eni_role) as out_eni_role,
    in_eni = out_eni as symmetric,
    count(*) as connections,
    sum(return_bytes)::bigint as return_bytes
from datapaths
join arrivals using (path_id)
join departures on departures.path_id = arrivals.path_id and departures.node = arrivals.node
where client_kind in ('outside', 'lb') and dialled_kind in ('node_port', 'external_ip')
group by service, arrivals.node, arrivals.eni, departures.eni
order by "symmetric", connections desc, service, arrivals.node, in_eni, out_eni
