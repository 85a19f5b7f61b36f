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
    sum(compared)::bigint as connections,
    sum(snat_loads.changed)::bigint as changed,
    share(sum(snat_loads.changed), sum(compared)) as changed_share,
    count(distinct server_ip) as servers
from snat_loads
left join address_owners on ip = snat_ip
where compared > 0
group by snat_ip, owner_kind
order by changed_share, connections desc, snat_ip
