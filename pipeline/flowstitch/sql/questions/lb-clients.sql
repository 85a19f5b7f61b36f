-- title: Who dials each load balancer, and what comes of it?
-- why: Servers behind a load balancer do not see who comes, only its logs do. A client whose TLS fails sends no request: connection logs alone show it.
-- grain: one row per load balancer, port of its listener and client address
-- needs: logs of load balancers; without them no rows, columns that a kind of log does not have are null or 0.
-- columns:
--   lb_id: Load balancer; null where its log does not say.
--   lb_port: Port that was dialled; null where the log does not say, as access logs of AWS.
--   client_ip: Who dialled it; null where the log does not say.
--   client_name: Pod or node that has this address; null where none has, or several.
--   connections: Connections in connection logs; 0 where there is no such log.
--   failed_connections: Those of which a load balancer says that TLS came to nothing.
--   received_bytes: Bytes that came on connections, within TLS; null where no log says.
--   sent_bytes: Bytes that went on them, within TLS; null where no log says.
--   requests: Requests in access logs, and connections of listeners that know no HTTP; 0 where there is no such log.
--   failed_requests: Those that were answered with a status of 500 or above.
--   first_seen: First of all of them.
--   last_seen: Last of all of them.
with came as (
    select
        lb_id, lb_port, client_ip, received_bytes, sent_bytes,
        true as is_connection,
        -- only logs that say when a connection ended are of TLS alone
        coalesce(tls_verify_status like 'Failed:%', false) or (closed_at is not null and tls_protocol is null) as failed,
        coalesce(opened_at, closed_at) as first_seen,
        coalesce(closed_at, opened_at) as last_seen
    from lb_connections
    union all
    select
        lb_id, lb_port, client_ip,
        null as received_bytes,
        null as sent_bytes,
        false as is_connection,
        coalesce(status >= 500, false) as failed,
        request_at as first_seen,
        request_at as last_seen
    from lb_requests
    where attempt = 1
),
summed as (
    select
        lb_id, lb_port, client_ip,
        count(*) filter (where is_connection) as connections,
        count(*) filter (where is_connection and failed) as failed_connections,
        try_cast(sum(received_bytes) as bigint) as received_bytes,
        try_cast(sum(sent_bytes) as bigint) as sent_bytes,
        count(*) filter (where not is_connection) as requests,
        count(*) filter (where not is_connection and failed) as failed_requests,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen
    from came
    group by lb_id, lb_port, client_ip
)
select
    lb_id, lb_port, client_ip,
    name as client_name,
    connections, failed_connections, received_bytes, sent_bytes, requests, failed_requests, first_seen, last_seen
from summed
left join address_owners on ip = client_ip
order by connections + requests desc, lb_id, lb_port, client_ip
