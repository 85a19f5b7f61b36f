-- title: Which addresses did several pods or nodes have in turn, and which connections met more than one of them?
-- why: Pod addresses are used again. A connection that outlives its pod is named by its beginning; what is told of these addresses is to be read with the time.
-- grain: one row per address that had several owners
-- needs: pods of the inventory with their times, best listed several times; without them no rows.
-- columns:
--   ip: Address.
--   owners: Who had it, sorted.
--   first_change: When the first of them had gone, or the second came, UTC; null where the inventory does not say.
--   connections: Connections with the address as client or server.
--   spanning: Of these, those whose packets fall into the time of more than one owner.
--   unnamed: Of these, those of which this end has no name.
with held as (
    select
        ip, owner,
        min(coalesce(valid_from, '-infinity'::timestamp)) as begun,
        max(coalesce(valid_to, 'infinity'::timestamp)) as ended
    from addresses
    where owner_kind in ('pod', 'node')
    group by ip, owner
),
several as (
    select
        ip,
        list_sort(list(owner)) as owners,
        nullif(least(min(ended), nullif(max(begun), '-infinity'::timestamp)), 'infinity'::timestamp) as first_change
    from held
    group by ip
    having count(*) > 1
),
-- far fewer than all addresses
shared as materialized (
    select ip, list({begun: begun, ended: ended}) as times from held semi join several using (ip) group by ip
),
touching as (
    select client_ip, client_name, server_ip, server_name, first_seen, last_seen
    from datapaths
    where client_ip in (select ip from shared) or server_ip in (select ip from shared)
),
-- what has it at both ends is one connection
ends as (
    select client_ip as ip, if(client_ip = server_ip, coalesce(client_name, server_name), client_name) as name, first_seen, last_seen
    from touching
    union all
    select server_ip as ip, server_name as name, first_seen, last_seen from touching where client_ip is distinct from server_ip
),
met as (
    select
        ip,
        count(*) as connections,
        count(*) filter (where len(list_filter(times, lambda one: one.begun <= last_seen and first_seen < one.ended)) > 1) as spanning,
        count(name) as named
    from ends
    join shared using (ip)
    group by ip
)
select
    ip, owners, first_change,
    coalesce(connections, 0) as connections,
    coalesce(spanning, 0) as spanning,
    coalesce(connections - named, 0) as unnamed
from several
left join met using (ip)
order by spanning desc, connections desc, ip
