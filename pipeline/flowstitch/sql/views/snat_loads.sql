-- title: How many source ports does each address that masquerades hold towards each server?
-- why: Every masqueraded connection holds a port from its begin to its end; how many they are at one time is reckoned of all of them.
-- grain: one row per masquerading address, protocol, server address and port
-- needs: conntrack of the masquerading or of the server's node; connections that only flow logs saw have no translation and are left out.
-- kept: the paths are read and their begins and ends sorted once, not with each question.
-- columns:
--   snat_ip: Source address that the server saw.
--   protocol: Protocol.
--   server_ip: Address of the server.
--   server_port: Port of the server.
--   connections: Connections.
--   compared: Of these, those of which the client's own port is known.
--   changed: Of these, those whose port is another than the client's own.
--   ports: Different source ports that they were given.
--   peak: Most ports that were held at one time: from the first packet to the last conntrack row of the connection, see snat_held_until.
create or replace view snat_loads as
with loads as (
    -- begins and ends of connections in order, an end behind a begin of the same microsecond: odd numbers are ends
    select
        snat_ip, protocol, server_ip, server_port,
        count(*) as connections,
        count(coalesce(client_port, seen_port)) as compared,
        count(*) filter (where snat_port <> coalesce(client_port, seen_port)) as changed,
        count(distinct snat_port) as ports,
        list_sort(list_concat(list(2 * epoch_us(first_seen)), list(2 * epoch_us(snat_held_until) + 1))) as steps
    from datapaths
    where snat_port is not null
    group by snat_ip, protocol, server_ip, server_port
),
begins as (
    -- places of the begins among all
    select *, list_filter(list_transform(steps, lambda step, place: if(step % 2 = 0, place, null)), lambda place: place is not null) as places
    from loads
)
select
    snat_ip, protocol, server_ip, server_port, connections, compared, changed, ports,
    -- what stands before a begin and is none has ended
    list_max(list_transform(places, lambda place, begun: 2 * begun - place)) as peak
from begins;
