-- title: How many connections does each server have, from whom, and what became of them?
-- why: What is asked of backends are sums over their connections; of many paths they are found in these few rows.
-- grain: one row per server, its port, service and all that is one of a few words: kinds, scenario, outcome, where the replies landed; of a node port one per node that was dialled
-- needs: nothing; what is not known is null.
-- kept: the paths are read once, not with each question.
-- columns:
--   service: Service that was dialled; null where none was.
--   traffic_policy: Its externalTrafficPolicy; null where that is not known.
--   protocol: Protocol.
--   server_ip: Address of the server; null where it is not known.
--   server_port: Port of the server; null where it is not known.
--   server_kind: What the server is; null where it is not known.
--   server_name: 'namespace/pod', or the node; null where it is not known.
--   server_node: Node of the server; null where it is not on one, or not known.
--   client_kind: What the clients are; null where it is not known.
--   client_known: Their addresses are known.
--   hairpin: Client and server have one address; null where one of them is not known.
--   dialled_kind: What was dialled; null where it is not known.
--   dialled_ip: Address that was dialled, of a node port and where the server is not known; null of all else.
--   dialled_port: Port that was dialled, of a node port; null of all else.
--   nat: How the connections were translated, see datapaths.
--   scenario: Scenario, see table scenarios; null where it is not known.
--   kernel_stacks: Network stacks that a packet goes through; null where it is not known.
--   outcome: What became of the connections; null where it is not known.
--   return_lands_on: Where the replies landed; null where nothing came back, or it is not known.
--   connections: Connections.
--   bytes: IP bytes both ways of those of which both were counted; null where there are none.
--   first_end: Last packet of the one that ended first.
--   last_end: Last packet of the one that ended last.
--   path_id: One of them, see datapaths: the greatest.
create or replace view server_counts as
with served as (
    select
        * exclude (dialled_ip, dialled_port),
        client_ip is not null as client_known,
        client_ip = server_ip as hairpin,
        if(dialled_kind = 'node_port' or coalesce(service, server_name, server_ip) is null, dialled_ip, null) as dialled_ip,
        if(dialled_kind = 'node_port', dialled_port, null) as dialled_port
    from datapaths
)
select
    service, traffic_policy, protocol, server_ip, server_port, server_kind, server_name, server_node,
    client_kind, client_known, hairpin, dialled_kind, dialled_ip, dialled_port,
    nat, scenario, kernel_stacks, outcome, return_lands_on,
    count(*) as connections,
    try_cast(sum(forward_bytes::hugeint + return_bytes) as bigint) as bytes,
    min(last_seen) as first_end,
    max(last_seen) as last_end,
    max(path_id) as path_id
from served
group by
    service, traffic_policy, protocol, server_ip, server_port, server_kind, server_name, server_node,
    client_kind, client_known, hairpin, dialled_kind, dialled_ip, dialled_port,
    nat, scenario, kernel_stacks, outcome, return_lands_on;
