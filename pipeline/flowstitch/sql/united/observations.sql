select * exclude (directory, place)
from {schema}.observations
where path_id is not null and path_id not in (select path_id from {schema}.recurring)
union all by name
select * exclude (directory, place)
from {schema}.observations
where path_id in (select path_id from {schema}.recurring)
qualify row_number() over (partition by path_id, source, line order by place desc) = 1
union all by name
select * exclude (directory, place)
from {schema}.observations
where path_id is null and source not in (from {schema}.shared)
union all by name
select * exclude (directory, place)
from (from {schema}.observations where path_id is null and source in (from {schema}.shared))
anti join (
    select source, line from {schema}.observations where path_id is not null and source in (from {schema}.shared)
) using (source, line)
qualify row_number() over (partition by source, line order by place desc) = 1
