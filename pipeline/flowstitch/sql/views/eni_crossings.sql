-- title: Which ENIs did each path cross, which way, and with which addresses on the wire?
-- why: Where traffic leaves and enters nodes is seen here alone; what a translation has changed shows in the addresses.
-- grain: one row per path, segment, direction and ENI
-- needs: flow logs; without them no rows. The list of ENIs for role and node, which are null without it.
-- columns:
--   path_id: The connection, see datapaths.
--   position: Segment of the path, from 0 at the client.
--   is_last: It is the last segment, at the server.
--   hop_direction: forward: requests; return: replies.
--   direction: Seen from the ENI: in or out.
--   eni: ENI.
--   eni_role: Its role.
--   node: Its node.
--   src_ip: Source of these packets on the wire.
--   dst_ip: Destination of these packets on the wire.
--   observers: Nodes whose conntrack saw the segment.
create or replace view eni_crossings as
with lengths as (
    select path_id, max(position) as last_position from segments group by path_id
),
crossed as (
    select path_id, position, src_ip, dst_ip, observers, unnest(crossings) as crossing
    from segments
),
directed as (
    select
        *,
        split_part(crossing, ' ', 1) as hop_direction,
        split_part(crossing, ' ', 2) as direction
    from crossed
),
placed as (
    select *, substr(crossing, length(hop_direction) + length(direction) + 3) as eni from directed
)
select
    path_id, position,
    position = last_position as is_last,
    hop_direction, direction, eni, eni_role, node,
    if(hop_direction = 'forward', src_ip, dst_ip) as src_ip,
    if(hop_direction = 'forward', dst_ip, src_ip) as dst_ip,
    observers
from placed
join lengths using (path_id)
left join known_enis using (eni);
