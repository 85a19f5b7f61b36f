-- title: What is each path in the fields of the Elastic Common Schema?
-- why: Whoever searches flows in Elastic, OpenSearch or a SIEM gets the paths under the names that all his other sources have, and pivots to them by Community ID. Fields are those of ECS 8.17.
-- grain: one row per path
-- needs: nothing; what is not known, or would not be what ECS says of the field, is null.
-- columns:
--   @timestamp: As event.start; UTC, as all times are.
--   ecs.version: Version of ECS whose fields these are.
--   event.id: path_id as text.
--   event.kind: event.
--   event.category: network.
--   event.type: connection; and denied, where a security group or ACL rejected it.
--   event.outcome: success where it was established, failure where it was not, or the answer got lost; unknown where no answer would have been seen. See flowstitch.outcome.
--   event.start: Its first packet.
--   event.end: Its last packet.
--   event.duration: From the first packet to the last, in nanoseconds.
--   source.ip: Who opened the connection; where that is not known, the source as it was first seen.
--   source.port: Port of it; null for protocols without ports.
--   source.nat.ip: Source that the server saw; null where it is the source's own, address and port.
--   source.nat.port: Port of it.
--   source.bytes: IP bytes from the source; null where nobody counted.
--   source.packets: Packets from the source.
--   destination.ip: Address that was dialled: a service's or a load balancer's, where it was one.
--   destination.port: Port that was dialled.
--   destination.nat.ip: Where it was translated to; null where the dialled address and port are the server's.
--   destination.nat.port: Port of it.
--   destination.bytes: IP bytes to the source; null where nobody counted.
--   destination.packets: Packets to the source.
--   client.ip: Who opened the connection; null where only an address was seen that stands for others too.
--   client.port: Port of the client.
--   server.ip: Who answered, or would have.
--   server.port: Port of the server.
--   network.type: ipv4 or ipv6.
--   network.transport: Protocol by the keyword of IANA, in lower case; null for those that have no name here.
--   network.iana_number: Protocol by its number, as text.
--   network.direction: Seen from the border of the cluster: internal, inbound, outbound or external; null where an end is not known or a load balancer.
--   network.bytes: IP bytes both ways.
--   network.packets: Packets both ways.
--   network.community_id: Community ID of source and destination, before any translation; null for ICMP.
--   host.name: Node whose conntrack counted bytes and packets; null where an ENI did.
--   related.ip: All addresses of the row, sorted.
--   related.hosts: Nodes of client and server, sorted; null where none is known.
--   flowstitch.server_community_id: Community ID of the tuple that the server saw, another one where addresses or ports were translated on the way; null where client or server is not known, and for ICMP.
--   flowstitch.client_name: 'namespace/pod' of the client, or its node.
--   flowstitch.server_name: 'namespace/pod' of the server, or its node.
--   flowstitch.service: Service behind the dialled address, 'namespace/name'.
--   flowstitch.outcome: What became of it, see datapaths.
--   flowstitch.scenario: Scenario, see table scenarios.
--   flowstitch.return_lands_on: Where the replies came back.
create or replace view ecs as
with ends as (
    select
        *,
        coalesce(client_ip, seen_ip) as source_ip,
        if(client_ip is null, seen_port, client_port) as source_port,
        (server_ip, server_port) is distinct from (dialled_ip, dialled_port) as redirected
    from datapaths
)
select
    first_seen as "@timestamp",
    '8.17.0' as "ecs.version",
    path_id::varchar as "event.id",
    'event' as "event.kind",
    ['network'] as "event.category",
    if(outcome = 'rejected', ['connection', 'denied'], ['connection']) as "event.type",
    case when outcome in ('established', 'closed') then 'success' when outcome is null then 'unknown' else 'failure' end as "event.outcome",
    first_seen as "event.start",
    last_seen as "event.end",
    (epoch_us(last_seen) - epoch_us(first_seen)) * 1000 as "event.duration",
    source_ip as "source.ip",
    source_port as "source.port",
    snat_ip as "source.nat.ip",
    snat_port as "source.nat.port",
    forward_bytes as "source.bytes",
    forward_packets as "source.packets",
    dialled_ip as "destination.ip",
    dialled_port as "destination.port",
    if(redirected, server_ip, null) as "destination.nat.ip",
    if(redirected, server_port, null) as "destination.nat.port",
    return_bytes as "destination.bytes",
    return_packets as "destination.packets",
    client_ip as "client.ip",
    client_port as "client.port",
    server_ip as "server.ip",
    server_port as "server.port",
    'ipv' || ip_version(coalesce(dialled_ip, source_ip)) as "network.type",
    case when protocol = 'icmpv6' then 'ipv6-icmp' when try_cast(protocol as utinyint) is null then protocol end as "network.transport",
    protocol_number(protocol)::varchar as "network.iana_number",
    case
        when client_kind in ('pod', 'node') and server_kind in ('pod', 'node', 'service') then 'internal'
        when client_kind in ('pod', 'node') and server_kind = 'outside' then 'outbound'
        when client_kind = 'outside' and server_kind in ('pod', 'node', 'service') then 'inbound'
        when client_kind = 'outside' and server_kind = 'outside' then 'external'
    end as "network.direction",
    try_cast(forward_bytes::hugeint + return_bytes as bigint) as "network.bytes",
    try_cast(forward_packets::hugeint + return_packets as bigint) as "network.packets",
    community_id(source_ip, source_port, dialled_ip, dialled_port, protocol) as "network.community_id",
    if(counted_by in (client_node, server_node), counted_by, null) as "host.name",
    list_sort(list_distinct([client_ip, seen_ip, dialled_ip, snat_ip, server_ip])) as "related.ip",
    nullif(list_sort(list_distinct([client_node, server_node])), []) as "related.hosts",
    community_id(coalesce(snat_ip, client_ip), coalesce(snat_port, client_port), server_ip, server_port, protocol)
        as "flowstitch.server_community_id",
    client_name as "flowstitch.client_name",
    server_name as "flowstitch.server_name",
    service as "flowstitch.service",
    outcome as "flowstitch.outcome",
    scenario as "flowstitch.scenario",
    return_lands_on as "flowstitch.return_lands_on"
from ends;
