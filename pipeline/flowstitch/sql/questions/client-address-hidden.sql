-- title: Whose servers see a node's or a load balancer's address in place of the client's?
-- why: Access lists, rate limits and audit logs of these servers work on the wrong address.
-- grain: one row per target, scenario and what hides the client
-- needs: conntrack of the clients' nodes, or load balancers known by their source ranges; a client that nobody names is left out.
-- columns:
--   target: Service that was dialled, else the server's name, else its address.
--   scenario: Scenario of the paths, see table scenarios; null where it is not known.
--   hidden_by: masquerade: a node put another address in place of the client's; load balancer: it opened the connection itself.
--   connections: Connections whose server saw another address than the client's; probes of load balancers are not counted.
--   share: Their share of all connections to the target whose client or load balancer is known.
--   clients: Different client addresses behind them; null behind a load balancer.
--   seen_addresses: Different addresses that the servers saw.
with totals as (
    select coalesce(service, server_name, server_ip) as target, sum(connections) as of_target
    from server_counts
    where client_known and server_kind in ('pod', 'node') and scenario is distinct from 'lb-health-check'
    group by target
),
seen as (
    select
        coalesce(service, server_name, server_ip) as target,
        scenario,
        if(client_kind = 'lb', 'load balancer', 'masquerade') as hidden_by,
        client_ip,
        coalesce(snat_ip, client_ip) as at_server,
        count(*) as connections
    from datapaths
    where client_ip is not null and server_kind in ('pod', 'node') and scenario is distinct from 'lb-health-check'
        and (client_kind = 'lb' or snat_ip <> client_ip)
    group by target, scenario, hidden_by, client_ip, at_server
),
hidden as (
    select
        target, scenario, hidden_by,
        sum(connections)::bigint as connections,
        if(hidden_by = 'masquerade', count(distinct client_ip), null) as clients,
        count(distinct at_server) as seen_addresses
    from seen
    group by target, scenario, hidden_by
)
select hidden.target, scenario, hidden_by, connections, share(connections, of_target) as share, clients, seen_addresses
from hidden
join totals on totals.target is not distinct from hidden.target
order by connections desc, hidden.target, scenario, hidden_by
