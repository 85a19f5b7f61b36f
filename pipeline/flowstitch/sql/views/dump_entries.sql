-- title: What became of the entries of each dump of a conntrack table?
-- why: An entry belongs to a connection, and that says what it is.
-- grain: one row per dump of a conntrack table that has entries
-- needs: lists of conntrack; without them no rows.
-- kept: a run counts them while it has the rows of each connection together.
-- columns:
--   source: File of the dump.
--   entries: Entries in it.
--   tcp: Entries of TCP.
--   udp: Entries of UDP.
--   other: Entries of other protocols.
--   unanswered: Entries of connections that got no answer.
--   masqueraded: Entries of connections whose source was replaced.
create or replace view dump_entries as
with listed as materialized (
    -- far fewer than there are paths
    select source, path_id from whole_observations where kind = 'conntrack-list'
)
select
    source,
    count(*) as entries,
    count(*) filter (where protocol = 'tcp') as tcp,
    count(*) filter (where protocol = 'udp') as udp,
    count(*) filter (where protocol not in ('tcp', 'udp')) as other,
    count(*) filter (where outcome in ('unanswered', 'rejected')) as unanswered,
    count(*) filter (where snat_ip is not null or snat_port is not null) as masqueraded
from listed
left join datapaths using (path_id)
group by source;
