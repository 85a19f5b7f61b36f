-- title: From which nodes can a service not be reached, and who tried?
-- why: Clients on such a node fail at once or time out, and no log says so; what comes to a node port from elsewhere leaves a trace and shows that it hurts.
-- grain: one row per dead end, see table dead_ends
-- needs: services, endpoints and nodes of the inventory; without them no rows. IPVS dumps make a row proven.
-- columns:
--   node: Node.
--   service: Service, 'namespace/name'.
--   protocol: Protocol.
--   address: Address of the service that is dialled.
--   port: Port that is dialled.
--   address_kind: What the address is to the service.
--   client_kinds: Who runs into it.
--   reason: Why there is nobody to send to.
--   certainty: proven: by the node's IPVS table; expected: from policy and endpoints.
--   since: From when on, inclusive; null before the export.
--   until: Until when, exclusive; null after the export.
--   attempts: Connections seen to dial it from where it fails. 0 does not say that nobody did: what fails on the client's own node leaves no row.
--   answered: Of these, those that were answered nevertheless; they contradict the dead end.
--   last_attempt: Start of the latest of them; null where there are none.
select
    node, service, protocol, address, port, address_kind, client_kinds, reason, certainty, since, until,
    count(path_id) as attempts,
    count(*) filter (where answered) as answered,
    max(first_seen) as last_attempt
from dead_end_paths
group by node, service, protocol, address, port, address_kind, client_kinds, reason, certainty, since, until
order by attempts desc, service, node, protocol, address, port, since nulls first
