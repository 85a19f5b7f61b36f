-- title: Do both nodes of a connection count the same packets?
-- why: What one node counts and the other does not was lost between them: if the far node counts more, its replies were; if the near one does, the requests.
-- grain: one row per pair of nodes
-- needs: DESTROY events of both nodes with accounting on; other connections are left out, lists are not compared.
-- columns:
--   near_node: Node at the client's end: the client's own, or the one that a client outside entered.
--   far_node: Node of the server.
--   connections: Connections of which both reported the final counters, with a DESTROY event; ambiguous matches are left out.
--   differing: Connections that they counted differently.
--   share: Their share.
--   near_more: Connections of which the near node counted more packets.
--   far_more: Connections of which the far node counted more packets.
--   near_packets: Packets both ways as the near node counted them.
--   far_packets: Packets both ways as the far node counted them.
--   near_bytes: IP bytes both ways as the near node counted them.
--   far_bytes: IP bytes both ways as the far node counted them.
with ends as (
    -- of the events only DESTROY has counters; lists were not written at the same moment
    select path_id, part, observations.node, sum(packets) as packets, sum(bytes) as bytes
    from observations
    join datapaths using (path_id)
    where kind = 'conntrack-events' and bytes is not null and part in ('client', 'server') and match <> 'ambiguous'
    group by path_id, part, observations.node
)
select
    near.node as near_node,
    far.node as far_node,
    count(*) as connections,
    count(*) filter (where (near.packets, near.bytes) <> (far.packets, far.bytes)) as differing,
    share(differing, connections) as share,
    count(*) filter (where near.packets > far.packets) as near_more,
    count(*) filter (where near.packets < far.packets) as far_more,
    sum(near.packets)::bigint as near_packets,
    sum(far.packets)::bigint as far_packets,
    sum(near.bytes)::bigint as near_bytes,
    sum(far.bytes)::bigint as far_bytes
from ends as near
join ends as far using (path_id)
where near.part = 'client' and far.part = 'server'
group by near_node, far_node
order by differing desc, connections desc, near_node, far_node
