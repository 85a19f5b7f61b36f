-- title: Which connections go to a pod that is gone, or to an endpoint that was removed?
-- why: kube-proxy forgets UDP entries of a removed endpoint, not TCP ones: they hang until they time out. Under UDP there should be none.
-- grain: one row per server, service, protocol and reason
-- needs: endpoints and pods with their times, best listed several times; without inventory no rows.
-- columns:
--   service: Service that was dialled, 'namespace/name'; null where none was.
--   protocol: Protocol.
--   server_ip: Address of the server.
--   server_port: Port of the server.
--   reason: endpoint removed: it was one before the last packet; no endpoint: it never was one; pod gone: nobody had the address any more.
--   connections: Connections.
--   answered: Of these, those that were answered: established, closed or one_way.
--   gone_since: When the endpoint or pod was last known to be there, UTC; null where it never was.
--   last_seen: Last packet of the latest of them.
with backends as (
    select
        service, protocol, port as server_port, endpoint_ip as server_ip,
        coalesce(valid_from, '-infinity'::timestamp) as begun,
        coalesce(valid_to, 'infinity'::timestamp) as ended
    from endpoints
),
-- backends that were there all the time, as most are
steady as (
    select distinct service, protocol, server_port, server_ip from backends where begun = '-infinity' and ended = 'infinity'
),
owned as (
    select
        ip as server_ip,
        coalesce(valid_from, '-infinity'::timestamp) as begun,
        coalesce(valid_to, 'infinity'::timestamp) as ended
    from addresses
    where owner_kind = 'pod'
),
of_service as (
    select
        path_id,
        bool_or(begun <= last_seen and last_seen < ended) as there,
        max(ended) filter (where ended <= last_seen) as gone_since,
        if(count(ended) > 0, 'endpoint removed', 'no endpoint') as reason
    from datapaths
    anti join steady using (service, protocol, server_port, server_ip)
    left join backends using (service, protocol, server_port, server_ip)
    where service in (select service from endpoints) and server_kind in ('pod', 'outside') and dialled_kind <> 'outside'
    group by path_id
),
of_address as (
    select
        path_id,
        bool_or(begun <= last_seen and last_seen < ended) as there,
        max(ended) filter (where ended <= last_seen) as gone_since,
        'pod gone' as reason
    from datapaths
    join owned using (server_ip)
    where service is null
    group by path_id
),
stale as (
    select path_id, gone_since, reason from of_service where not coalesce(there, false)
    union all
    select path_id, gone_since, reason from of_address where not there
)
select
    service, protocol, server_ip, server_port, reason,
    count(*) as connections,
    count(*) filter (where outcome in ('established', 'closed', 'one_way')) as answered,
    max(gone_since) as gone_since,
    max(last_seen) as last_seen
from datapaths
join stale using (path_id)
group by service, protocol, server_ip, server_port, reason
order by connections desc, service, protocol, server_ip, server_port, reason
