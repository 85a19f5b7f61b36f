-- title: How many connections are there of each kind, between which nodes, and what became of them?
-- why: Most that is asked of connections are sums; of many paths they are found in these few rows.
-- grain: one row per client node and namespace, server node, service, UTC day and all that is one of a few words: kinds, scenario, outcome, ENIs that were crossed, where the replies landed
-- needs: nothing; what is not known is null.
-- kept: the paths are read once, not with each question.
-- columns:
--   day: UTC day on which the connections began.
--   client_node: Node of the client; null where it is not on one, or not known.
--   namespace: Namespace of the client, a pod; null where it is none.
--   server_node: Node of the server; null as above.
--   service: Service that was dialled; null where none was.
--   client_kind: What the client is; null where it is not known.
--   dialled_kind: What was dialled; null where it is not known.
--   dataplane: Data plane; null where none was told.
--   scenario: Scenario, see table scenarios; null where it is not known.
--   variant: Variant of the scenario; null for the scenario's own.
--   sop: Number of the scenario; null where it has none.
--   kernel_stacks: Network stacks that a packet goes through; null where it is not known.
--   outcome: What became of the connections; null where it is not known.
--   return_lands_on: Where the replies landed; null where nothing came back, or it is not known.
--   return_evidence: What that is known by; null as above.
--   asymmetric: Requests and replies crossed different ENIs of the client's node; null where one of them was not observed.
--   drift: Expectations of the data plane that they break, see datapaths.
--   forward_out_eni: ENI by which requests left the client's node; null where it was not observed, as below.
--   forward_out_eni_role: Its role.
--   forward_in_eni: ENI by which they came to the server's node.
--   forward_in_eni_role: Its role.
--   return_out_eni: ENI by which replies left the server's node.
--   return_out_eni_role: Its role.
--   return_in_eni: ENI by which they came back to the client's node.
--   return_in_eni_role: Its role.
--   connections: Connections.
--   forward_packets: Packets of the requests; null where nobody counted.
--   return_packets: Packets of the replies; null where nobody counted.
--   forward_bytes: IP bytes of the requests; null where nobody counted.
--   return_bytes: IP bytes of the replies; null where nobody counted.
--   bytes: IP bytes both ways of those of which both were counted; null where there are none.
--   first_seen: First packet of the first of them.
--   last_seen: Last packet of the last of them.
--   path_id: One of them, see datapaths: the greatest.
create or replace view path_counts as
with begun as (
    select *, first_seen::date as day, if(client_kind = 'pod', split_part(client_name, '/', 1), null) as namespace from datapaths
)
select
    day, client_node, namespace, server_node, service, client_kind, dialled_kind, dataplane, scenario, variant, sop, kernel_stacks,
    outcome, return_lands_on, return_evidence, "asymmetric", drift,
    forward_out_eni, forward_out_eni_role, forward_in_eni, forward_in_eni_role,
    return_out_eni, return_out_eni_role, return_in_eni, return_in_eni_role,
    count(*) as connections,
    try_cast(sum(forward_packets) as bigint) as forward_packets,
    try_cast(sum(return_packets) as bigint) as return_packets,
    try_cast(sum(forward_bytes) as bigint) as forward_bytes,
    try_cast(sum(return_bytes) as bigint) as return_bytes,
    try_cast(sum(forward_bytes::hugeint + return_bytes) as bigint) as bytes,
    min(first_seen) as first_seen,
    max(last_seen) as last_seen,
    max(path_id) as path_id
from begun
group by
    day, client_node, namespace, server_node, service, client_kind, dialled_kind, dataplane, scenario, variant, sop, kernel_stacks,
    outcome, return_lands_on, return_evidence, "asymmetric", drift,
    forward_out_eni, forward_out_eni_role, forward_in_eni, forward_in_eni_role,
    return_out_eni, return_out_eni_role, return_in_eni, return_in_eni_role;
