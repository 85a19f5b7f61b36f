-- title: What did each connection from a load balancer to a backend carry?
-- why: The access log has no source port towards the backend, so latency and errors of one backend connection are seen nowhere else. Only sure requests are measured; where few of many are sure, so are the numbers.
-- grain: one row per path from a load balancer, health checks left out
-- needs: access logs of load balancers; without them all counts are 0 and latencies null.
-- columns:
--   path_id: The connection, see datapaths.
--   client_ip: Address that the load balancer sends from.
--   client_port: Port that the load balancer sends from.
--   server_ip: Backend that answered, or would have.
--   server_port: Port of the backend.
--   server_name: Pod or node of the backend; null where it is not known.
--   outcome: What became of the connection.
--   first_seen: Its first packet.
--   last_seen: Its last packet.
--   requests: Attempts that it carried for sure: no other connection could have.
--   requests_possible: Attempts that it could have carried, the sure ones with them; of an attempt with more than eight candidates only the eight that began last count.
--   status_2xx: Sure attempts of that class of upstream status.
--   status_3xx: As above.
--   status_4xx: As above.
--   status_5xx: As above.
--   latency_p50_us: Half of the sure attempts took no longer; null where none has a time.
--   latency_p95_us: So did 95 of 100.
--   latency_max_us: The longest took so long.
create or replace view lb_paths as
with attempts as (
    select unnest(path_ids) as path_id, candidate_count = 1 as sure, upstream_status, upstream_response_time_us
    from lb_requests
),
carried as (
    select
        path_id,
        count(*) filter (where sure) as requests,
        count(*) as requests_possible,
        count(*) filter (where sure and upstream_status between 200 and 299) as status_2xx,
        count(*) filter (where sure and upstream_status between 300 and 399) as status_3xx,
        count(*) filter (where sure and upstream_status between 400 and 499) as status_4xx,
        count(*) filter (where sure and upstream_status between 500 and 599) as status_5xx,
        quantile_disc(upstream_response_time_us, 0.5) filter (where sure) as latency_p50_us,
        quantile_disc(upstream_response_time_us, 0.95) filter (where sure) as latency_p95_us,
        max(upstream_response_time_us) filter (where sure) as latency_max_us
    from attempts
    group by path_id
)
select
    path_id, client_ip, client_port, server_ip, server_port, server_name, outcome, first_seen, last_seen,
    coalesce(requests, 0) as requests,
    coalesce(requests_possible, 0) as requests_possible,
    coalesce(status_2xx, 0) as status_2xx,
    coalesce(status_3xx, 0) as status_3xx,
    coalesce(status_4xx, 0) as status_4xx,
    coalesce(status_5xx, 0) as status_5xx,
    latency_p50_us,
    latency_p95_us,
    latency_max_us
from datapaths
left join carried using (path_id)
where client_kind = 'lb' and scenario is distinct from 'lb-health-check';
