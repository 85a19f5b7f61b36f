-- title: Which services do pods dial that then answer themselves?
-- why: A call to one's own service goes out of the pod and back in with the node's address; with a single replica it is all of them.
-- grain: one row per service that pods dial
-- needs: conntrack of the clients' nodes, and services of the inventory; without them no rows.
-- columns:
--   service: Service, 'namespace/name'.
--   connections: Connections of pods to it.
--   hairpins: Of these, those whose server is the client itself.
--   share: Their share.
--   bytes: IP bytes both ways of the hairpins; null where there are none, or nobody counted.
--   pods: Different pods that called themselves.
--   ready_endpoints: Addresses that are or were ready endpoints of the service.
with known as (
    select service, count(distinct endpoint_ip) as ready_endpoints from endpoints where ready group by service
)
select
    service,
    sum(connections)::bigint as connections,
    coalesce(sum(connections) filter (where hairpin), 0)::bigint as hairpins,
    share(hairpins, sum(connections)) as share,
    try_cast((sum(bytes) filter (where hairpin)) as bigint) as bytes,
    count(distinct server_ip) filter (where hairpin) as pods,
    coalesce(any_value(ready_endpoints), 0) as ready_endpoints
from server_counts
left join known using (service)
where client_kind = 'pod' and service is not null
group by service
order by share desc, hairpins desc, service
