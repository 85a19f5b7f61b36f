-- title: Whom do clients ask for names, and what of it goes through conntrack?
-- why: A node-local cache is not tracked, so what is seen here bypasses it; every query of UDP holds an entry of conntrack for half a minute or more.
-- grain: one row per client node, kind of client, resolver and protocol
-- needs: conntrack of the clients' nodes; without it only what crosses an ENI is seen.
-- columns:
--   client_node: Node of the clients; null outside the cluster, or where it is not known.
--   client_kind: What the clients are.
--   resolver: service: a service's address; node-local: 169.254.20.10, which should not be seen; pod or node, dialled itself; outside.
--   service: Service, 'namespace/name'; null where none was dialled.
--   dialled_ip: Address that was dialled.
--   protocol: Protocol.
--   connections: Connections to port 53 or 853.
--   clients: Different client addresses.
--   unanswered: Connections that got no answer.
--   share: Their share of all connections of the client node.
with nodes_known as (
    select client_node, sum(connections) as of_node from path_counts group by client_node
)
select
    datapaths.client_node, client_kind,
    case
        when dialled_ip = '169.254.20.10' then 'node-local'
        when service is not null then 'service'
        else dialled_kind
    end as resolver,
    service, dialled_ip, protocol,
    count(*) as connections,
    count(distinct client_ip) as clients,
    count(*) filter (where outcome in ('unanswered', 'one_way', 'rejected')) as unanswered,
    share(count(*), any_value(of_node)) as share
from datapaths
join nodes_known on nodes_known.client_node is not distinct from datapaths.client_node
where dialled_port in (53, 853)
group by datapaths.client_node, client_kind, resolver, service, dialled_ip, protocol
order by connections desc, datapaths.client_node, client_kind, dialled_ip, protocol
