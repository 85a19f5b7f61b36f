-- title: Which connections does conntrack still hold that IPVS has forgotten?
-- why: IPVS drops a TCP connection after 900 s without a packet, conntrack after a day: the next packet is reset or goes to another backend.
-- grain: one row per connection
-- needs: a list of conntrack and one of IPVS connections of the client's node, taken within a minute of each other; without both no rows.
-- columns:
--   node: Node that translated.
--   service: Service that was dialled, 'namespace/name'.
--   client_name: 'namespace/pod', or the node.
--   client_ip: Address of the client.
--   client_port: Port of the client.
--   server_ip: Address of the backend.
--   server_port: Port of the backend.
--   listed_at: When conntrack listed it and IPVS did not, UTC.
--   idle_s: Seconds since its last packet.
--   path_id: The connection, see datapaths.
with listings as (
    select
        conntrack.node,
        conntrack.source as conntrack_source,
        ipvs.source as ipvs_source,
        conntrack.first_seen as listed_at
    from sources as conntrack
    join sources as ipvs using (node)
    where conntrack.kind = 'conntrack-list' and ipvs.kind = 'ipvs-connections'
        -- what a torn list does not have may have been there
        and coalesce(ipvs.complete, true)
        and abs(epoch(conntrack.first_seen - ipvs.first_seen)) <= 60
),
latest as (
    select node, arg_max(conntrack_source, listed_at) as conntrack_source, arg_max(ipvs_source, listed_at) as ipvs_source, max(listed_at) as listed_at
    from listings
    group by node
),
in_ipvs as (
    select path_id, source from whole_observations where kind = 'ipvs-connections' and path_id is not null
),
idle as materialized (
    -- few, if any: who they are is looked up of them alone
    select latest.node, listed_at, path_id, floor(epoch(listed_at - datapaths.last_seen))::bigint as idle_s
    from latest
    join whole_observations as observations on observations.source = conntrack_source
    join datapaths using (path_id)
    anti join in_ipvs on in_ipvs.path_id = datapaths.path_id and in_ipvs.source = ipvs_source
    where protocol = 'tcp' and client_node = latest.node and outcome = 'established' and idle_s > 900
        and dialled_kind in ('cluster_ip', 'lb_ip', 'external_ip', 'node_port') and nat in ('dnat', 'dnat+snat')
)
select
    node, service, client_name, client_ip, client_port, server_ip, server_port, listed_at, idle_s, path_id
from idle
join datapaths using (path_id)
order by idle_s desc, path_id
