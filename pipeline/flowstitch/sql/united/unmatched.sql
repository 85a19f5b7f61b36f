select * exclude (directory, place)
from {schema}.unmatched
anti join (
    select source, line from {schema}.observations where path_id is not null and source in (from {schema}.shared)
) using (source, line)
qualify source not in (from {schema}.shared) or row_number() over (partition by source, line order by place desc) = 1
