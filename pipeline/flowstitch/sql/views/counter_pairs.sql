-- title: What do points that follow each other on the way count, over all connections?
-- why: A node or a way between two nodes that loses packets shows in the sum over its connections; one connection alone is in path_counters.
-- grain: one row per direction, pair of points that follow on the way, their nodes, and judgement
-- needs: as path_counters; connections with one point that counted are left out, and so are ambiguous matches.
-- kept: a run compares the counts while it has the rows of each connection together.
-- columns:
--   hop_direction: forward: requests; return: replies.
--   near_part: The point before, see path_counters.
--   near_node: Its node; null where it is not known.
--   far_part: The point after it on the way.
--   far_node: Its node; null where it is not known.
--   judgement: Whether they agree and if not why, see path_counters.
--   connections: Connections of which both counted, and so.
--   packets_less: Packets that the near point counted and the far one did not, in sum; negative where that counted more.
--   near_packets: Packets that the near point counted.
--   far_packets: Packets that the far point counted.
--   near_bytes: IP bytes that the near point counted.
--   far_bytes: IP bytes that the far point counted.
create or replace view counter_pairs as
select
    hop_direction, before_part as near_part, before_node as near_node, part as far_part, node as far_node, judgement,
    count(*) as connections,
    try_cast(sum(packets_less) as bigint) as packets_less,
    try_cast(sum(before_packets) as bigint) as near_packets,
    try_cast(sum(packets) as bigint) as far_packets,
    try_cast(sum(before_bytes) as bigint) as near_bytes,
    try_cast(sum(bytes) as bigint) as far_bytes
from path_counters
where packets is not null and before is not null and path_id not in (select path_id from datapaths where match = 'ambiguous')
group by hop_direction, near_part, near_node, far_part, far_node, judgement;
