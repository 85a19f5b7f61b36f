-- title: Which ENIs are there, and what did each ever have?
-- why: Table enis has a row for each stretch of time; most questions want an ENI once.
-- grain: one row per ENI
-- needs: the list of ENIs, of the cloud or of terway-cli; without it no rows.
-- columns:
--   eni: ENI.
--   eni_role: Its role; null where it is not known.
--   node: Node that it is attached to; null where it is not known.
--   zone_id: Its availability zone; null where it is not known.
--   ips: All addresses that it had.
create or replace view known_enis as
select
    eni,
    max(role) as eni_role,
    max(node) as node,
    max(zone_id) as zone_id,
    list_sort(list_distinct(flatten(list(coalesce(ips, []))))) as ips
from enis
group by eni;
