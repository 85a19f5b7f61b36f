-- title: Do the points on the way of a connection count the same packets, and if not, why?
-- why: Where the count falls between two points packets were lost; rows that are there twice, logs that are not whole and counters that wrap around only look like it.
-- grain: one row per direction and pair of points that follow on the way, and their nodes
-- needs: DESTROY events with accounting on, flow logs, or both; a connection with one point that counted is left out, and so are ambiguous matches.
-- columns:
--   hop_direction: forward: requests; return: replies.
--   near_part: The point before: client, transit or server of conntrack, or the leg of a flow log, see observations.
--   near_node: Its node; null where it is not known.
--   far_part: The point after it on the way.
--   far_node: Its node; null where it is not known.
--   connections: Connections of which both counted.
--   differing: Of these, those that they counted differently.
--   share: Their share.
--   segmentation: Packets were put together or cut up, or bare acknowledgements were lost; of TCP.
--   handshake: A TCP handshake that never finished: conntrack does not count its repetitions.
--   loss: The far point counted less, and both saw the whole lifetime.
--   lost_packets: Packets that the far point counted less in those.
--   more: The far point counted more, and both saw the whole lifetime.
--   double_counting: A row is there twice, or two ENIs logged all of it.
--   wrap_around: A counter began again at 0, see view path_counters.
--   not_whole: One of the two did not see the whole lifetime.
--   near_packets: Packets that the near point counted.
--   far_packets: Packets that the far point counted.
--   near_bytes: IP bytes that the near point counted.
--   far_bytes: IP bytes that the far point counted.
select
    hop_direction, near_part, near_node, far_part, far_node,
    sum(pairs.connections)::bigint as connections,
    coalesce(sum(pairs.connections) filter (where judgement <> 'agrees'), 0)::bigint as differing,
    share(differing, sum(pairs.connections)) as share,
    coalesce(sum(pairs.connections) filter (where judgement = 'segmentation'), 0)::bigint as segmentation,
    coalesce(sum(pairs.connections) filter (where judgement = 'handshake'), 0)::bigint as handshake,
    coalesce(sum(pairs.connections) filter (where judgement = 'loss'), 0)::bigint as loss,
    try_cast(coalesce(sum(packets_less) filter (where judgement = 'loss'), 0) as bigint) as lost_packets,
    coalesce(sum(pairs.connections) filter (where judgement = 'more'), 0)::bigint as more,
    coalesce(sum(pairs.connections) filter (where judgement = 'double counting'), 0)::bigint as double_counting,
    coalesce(sum(pairs.connections) filter (where judgement = 'wrap-around'), 0)::bigint as wrap_around,
    coalesce(sum(pairs.connections) filter (where judgement = 'not whole'), 0)::bigint as not_whole,
    try_cast(sum(pairs.near_packets) as bigint) as near_packets,
    try_cast(sum(pairs.far_packets) as bigint) as far_packets,
    try_cast(sum(pairs.near_bytes) as bigint) as near_bytes,
    try_cast(sum(pairs.far_bytes) as bigint) as far_bytes
from counter_pairs as pairs
group by hop_direction, near_part, near_node, far_part, far_node
order by loss desc, differing desc, connections desc, hop_direction, near_part, near_node, far_part, far_node
