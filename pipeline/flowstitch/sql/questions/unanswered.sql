-- title: Which requests got no answer, and how far did they come?
-- why: A request that no ENI of the server's node logged was lost on the way there, one that the ENI logged and the node's conntrack did not was dropped by the node, and one that both saw was dropped by the server or its answer was lost.
-- grain: one row per client node, target, port and server node with a request that got no answer
-- needs: conntrack or flow logs of either end; at_server_eni and at_server_node are null where their source is missing.
-- columns:
--   client_node: Node of the clients; null outside the cluster, or where it is not known.
--   target: Service that was dialled; else the server's name, else its address, else the dialled address; null where none is known.
--   dialled_port: Port that was dialled; null where the protocol has none.
--   server_node: Node of the server; null outside the cluster, or where it is not known.
--   connections: All connections from there to there.
--   unanswered: Of these, those to which nothing came back.
--   one_way: Those that the server answered without the answer reaching the client.
--   rejected: Those that a security group or ACL rejected.
--   share: The share of connections without an answer: unanswered, one_way and rejected.
--   at_server_eni: Requests without an answer that an ENI of the server's node logged; null where no flow log has rows of its ENIs, and for requests that cross none.
--   at_server_node: Requests without an answer that the conntrack of the server's node saw; null where that node has no conntrack source.
with reach as (
    select path_id, flatten(list(observers)) as observers from segments group by path_id
),
dumped as (
    select distinct node from sources where kind in ('conntrack-list', 'conntrack-events') and parsed > 0
),
logged as (
    select distinct node from observations where kind = 'vpc-flow-log' and node is not null
),
requests as (
    select
        datapaths.client_node,
        coalesce(service, server_name, server_ip, dialled_ip) as target,
        dialled_port,
        server_node,
        outcome,
        outcome in ('unanswered', 'one_way', 'rejected') as lost,
        if(logged.node is null or client_node = server_node, null, forward_in_eni is not null) as at_eni,
        if(dumped.node is null, null, list_contains(observers, server_node)) as at_node
    from datapaths
    left join reach using (path_id)
    left join dumped on dumped.node = server_node
    left join logged on logged.node = server_node
)
select
    client_node, target, dialled_port, server_node,
    count(*) as connections,
    count(*) filter (where outcome = 'unanswered') as unanswered,
    count(*) filter (where outcome = 'one_way') as one_way,
    count(*) filter (where outcome = 'rejected') as rejected,
    share(count(*) filter (where lost), count(*)) as share,
    (sum(at_eni::int) filter (where lost))::bigint as at_server_eni,
    (sum(at_node::int) filter (where lost))::bigint as at_server_node
from requests
group by client_node, target, dialled_port, server_node
having bool_or(lost)
order by unanswered + one_way + rejected desc, client_node, target, dialled_port, server_node
