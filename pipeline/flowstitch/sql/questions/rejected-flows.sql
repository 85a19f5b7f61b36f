-- title: What do security groups and ACLs reject, for whom, and on which side?
-- why: A rejected connection looks like a server that does not answer; the side says whose group to look at.
-- grain: one row per ENI that rejected, target, port and client
-- needs: flow logs, which alone have the verdict; without them no rows.
-- columns:
--   node: Node of the ENI; null where it is not known.
--   eni: ENI whose group or ACL rejected.
--   eni_role: Its role; null where the ENI is not in the inventory.
--   side: server: on the way in; client: on the way out; null where the direction is not known.
--   target: Service that was dialled; else the server's name, else its address, else the dialled address.
--   dialled_port: Port that was dialled; null where the protocol has none.
--   client_name: Pod or node; null where it is not known.
--   client_ip: Address of the client; null where it is not known.
--   connections: Connections.
--   unreplied: Of these, those that conntrack of the client's side saw go out.
--   packets: Packets that were sent; null where nobody counted.
--   first_seen: First of them.
--   last_seen: Last of them.
with refusing as (
    -- what was rejected went no further: the last ENI that saw it
    select
        path_id,
        coalesce(max(eni) filter (where part = 'forward_in'), max(eni) filter (where part = 'forward_out'), max(eni)) as eni,
        case
            when bool_or(part = 'forward_in') then 'server'
            when bool_or(part = 'forward_out') then 'client'
        end as side
    from whole_observations as observations
    where kind = 'vpc-flow-log' and path_id in (select path_id from datapaths where outcome = 'rejected')
    group by path_id
)
select
    known_enis.node, eni, eni_role, side,
    coalesce(service, server_name, server_ip, dialled_ip) as target,
    dialled_port, client_name, client_ip,
    count(*) as connections,
    count(*) filter (where list_contains(evidence, 'conntrack')) as unreplied,
    sum(forward_packets)::bigint as packets,
    min(first_seen) as first_seen,
    max(last_seen) as last_seen
from datapaths
left join refusing using (path_id)
left join known_enis using (eni)
where outcome = 'rejected'
group by known_enis.node, eni, eni_role, side, target, dialled_port, client_name, client_ip
order by connections desc, eni, target, dialled_port, client_ip
