-- title: Which connections did not come about, or got no answer?
-- why: They are few, and what is asked of them is asked from several sides.
-- grain: one row per path whose outcome is refused, unanswered, one_way or rejected
-- needs: conntrack, or flow logs with rejections; without them no rows.
-- columns:
--   path_id: The connection, see datapaths, as for all that is below.
--   outcome: What became of it.
--   first_seen: Its first packet.
--   last_seen: Its last packet.
--   client_node: Node of the client; null where it is not on one, or not known.
--   client_name: 'namespace/pod', or the node; null where it is not known.
--   service: Service that was dialled; null where none was.
--   dialled_ip: Address that was dialled; null where it is not known.
--   dialled_port: Port that was dialled; null where it is not known.
--   server_ip: Address of the server; null where it is not known.
--   server_name: 'namespace/pod', or the node; null where it is not known.
--   server_node: Node of the server; null where it is not on one, or not known.
--   dataplane: Data plane of the path; null where none was told.
--   server_dataplane: That of the server's node where it is another; null where it is not.
--   scenario: Scenario; null where it is not known.
--   forward_in_eni: ENI by which the requests came to the server's node; null where it was not observed.
--   return_lands_on: Where the replies landed; null where nothing came back, or it is not known.
create or replace view failed_paths as
select
    path_id, outcome, first_seen, last_seen, client_node, client_name, service, dialled_ip, dialled_port,
    server_ip, server_name, server_node, dataplane, server_dataplane, scenario, forward_in_eni, return_lands_on
from datapaths
where outcome in ('refused', 'unanswered', 'one_way', 'rejected');
