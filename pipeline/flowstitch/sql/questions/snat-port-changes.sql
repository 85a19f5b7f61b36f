-- title: Does a node's masquerade keep its clients' source ports or change them?
-- why: kube-proxy asks for random ports where iptables can do that; a node that differs from the others has another version of either.
-- grain: one row per node, and per address that is no node's
-- needs: conntrack of the masquerading node, which has both ports; connections without are left out.
-- columns:
--   node: Node whose address stands in; null where it is not a node's.
--   snat_ip: Source address that the servers saw.
--   connections: Masqueraded connections of which both ports are known.
--   changed: Of these, those whose port was changed.
--   changed_share: Their share: 1 is random, 0 is kept unless taken, between them is a mixture.
--   servers: Different servers behind them.
select
    if(owner_kind = 'node', any_value(address_owners.name), null) as node,
    snat_ip,
    count(*) as connections,
    count(*) filter (where snat_port <> coalesce(client_port, seen_port)) as changed,
    share(changed, connections) as changed_share,
    count(distinct server_ip) as servers
from datapaths
left join address_owners on ip = snat_ip
where snat_port is not null and coalesce(client_port, seen_port) is not null
group by snat_ip, owner_kind
order by changed_share, connections desc, snat_ip
