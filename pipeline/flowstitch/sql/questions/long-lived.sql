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
    target, server_node,
    sum(connections)::bigint as connections,
    sum(open)::bigint as open,
    round(max(longest).longest_us / 1e6, 3) as longest_s,
    max(longest).path_id as longest_path_id,
    max(longest).time_quality as time_quality,
    sum(over_1h)::bigint as over_1h,
    sum(over_1d)::bigint as over_1d
from target_counts
group by target, server_node
order by longest_s desc, target, server_node
