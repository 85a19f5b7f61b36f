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
    from held semi join several using (ip)
),
ends as (
    select path_id, client_ip as ip, client_name as name, first_seen, last_seen from datapaths
    union all
    select path_id, server_ip as ip, server_name as name, first_seen, last_seen from datapaths
),
met as (
    select path_id, ip, any_value(name) as name, count(*) filter (where begun <= last_seen and first_seen < ended) as owners_met
    from ends
    join shared using (ip)
    group by path_id, ip
)
select
    ip, owners, first_change,
    count(path_id) as connections,
    count(*) filter (where owners_met > 1) as spanning,
    count(path_id) - count(name) as unnamed
from several
left join met using (ip)
group by ip, owners, first_change
order by spanning desc, connections desc, ip
