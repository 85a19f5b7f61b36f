-- What the result is made of: one row.
select
    (select min(first_seen) from datapaths) as first_seen,
    (select max(last_seen) from datapaths) as last_seen,
    (select count(*) from datapaths) as connections,
    (select count(*) from sources) as files,
    (select count(distinct node) from sources where kind in ('conntrack-list', 'conntrack-events') and parsed > 0) as nodes,
    (select count(distinct eni) from flow_minutes) as enis,
    (select coalesce(list_sort(list(distinct dataplane)), []) from datapaths where dataplane is not null) as dataplanes
