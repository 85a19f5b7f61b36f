-- title: Which connections live longest, service by service?
-- why: They hold up the draining of a node, and keep a backend busy that all new connections avoid.
-- grain: one row per target and server node
-- needs: conntrack; ages come from events or stamps, where neither is they are lower bounds.
-- columns:
--   target: Service that was dialled; else the server's name, else its address; null where none is known.
--   server_node: Node of the servers; null outside the cluster, or where it is not known.
--   connections: Connections.
--   open: Of these, those that were open when the export ended.
--   longest_s: Seconds from first to last packet of the longest.
--   longest_path_id: That one, see datapaths.
--   time_quality: How sure its times are, see datapaths.
--   over_1h: Connections of an hour or more.
--   over_1d: Connections of a day or more.
select
    coalesce(service, server_name, server_ip) as target,
    server_node,
    count(*) as connections,
    count(*) filter (where outcome = 'established') as open,
    round(max(epoch(last_seen - first_seen)), 3) as longest_s,
    arg_max(path_id, (last_seen - first_seen, path_id)) as longest_path_id,
    arg_max(time_quality, (last_seen - first_seen, path_id)) as time_quality,
    count(*) filter (where last_seen - first_seen >= interval 1 hour) as over_1h,
    count(*) filter (where last_seen - first_seen >= interval 1 day) as over_1d
from datapaths
group by target, server_node
order by longest_s desc, target, server_node
