-- The dead ends that are dialled most.
select
    node || ' to ' || service || ' ' || path_end(address, port) as what, reason,
    count(path_id) as attempts,
    count(*) filter (where answered) as answered
from dead_end_paths
group by node, service, address, port, reason
having attempts > 0
order by attempts desc, what, reason
limit 12
