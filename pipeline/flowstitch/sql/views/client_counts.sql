-- title: How many connections does each client have, with which service, and what became of them?
-- why: What is asked of clients are sums over their connections; of many paths they are found in these few rows.
-- grain: one row per client and all that is one of a few words: service, kinds, whether it was has_snat, outcome, where the replies landed; one per address of a load balancer that was dialled; clients that are no pod or node are one
-- needs: nothing; what is not known is null.
-- kept: the paths are read once, not with each question.
-- columns:
--   client_node: Node of the client; null where it is not on one, or not known.
--   client_kind: What the client is; null where it is not known.
--   client_name: 'namespace/pod', or the node; null where it is not known.
--   client_ip: Address of a client that is a pod or a node; null of others, or where it is not known.
--   service: Service that was dialled; null where none was.
--   dialled_kind: What was dialled; null where it is not known.
--   dialled_ip: Address that was dialled, if a load balancer's; null of all else.
--   has_snat: The server saw another address than the client's, see snat_ip.
--   outcome: What became of the connections; null where it is not known.
--   return_lands_on: Where the replies landed; null where nothing came back, or it is not known.
--   connections: Connections.
--   bytes: IP bytes both ways of those of which both were counted; null where there are none.
--   return_bytes: IP bytes of the replies; null where nobody counted.
--   largest: Of them that with most bytes of replies, of several the one with the greatest path_id: return_bytes, 0 where nobody counted, and path_id.
create or replace view client_counts as
with dialling as (
    select
        * exclude (client_ip, dialled_ip),
        if(client_kind in ('pod', 'node'), client_ip, null) as client_ip,
        if(dialled_kind = 'lb_ip', dialled_ip, null) as dialled_ip,
        snat_ip is not null as has_snat
    from datapaths
)
select
    client_node, client_kind, client_name, client_ip, service, dialled_kind, dialled_ip, has_snat, outcome, return_lands_on,
    count(*) as connections,
    try_cast(sum(forward_bytes::hugeint + return_bytes) as bigint) as bytes,
    try_cast(sum(return_bytes) as bigint) as return_bytes,
    max({return_bytes: coalesce(return_bytes, 0), path_id: path_id}) as largest
from dialling
group by client_node, client_kind, client_name, client_ip, service, dialled_kind, dialled_ip, has_snat, outcome, return_lands_on;
