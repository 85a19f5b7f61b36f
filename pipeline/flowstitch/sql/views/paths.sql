-- title: What is there to know of each path at a glance?
-- why: Table datapaths has everything; this is what fits a screen.
-- grain: one row per path
-- needs: nothing; what is not known is null, or '?' for an address.
-- columns:
--   path_id: The connection, see datapaths.
--   first_seen: Its first packet, UTC.
--   duration_s: Seconds from its first packet to its last.
--   client: Name and address of the client.
--   dialled: Service and address that it dialled.
--   server: Name and address of the server.
--   scenario: Scenario, see table scenarios; null where it is not known.
--   outcome: What became of it.
--   return_lands_on: Where the replies came back.
--   bytes: IP bytes both ways; null where nobody counted.
create or replace view paths as
select
    path_id, first_seen,
    duration_s(first_seen, last_seen) as duration_s,
    named_end(client_name, client_ip, client_port) as client,
    named_end(service, dialled_ip, dialled_port) as dialled,
    named_end(server_name, server_ip, server_port) as server,
    scenario, outcome, return_lands_on,
    try_cast(forward_bytes::hugeint + return_bytes as bigint) as bytes
from datapaths;
