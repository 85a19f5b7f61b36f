-- What the result is made of: one row.
select
    (select min(first_seen) from path_counts) as first_seen,
    (select max(last_seen) from path_counts) as last_seen,
    (select coalesce(sum(connections), 0)::bigint from path_counts) as connections,
    (select count(*) from sources) as files,
    (select count(distinct node) from sources where kind in ('conntrack-list', 'conntrack-events') and parsed > 0) as nodes,
    (select count(distinct eni) from flow_minutes) as enis,
    (select coalesce(list_sort(list(distinct dataplane)), []) from path_counts where dataplane is not null) as dataplanes
