select * exclude (directory, place)
from {schema}.{table}
qualify row_number() over (partition by {key} order by place desc) = 1
