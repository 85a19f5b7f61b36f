-- title: How many connections go from each node to whom outside the cluster, and how do they leave?
-- why: Destinations outside are many and their paths are wide: they are summed up once.
-- grain: one row per client node, kind of client, destination, port, translation and ENI
-- needs: conntrack of the clients' nodes; flow logs for the ENI, which is null without them.
-- kept: the paths are read once, not with each question.
-- columns:
--   client_node: Node of the clients.
--   client_kind: pod or node.
--   dialled_ip: Destination.
--   dialled_port: Its port; null where the protocol has none.
--   protocol: Protocol.
--   leaves_as: client: its own address; node: a node put its address in place; other: another one did; null where only a flow log saw it.
--   forward_out_eni: ENI by which the requests left; null where it was not observed.
--   forward_out_eni_role: Its role.
--   connections: Connections.
--   clients: Different client addresses.
--   unanswered: Connections that got no answer.
--   forward_bytes: IP bytes of the requests; null where nobody counted.
--   return_bytes: IP bytes of the replies; null where nobody counted.
--   path_id: One of them, see datapaths: the greatest.
create or replace view outside_counts as
select
    client_node, client_kind, dialled_ip, dialled_port, protocol,
    case
        when not (list_contains(evidence, 'conntrack') or list_contains(evidence, 'ipvs')) then null
        when snat_ip is null or snat_ip = client_ip then 'client'
        when owner_kind = 'node' then 'node'
        else 'other'
    end as leaves_as,
    forward_out_eni, forward_out_eni_role,
    count(*) as connections,
    count(distinct client_ip) as clients,
    count(*) filter (where outcome in ('unanswered', 'one_way', 'rejected')) as unanswered,
    try_cast(sum(forward_bytes) as bigint) as forward_bytes,
    try_cast(sum(return_bytes) as bigint) as return_bytes,
    max(path_id) as path_id
from datapaths
left join address_owners on ip = snat_ip
where dialled_kind = 'outside' and client_kind in ('pod', 'node')
group by client_node, client_kind, dialled_ip, dialled_port, protocol, leaves_as, forward_out_eni, forward_out_eni_role;
