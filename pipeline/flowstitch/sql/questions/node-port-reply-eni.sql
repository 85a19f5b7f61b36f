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
with placed as (
    -- see view eni_crossings
    select
        *,
        split_part(crossing, ' ', 1) as hop_direction,
        split_part(crossing, ' ', 2) as direction,
        split_part(crossing, ' ', 3) as eni
    from (select *, unnest(string_split(crossings, ',')) as crossing from entry_crossings)
),
ends as (
    select
        service, traffic_policy, node, connections, return_bytes,
        max(eni) filter (where hop_direction = 'forward' and direction = 'in') as in_eni,
        max(eni_role) filter (where hop_direction = 'forward' and direction = 'in') as in_eni_role,
        max(eni) filter (where hop_direction = 'return' and direction = 'out') as out_eni,
        max(eni_role) filter (where hop_direction = 'return' and direction = 'out') as out_eni_role
    from placed
    left join known_enis using (eni)
    group by service, traffic_policy, node, crossings, connections, return_bytes
)
select
    service, any_value(traffic_policy) as traffic_policy,
    node, in_eni, any_value(in_eni_role) as in_eni_role, out_eni, any_value(out_eni_role) as out_eni_role,
    in_eni = out_eni as symmetric,
    sum(connections)::bigint as connections,
    try_cast(sum(return_bytes) as bigint) as return_bytes
from ends
where in_eni is not null and out_eni is not null
group by service, node, in_eni, out_eni
order by "symmetric", connections desc, service, node, in_eni, out_eni
