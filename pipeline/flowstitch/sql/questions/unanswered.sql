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
with lost as (
    select * from failed_paths where outcome <> 'refused'
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
    from lost
    join missed on missed.node = server_node and missed.since <= lost.last_seen and missed.until >= lost.first_seen
    group by path_id
),
totals as (
    select client_node, coalesce(target, dialled_ip) as target, dialled_port, server_node, sum(connections)::bigint as connections
    from target_counts
    group by client_node, coalesce(target, dialled_ip), dialled_port, server_node
),
requests as (
    select
        lost.client_node,
        coalesce(service, server_name, server_ip, dialled_ip) as target,
        dialled_port,
        server_node,
        outcome,
        server_node is null or client_node is not distinct from server_node as crosses_none,
        case when crosses_none then null when forward_in_eni is not null then true when not coalesce(eni_missed, false) then false end as at_eni,
        case
            when lost.at_server_node then true
            when server_node is not null and not coalesce(node_missed, false) and not coalesce(list_contains(bypasses_conntrack, 'server'), false) then false
        end as at_node
    from lost
    left join uncovered using (path_id)
    left join scenarios on scenarios.dataplane = coalesce(server_dataplane, lost.dataplane) and scenarios.scenario = lost.scenario
),
found as (
    select
        client_node, target, dialled_port, server_node,
        count(*) as lost,
        count(*) filter (where outcome = 'unanswered') as unanswered,
        count(*) filter (where outcome = 'one_way') as one_way,
        count(*) filter (where outcome = 'rejected') as rejected,
        sum(at_eni::int)::bigint as at_server_eni,
        count(*) filter (where at_eni is null and not crosses_none) as eni_not_covered,
        sum(at_node::int)::bigint as at_server_node,
        count(*) filter (where at_node is null and server_node is not null) as node_not_covered
    from requests
    group by client_node, target, dialled_port, server_node
)
select
    found.client_node, found.target, found.dialled_port, found.server_node,
    connections, unanswered, one_way, rejected,
    share(lost, connections) as share,
    at_server_eni, eni_not_covered, at_server_node, node_not_covered
from found
join totals
    on totals.client_node is not distinct from found.client_node and totals.target is not distinct from found.target
    and totals.dialled_port is not distinct from found.dialled_port and totals.server_node is not distinct from found.server_node
order by unanswered + one_way + rejected desc, found.client_node, found.target, found.dialled_port, found.server_node
