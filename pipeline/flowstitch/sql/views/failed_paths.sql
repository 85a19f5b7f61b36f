-- title: Which connections did not come about, or got no answer?
-- why: They are few, and what is asked of them is asked from several sides.
-- grain: one row per path whose outcome is refused, unanswered, one_way or rejected
-- needs: conntrack, or flow logs with rejections; without them no rows.
-- kept: they are looked for among all paths and segments once, not with each question.
-- columns:
--   path_id: The connection, see datapaths, as for all that is below.
--   outcome: What became of it.
--   first_seen: Its first packet.
--   last_seen: Its last packet.
--   client_node: Node of the client; null where it is not on one, or not known.
--   client_name: 'namespace/pod', or the node; null where it is not known.
--   client_ip: Address of the client; null where it is not known.
--   service: Service that was dialled; null where none was.
--   dialled_ip: Address that was dialled; null where it is not known.
--   dialled_port: Port that was dialled; null where it is not known.
--   server_ip: Address of the server; null where it is not known.
--   server_name: 'namespace/pod', or the node; null where it is not known.
--   server_node: Node of the server; null where it is not on one, or not known.
--   dataplane: Data plane of the path; null where none was told.
--   server_dataplane: That of the server's node where it is another; null where it is not.
--   scenario: Scenario; null where it is not known.
--   forward_out_eni: ENI by which the requests left the client's node; null where it was not observed.
--   forward_in_eni: ENI by which the requests came to the server's node; null where it was not observed.
--   forward_packets: Packets of the requests; null where nobody counted.
--   return_lands_on: Where the replies landed; null where nothing came back, or it is not known.
--   evidence: Kinds of logs that show it.
--   at_server_node: Conntrack of the server's node saw it; null where there is no segment, or the node is not known.
create or replace view failed_paths as
with failed as (
    select
        path_id, outcome, first_seen, last_seen, client_node, client_name, client_ip, service, dialled_ip, dialled_port,
        server_ip, server_name, server_node, dataplane, server_dataplane, scenario,
        forward_out_eni, forward_in_eni, forward_packets, return_lands_on, evidence
    from datapaths
    where outcome in ('refused', 'unanswered', 'one_way', 'rejected')
),
reach as (
    select path_id, bool_or(list_contains(observers, server_node)) as at_server_node
    from segments
    join failed using (path_id)
    group by path_id
)
select failed.*, at_server_node
from failed
left join reach using (path_id);
