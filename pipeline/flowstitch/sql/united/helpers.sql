-- What is known of several results before their tables are read; {sources} and {datapaths} read those tables of all of them.

-- Sources of one name that are not the same: the first result of each goes before it.
create table {schema}.renamed as
select directory, source, min(label) over (partition by source, kind, size_bytes, rows) || '/' || source as told
from (
    select
        {schema}.result_of(filename) as directory, source, kind, size_bytes, rows,
        min((kind, size_bytes, rows)) over (partition by source) < max((kind, size_bytes, rows)) over (partition by source) as differ
    from {sources}
)
join {schema}.results using (directory)
where differ;

-- Sources that several results have read.
create table {schema}.shared as
select coalesce(told, source) as source
from (select source, {schema}.result_of(filename) as directory from {sources})
left join {schema}.renamed using (directory, source)
group by all
having count(*) > 1;

-- Results in order, from 1 on: by the last row that they have read, then as they were named.
create table {schema}.ordered as
select directory, label, row_number() over (order by last_seen nulls first, place) as place
from {schema}.results
left join (select {schema}.result_of(filename) as directory, max(last_seen) as last_seen from {sources} group by all) using (directory);

-- Connections that go on: results that saw other beginnings of one call it by other ids. What two results tell of one flow_key at the same time
-- is one connection, unless one of them tells two such; the id of the earliest beginning stays, with that beginning.
create table {schema}.continued as
with several as (
    select flow_key
    from {datapaths}
    group by flow_key
    having count(distinct path_id) > 1 and count(distinct {schema}.result_of(filename)) > 1
),
ids as (
    select flow_key, path_id, min(first_seen) as first_seen, max(last_seen) as last_seen, list({schema}.result_of(filename)) as directories
    from {datapaths}
    semi join several using (flow_key)
    where first_seen is not null
    group by flow_key, path_id
),
behind as (
    select
        *,
        max(last_seen) over (partition by flow_key order by first_seen, path_id rows between unbounded preceding and 1 preceding) as reached
    from ids
),
stretches as (
    select
        *,
        count(*) filter (reached is null or first_seen > reached) over (partition by flow_key order by first_seen, path_id) as stretch
    from behind
),
joined as (
    select list(path_id) as path_ids, arg_min(path_id, (first_seen, path_id)) as told_as, min(first_seen) as began_at
    from stretches
    group by flow_key, stretch
    having count(*) > 1 and len(list_distinct(flatten(list(directories)))) = len(flatten(list(directories)))
)
select unnest(path_ids) as path_id, told_as, began_at from joined;
delete from {schema}.continued where path_id = told_as;

-- Paths that several results tell, and which of them is heard: who saw the last packet, then the latest.
create table {schema}.recurring as
with told as (
    select coalesce(told_as, path_id) as path_id, last_seen, {schema}.result_of(filename) as directory
    from {datapaths}
    left join {schema}.continued using (path_id)
),
found as (select path_id from told group by path_id having count(*) > 1)
select path_id, directory, row_number() over (partition by path_id order by last_seen desc nulls last, place desc) = 1 as heard
from told
semi join found using (path_id)
join {schema}.ordered using (directory);
