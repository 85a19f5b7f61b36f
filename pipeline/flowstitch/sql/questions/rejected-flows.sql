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
with rejected as (
    select * from failed_paths where outcome = 'rejected'
),
astray as (
    -- rows of which it is not known which way they were going
    select path_id, max(eni) as eni
    from whole_observations
    where kind = 'vpc-flow-log' and path_id in (select path_id from rejected where coalesce(forward_in_eni, forward_out_eni) is null)
    group by path_id
),
refused as (
    -- what was rejected went no further: the last ENI that saw it
    select
        coalesce(forward_in_eni, forward_out_eni, eni) as rejecting_eni,
        case when forward_in_eni is not null then 'server' when forward_out_eni is not null then 'client' end as side,
        coalesce(service, server_name, server_ip, dialled_ip) as target,
        dialled_port, client_name, client_ip,
        count(*) as connections,
        count(*) filter (where list_contains(evidence, 'conntrack')) as unreplied,
        try_cast(sum(forward_packets) as bigint) as packets,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen
    from rejected
    left join astray using (path_id)
    group by rejecting_eni, side, target, dialled_port, client_name, client_ip
)
select
    node, rejecting_eni as eni, eni_role, side, target, dialled_port, client_name, client_ip,
    connections, unreplied, packets, first_seen, last_seen
from refused
left join known_enis on eni = rejecting_eni
order by connections desc, rejecting_eni, target, dialled_port, client_ip
