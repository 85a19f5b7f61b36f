select * exclude (directory, place)
from {schema}.{table}
anti join (from {schema}.recurring where not heard) using (path_id, directory)
