-- title: Who dialled a service from where it cannot be reached?
-- why: It ranks dead ends by whom they really hurt; a client that is listed fails now and again.
-- grain: one row per dead end and client that dialled it
-- needs: services, endpoints and nodes of the inventory. What fails on the client's own node leaves no row in any log: such attempts are seen by flow logs or not at all.
-- columns:
--   service: Service, 'namespace/name'.
--   node: Node of the dead end.
--   address: Address that was dialled.
--   port: Port that was dialled.
--   reason: Why there is nobody to send to.
--   client_name: 'namespace/pod', or the node; null where it is not known.
--   client_ip: Address of the client; null where it is not known.
--   attempts: Connections that dialled it.
--   answered: Of these, those that were answered nevertheless; they contradict the dead end.
--   first_attempt: Start of the first of them.
--   last_attempt: Start of the last of them.
select
    service, node, address, port, reason, client_name, client_ip,
    count(*) as attempts,
    count(*) filter (where answered) as answered,
    min(first_seen) as first_attempt,
    max(first_seen) as last_attempt
from dead_end_paths
where path_id is not null
group by service, node, address, port, reason, client_name, client_ip
order by attempts desc, service, node, address, port, client_ip
