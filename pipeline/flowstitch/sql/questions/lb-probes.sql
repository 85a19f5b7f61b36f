-- title: What do load balancers open connections to backends for: health checks, requests, or neither?
-- why: Health checks of many listeners are load of their own; a connection without a request in the log comes from a listener whose log is missing, or should not come.
-- grain: one row per backend, port and purpose
-- needs: conntrack of the backends' nodes, and the source ranges of load balancers in the data plane's file; access logs, without which all but health checks is not covered.
-- columns:
--   server_name: Pod or node; null where it is not known.
--   server_ip: Address of the backend.
--   server_port: Port of the backend.
--   purpose: health check: opened and closed without payload; requests: it could have carried some; no request: no access log has any for it; not covered: no access log of its time is whole.
--   connections: Connections from load balancers.
--   share: Their share of the connections to this port of the backend.
--   failed: Of them, those that were refused or got no answer.
--   bytes: IP bytes both ways; null where nobody counted.
with logs as (
    select first_seen as since, last_seen as until from sources where kind = 'lb-access-log' and coalesce(complete, true)
),
bounds as (
    select *, since <= max(until) over (order by since, until rows between unbounded preceding and 1 preceding) as continued from logs
),
stretches as (
    -- there can be a log every few minutes
    select since, until, count(*) filter (where not coalesce(continued, false)) over (order by since, until) as stretch from bounds
),
logged as (
    select list({since: since, until: until}) as times
    from (select min(since) as since, max(until) as until from stretches group by stretch)
),
carrying as (
    select distinct unnest(path_ids) as path_id from lb_requests
),
opened as (
    select
        server_name, server_ip, server_port, outcome,
        forward_bytes::hugeint + return_bytes as bytes,
        case
            when scenario = 'lb-health-check' then 'health check'
            when carrying.path_id is not null then 'requests'
            when len(list_filter(times, lambda log: log.since <= last_seen and log.until >= first_seen)) > 0 then 'no request'
            else 'not covered'
        end as purpose
    from datapaths
    left join carrying using (path_id), logged
    where client_kind = 'lb'
),
purposes as (
    select
        any_value(server_name) as server_name,
        server_ip, server_port, purpose,
        count(*) as connections,
        count(*) filter (where outcome in ('refused', 'unanswered', 'rejected')) as failed,
        try_cast(sum(bytes) as bigint) as bytes
    from opened
    group by server_ip, server_port, purpose
)
select
    server_name, server_ip, server_port, purpose, connections,
    share(connections, sum(connections) over (partition by server_ip, server_port)) as share,
    failed, bytes
from purposes
order by connections desc, server_ip, server_port, purpose
