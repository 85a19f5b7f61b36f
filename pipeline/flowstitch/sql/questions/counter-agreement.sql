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
    far.hop_direction,
    near.part as near_part, near.node as near_node,
    far.part as far_part, far.node as far_node,
    count(*) as connections,
    count(*) filter (where far.judgement <> 'agrees') as differing,
    share(differing, connections) as share,
    count(*) filter (where far.judgement = 'segmentation') as segmentation,
    count(*) filter (where far.judgement = 'handshake') as handshake,
    count(*) filter (where far.judgement = 'loss') as loss,
    coalesce(sum(far.packets_less) filter (where far.judgement = 'loss'), 0)::bigint as lost_packets,
    count(*) filter (where far.judgement = 'more') as more,
    count(*) filter (where far.judgement = 'double counting') as double_counting,
    count(*) filter (where far.judgement = 'wrap-around') as wrap_around,
    count(*) filter (where far.judgement = 'not whole') as not_whole,
    sum(near.packets)::bigint as near_packets,
    sum(far.packets)::bigint as far_packets,
    sum(near.bytes)::bigint as near_bytes,
    sum(far.bytes)::bigint as far_bytes
from path_counters as far
join path_counters as near on (near.path_id, near.hop_direction, near.point) = (far.path_id, far.hop_direction, far.before)
join datapaths on datapaths.path_id = far.path_id
where far.packets is not null and match <> 'ambiguous'
group by far.hop_direction, near_part, near_node, far_part, far_node
order by loss desc, differing desc, connections desc, far.hop_direction, near_part, near_node, far_part, far_node
