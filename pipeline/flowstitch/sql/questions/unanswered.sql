-- title: Which requests got no answer, and how far did they come?
-- why: A request that no ENI of the server's node logged was lost on the way there, one that the ENI logged and the node's conntrack did not was dropped by the node, and one that both saw was dropped by the server or its answer was lost.
-- grain: one row per client node, target, port and server node with a request that got no answer
-- needs: conntrack or flow logs of either end; that a request did not come as far is said only where the server's side was whole, see `coverage`.
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
--   at_server_eni: Requests without an answer that an ENI of the server's node logged; null where that is known of none, and for requests that cross none.
--   eni_not_covered: Requests without an answer of which that is not known: no ENI logged them, and one has no flow log of the time or lacks records.
--   at_server_node: Requests without an answer that the conntrack of the server's node saw; null where that is known of none.
--   node_not_covered: Requests without an answer of which that is not known: no entry, and no events of the time, or some were lost, or conntrack is bypassed.
with reach as (
    select path_id, flatten(list(observers)) as observers from segments group by path_id
),
missed as (
    -- times of which an observer does not show everything; a list has what was there at one moment
    select
        observer, node,
        coalesce(since, '-infinity'::timestamp) as since,
        coalesce(until, 'infinity'::timestamp) as until
    from coverage_stretches
    where not whole and state not in ('listed', 'bypassed')
    union all
    select 'conntrack', node, '-infinity'::timestamp, 'infinity'::timestamp
    from sources
    where kind in ('conntrack-list', 'conntrack-events')
    group by node
    having not bool_or(kind = 'conntrack-events')
),
uncovered as (
    select path_id, bool_or(observer = 'flow log') as eni_missed, bool_or(observer = 'conntrack') as node_missed
    from datapaths
    join missed on missed.node = server_node and missed.since <= datapaths.last_seen and missed.until >= datapaths.first_seen
    where outcome in ('unanswered', 'one_way', 'rejected')
    group by path_id
),
requests as (
    select
        datapaths.client_node,
        coalesce(service, server_name, server_ip, dialled_ip) as target,
        dialled_port,
        server_node,
        outcome,
        outcome in ('unanswered', 'one_way', 'rejected') as lost,
        server_node is null or client_node is not distinct from server_node as crosses_none,
        case when crosses_none then null when forward_in_eni is not null then true when not coalesce(eni_missed, false) then false end as at_eni,
        case
            when list_contains(observers, server_node) then true
            when server_node is not null and not coalesce(node_missed, false) and not coalesce(list_contains(bypasses_conntrack, 'server'), false) then false
        end as at_node
    from datapaths
    left join reach using (path_id)
    left join uncovered using (path_id)
    left join scenarios on scenarios.dataplane = coalesce(server_dataplane, datapaths.dataplane) and scenarios.scenario = datapaths.scenario
)
select
    client_node, target, dialled_port, server_node,
    count(*) as connections,
    count(*) filter (where outcome = 'unanswered') as unanswered,
    count(*) filter (where outcome = 'one_way') as one_way,
    count(*) filter (where outcome = 'rejected') as rejected,
    share(count(*) filter (where lost), count(*)) as share,
    (sum(at_eni::int) filter (where lost))::bigint as at_server_eni,
    count(*) filter (where lost and at_eni is null and not crosses_none) as eni_not_covered,
    (sum(at_node::int) filter (where lost))::bigint as at_server_node,
    count(*) filter (where lost and at_node is null and server_node is not null) as node_not_covered
from requests
group by client_node, target, dialled_port, server_node
having bool_or(lost)
order by unanswered + one_way + rejected desc, client_node, target, dialled_port, server_node
