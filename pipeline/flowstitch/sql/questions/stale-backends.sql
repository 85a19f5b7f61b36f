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
-- of each its times in a list, so that connections need not be put together again
endpoint_times as (
    select removed.*, list({begun: begun, ended: ended}) filter (where ended is not null) as times
    from removed
    left join backends
        on backends.service = removed.service and backends.protocol = removed.protocol
        and backends.server_ip = removed.server_ip and backends.server_port = removed.server_port
    group by removed.service, removed.protocol, removed.server_ip, removed.server_port
),
owner_times as (
    select server_ip, list({begun: begun, ended: ended}) as times
    from owned
    semi join gone using (server_ip)
    group by server_ip
),
late as (
    select
        datapaths.service, datapaths.protocol, datapaths.server_ip, datapaths.server_port, outcome, last_seen, times,
        if(times is null, 'no endpoint', 'endpoint removed') as reason
    from datapaths
    join endpoint_times
        on endpoint_times.service = datapaths.service and endpoint_times.protocol = datapaths.protocol
        and endpoint_times.server_ip = datapaths.server_ip and endpoint_times.server_port is not distinct from datapaths.server_port
    where server_kind in ('pod', 'outside') and dialled_kind <> 'outside'
    union all
    select service, protocol, server_ip, server_port, outcome, last_seen, times, 'pod gone'
    from datapaths
    join owner_times using (server_ip)
    where service is null
),
stale as (
    select *, list_max(list_transform(list_filter(times, lambda one: one.ended <= last_seen), lambda one: one.ended)) as gone_since
    from late
    where len(list_filter(coalesce(times, []), lambda one: one.begun <= last_seen and last_seen < one.ended)) = 0
)
select
    service, protocol, server_ip, server_port, reason,
    count(*) as connections,
    count(*) filter (where outcome in ('established', 'closed', 'one_way')) as answered,
    max(gone_since) as gone_since,
    max(last_seen) as last_seen
from stale
group by service, protocol, server_ip, server_port, reason
order by connections desc, service, protocol, server_ip, server_port, reason
