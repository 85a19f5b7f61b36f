-- title: Who owns each address, if it is one alone?
-- why: An address that several had in turn names nobody without a time; the paths themselves have been named by time.
-- grain: one row per address of a pod or a node
-- needs: pods and nodes of the inventory; without them no rows.
-- columns:
--   ip: Address.
--   owner_kind: pod or node; null where it was both.
--   name: 'namespace/pod', or the node; null where several had it.
--   node: Node that it is on; null where it was on several, or the node is not known.
create or replace view address_owners as
select
    ip,
    if(count(distinct owner_kind) = 1, max(owner_kind), null) as owner_kind,
    if(count(distinct owner) = 1, max(owner), null) as name,
    if(count(distinct coalesce(node, '')) = 1, max(node), null) as node
from addresses
where owner_kind in ('pod', 'node')
group by ip;
