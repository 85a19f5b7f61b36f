-- title: Which ENIs did connections from outside to a node cross, where they came in?
-- why: Under iptables a reply can leave by another ENI than the one by which the request came.
-- grain: one row per service, its traffic policy and crossings
-- needs: services of the inventory, and flow logs of the nodes that were dialled; without them crossings are null.
-- kept: a run sums them up while it has the segments of each connection.
-- columns:
--   service: Service that was dialled at a port of a node or an external address; null where it is not known.
--   traffic_policy: Its externalTrafficPolicy; null where that is not known.
--   crossings: Crossings of the first segment, see segments, with commas between them; null where none was seen.
--   connections: Connections.
--   return_bytes: IP bytes of the replies; null where nobody counted.
create or replace view entry_crossings as
select
    service, traffic_policy,
    nullif(array_to_string(crossings, ','), '') as crossings,
    count(*) as connections,
    try_cast(sum(return_bytes) as bigint) as return_bytes
from segments
join datapaths using (path_id)
where position = 0 and client_kind in ('outside', 'lb') and dialled_kind in ('node_port', 'external_ip')
group by service, traffic_policy, segments.crossings;
