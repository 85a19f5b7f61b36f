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
    count(*) as connections,
    count(*) filter (where client_ip = server_ip) as hairpins,
    share(hairpins, connections) as share,
    (sum(forward_bytes + return_bytes) filter (where client_ip = server_ip))::bigint as bytes,
    count(distinct client_ip) filter (where client_ip = server_ip) as pods,
    coalesce(any_value(ready_endpoints), 0) as ready_endpoints
from datapaths
left join known using (service)
where client_kind = 'pod' and service is not null
group by service
order by share desc, hairpins desc, service
