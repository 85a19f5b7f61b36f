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
owned as (
    select
        ip as server_ip,
        coalesce(valid_from, '-infinity'::timestamp) as begun,
        coalesce(valid_to, 'infinity'::timestamp) as ended
    from addresses
    where owner_kind = 'pod'
),
-- most were there all the time that they were dialled: their connections need no comparison
removed as materialized (
    select service, protocol, server_ip, server_port
    from (
        select service, protocol, server_ip, server_port, min(first_end) as first_end, max(last_end) as last_end
        from server_counts
        where service in (select service from endpoints) and server_kind in ('pod', 'outside') and dialled_kind <> 'outside'
        group by service, protocol, server_ip, server_port
    ) as served
    anti join backends
        on backends.service = served.service and backends.protocol = served.protocol
        and backends.server_ip = served.server_ip and backends.server_port = served.server_port
        and begun <= first_end and last_end < ended
),
gone as materialized (
    select server_ip
    from (
        select server_ip, min(first_end) as first_end, max(last_end) as last_end
        from server_counts
        where service is null and server_ip in (select server_ip from owned)
        group by server_ip
    ) as served
    anti join owned on owned.server_ip = served.server_ip and begun <= first_end and last_end < ended
),
of_service as (
    select
        service, protocol, server_ip, server_port, outcome, last_seen,
        if(count(ended) > 0, 'endpoint removed', 'no endpoint') as reason,
        max(ended) filter (where ended <= last_seen) as gone_since
    from datapaths
    semi join removed
        on removed.service = datapaths.service and removed.protocol = datapaths.protocol
        and removed.server_ip = datapaths.server_ip and removed.server_port is not distinct from datapaths.server_port
    left join backends using (service, protocol, server_port, server_ip)
    where server_kind in ('pod', 'outside') and dialled_kind <> 'outside'
    group by path_id, service, protocol, server_ip, server_port, outcome, last_seen
    having not coalesce(bool_or(begun <= last_seen and last_seen < ended), false)
),
of_address as (
    select
        service, protocol, server_ip, server_port, outcome, last_seen,
        'pod gone' as reason,
        max(ended) filter (where ended <= last_seen) as gone_since
    from datapaths
    semi join gone using (server_ip)
    join owned using (server_ip)
    where service is null
    group by path_id, service, protocol, server_ip, server_port, outcome, last_seen
    having not bool_or(begun <= last_seen and last_seen < ended)
)
select
    service, protocol, server_ip, server_port, reason,
    count(*) as connections,
    count(*) filter (where outcome in ('established', 'closed', 'one_way')) as answered,
    max(gone_since) as gone_since,
    max(last_seen) as last_seen
from (from of_service union all from of_address)
group by service, protocol, server_ip, server_port, reason
order by connections desc, service, protocol, server_ip, server_port, reason
