-- title: How many source ports does masquerading hold towards each server?
-- why: An address has one port for each connection to a server's address and port; when none is left, new connections fail. Ports that are always or never changed say how the node masquerades.
-- grain: one row per masquerading address, protocol, server address and port
-- needs: conntrack of the masquerading or of the server's node; connections that only flow logs saw have no translation and are left out.
-- columns:
--   node: Node whose address it is; null where it is not a node's.
--   snat_ip: Source address that the server saw.
--   protocol: Protocol.
--   server_ip: Address of the server.
--   server_port: Port of the server.
--   connections: Connections.
--   ports: Different source ports that they were given.
--   peak: Most ports that were held at one time: from the first packet to the last conntrack row of the connection.
--   peak_share: The peak's share of the 64512 ports that the kernel has for clients whose own port is 1024 or above.
--   changed_share: Share of the connections whose port was changed; null where the client's own is not known.
with masqueraded as (
    select
        path_id,
        if(owner_kind = 'node', address_owners.name, null) as node,
        snat_ip, protocol, server_ip, server_port, snat_port, first_seen, last_seen,
        coalesce(client_port, seen_port) as own_port
    from datapaths
    left join address_owners on ip = snat_ip
    where snat_port is not null
),
loads as (
    select
        row_number() over () as load,
        any_value(node) as node, snat_ip, protocol, server_ip, server_port,
        count(*) as connections,
        count(distinct snat_port) as ports,
        share(count(*) filter (where snat_port <> own_port), count(own_port)) as changed_share
    from masqueraded
    group by snat_ip, protocol, server_ip, server_port
),
outlasting as (
    -- rows of conntrack that tell of an entry after its last packet
    select path_id, max(observations.first_seen) as ended
    from whole_observations as observations
    join masqueraded using (path_id)
    where kind in ('conntrack-list', 'conntrack-events') and observations.first_seen > masqueraded.last_seen
        and coalesce(observations.node = masqueraded.node, true)
    group by path_id
),
held as (
    select load, first_seen as begun, coalesce(ended, last_seen) as ended
    from masqueraded
    join loads
        on loads.snat_ip = masqueraded.snat_ip and loads.protocol = masqueraded.protocol
        and loads.server_ip = masqueraded.server_ip and loads.server_port = masqueraded.server_port
    left join outlasting using (path_id)
),
steps as (
    select load, begun as moment, 1 as step from held
    union all
    select load, ended as moment, -1 as step from held
),
levels as (
    select load, sum(step) over (partition by load order by moment, step desc rows unbounded preceding) as level from steps
),
peaks as (
    select load, max(level)::bigint as peak from levels group by load
)
-- 1024 to 65535: nf_nat_l4proto_unique_tuple in the kernel's nf_nat_core.c
select
    node, snat_ip, protocol, server_ip, server_port, connections, ports, peak,
    share(peak, 64512) as peak_share,
    changed_share
from loads
join peaks using (load)
order by peak desc, connections desc, snat_ip, protocol, server_ip, server_port
