-- title: Which requests of a load balancer have no connection to their backend?
-- why: The backend was not reached, its node was not dumped, or the address was another pod's then.
-- grain: one row per load balancer, backend and reason
-- needs: access logs of load balancers; without them no rows.
-- columns:
--   lb_id: Load balancer; null where its log does not say.
--   upstream_ip: Backend that was tried; null where none was, or it is named otherwise.
--   upstream_port: Its port.
--   upstream_name: Pod or node that has the address; null where none has, or several.
--   reason: no backend was tried; not in the inventory: nobody has the address; no conntrack of its node; not covered: events of that time were lost, or nobody listened; no connection: the events of that time are whole, and have none.
--   attempts: Attempts without any connection that could have carried them.
--   share: Their share of all attempts at this backend.
--   failed: Of them, those that were answered with a status of 500 or above.
--   first_seen: First of them.
--   last_seen: Last of them.
with missed as (
    select node, since, until from coverage_stretches where observer = 'conntrack' and state in ('events lost', 'no rows')
),
tried as (
    select
        lb_id, upstream_ip, upstream_port, upstream_status, status, request_at, candidate_count,
        address_owners.name as upstream_name,
        case
            when upstream_ip is null then 'no backend was tried'
            when address_owners.ip is null then 'not in the inventory'
            when dumped.node is null then 'no conntrack of its node'
            when request_at not between dumped.since and dumped.until
                or exists (from missed where missed.node = dumped.node and request_at between missed.since and missed.until)
                then 'not covered'
            else 'no connection'
        end as reason
    from lb_requests
    left join address_owners on address_owners.ip = upstream_ip
    left join conntrack_spans as dumped on dumped.node = address_owners.node
)
select
    lb_id, upstream_ip, upstream_port,
    any_value(upstream_name) as upstream_name,
    reason,
    count(*) filter (where candidate_count = 0) as attempts,
    share(attempts, count(*)) as share,
    count(*) filter (where candidate_count = 0 and coalesce(upstream_status, status) >= 500) as failed,
    min(request_at) filter (where candidate_count = 0) as first_seen,
    max(request_at) filter (where candidate_count = 0) as last_seen
from tried
group by lb_id, upstream_ip, upstream_port, reason
having attempts > 0
order by attempts desc, lb_id, upstream_ip, upstream_port
