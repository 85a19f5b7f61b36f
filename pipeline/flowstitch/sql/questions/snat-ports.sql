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
--   peak: Most ports that were held at one time: from the first packet to the last conntrack row of the connection, see snat_held_until.
--   peak_share: The peak's share of the 64512 ports that the kernel has for clients whose own port is 1024 or above.
--   changed_share: Share of the connections whose port was changed; null where the client's own is not known.
-- 1024 to 65535: nf_nat_l4proto_unique_tuple in the kernel's nf_nat_core.c
select
    if(owner_kind = 'node', address_owners.name, null) as node,
    snat_ip, protocol, server_ip, server_port, connections, ports, peak,
    share(peak, 64512) as peak_share,
    share(changed, compared) as changed_share
from snat_loads
left join address_owners on ip = snat_ip
order by peak desc, connections desc, snat_ip, protocol, server_ip, server_port
