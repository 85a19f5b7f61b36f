-- title: What became of the entries of each dump of a conntrack table?
-- why: An entry belongs to a connection, and that says what it is.
-- grain: one row per dump of a conntrack table that has entries
-- needs: lists of conntrack; without them no rows.
-- kept: a run counts them while it has the rows of each connection together.
-- columns:
--   source: File of the dump.
--   entries: Entries in it.
--   tcp: Entries of TCP; null where a part of the time is asked for and a connection of the dump lies outside it.
--   udp: Entries of UDP; null as above.
--   other: Entries of other protocols; null as above.
--   unanswered: Entries of connections that got no answer; null as above.
--   masqueraded: Entries of connections whose source was replaced; null as above.
create or replace view dump_entries as
with listed as materialized (
    -- far fewer than there are paths
    select source, path_id from whole_observations where kind = 'conntrack-list'
),
counted as (
    select
        source,
        count(*) as entries,
        bool_and(listed.path_id is null or datapaths.path_id is not null) as told,
        count(*) filter (where protocol = 'tcp') as tcp,
        count(*) filter (where protocol = 'udp') as udp,
        count(*) filter (where protocol not in ('tcp', 'udp')) as other,
        count(*) filter (where outcome in ('unanswered', 'rejected')) as unanswered,
        count(*) filter (where snat_ip is not null or snat_port is not null) as masqueraded
    from listed
    left join datapaths on datapaths.path_id = listed.path_id
    group by source
)
select
    source, entries,
    if(told, tcp, null) as tcp,
    if(told, udp, null) as udp,
    if(told, other, null) as other,
    if(told, unanswered, null) as unanswered,
    if(told, masqueraded, null) as masqueraded
from counted;
