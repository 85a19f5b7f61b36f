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

-- Paths that several results tell, and which of them is heard: who saw the last packet, then the latest.
create table {schema}.recurring as
with found as (select path_id from {datapaths} group by path_id having count(*) > 1)
select path_id, directory, row_number() over (partition by path_id order by last_seen desc nulls last, place desc) = 1 as heard
from (select path_id, last_seen, {schema}.result_of(filename) as directory from {datapaths})
semi join found using (path_id)
join {schema}.ordered using (directory);
