-- title: Which connections dialled a dead end from where it is one?
-- why: The attempts show whom it hurts.
-- grain: one row per dead end and connection that dialled it; one with a null path_id for a dead end without any
-- needs: services, endpoints and nodes of the inventory; without them no rows.
-- kept: those that dialled one are looked for among all paths once, not with each question.
-- columns:
--   node: Node, see dead_ends.
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
--   path_id: The connection, see datapaths; null where nobody dialled it.
--   client_node: Node of the client.
--   client_name: 'namespace/pod', or the node.
--   client_ip: Address of the client.
--   outcome: What became of it.
--   first_seen: When it began.
--   answered: Something came back; that contradicts the dead end.
create or replace view dead_end_paths as
with dialled as (
    -- few of all
    select * from datapaths where dialled_ip in (select address from dead_ends)
)
select
    dead_ends.node, dead_ends.service, dead_ends.protocol, address, port, address_kind, client_kinds, reason, certainty, since, until,
    path_id, client_node, client_name, client_ip, outcome, first_seen,
    outcome in ('established', 'closed', 'one_way') as answered
from dead_ends
left join dialled
    on dialled_ip = address and dialled_port = port and dialled.protocol = dead_ends.protocol
    and (address_kind = 'node_port' or client_node = dead_ends.node)
    and list_contains(client_kinds, client_kind)
    and first_seen >= coalesce(since, '-infinity')
    and first_seen < coalesce(until, 'infinity');
