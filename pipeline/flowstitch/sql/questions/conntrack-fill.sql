-- title: How full are the nodes' conntrack tables?
-- why: A full table drops new connections; entries without an answer and those of UDP are what usually fills it.
-- grain: one row per dump of a conntrack table
-- needs: lists of conntrack; without them no rows. sysctls for maximum and share. The state of an entry is not kept: what became of its connection is.
-- columns:
--   node: Node of the dump; null where it is not known.
--   source: File of the dump.
--   taken_at: When it was taken; null where that is not known.
--   entries: Entries in it.
--   maximum: net.netfilter.nf_conntrack_max of the node; null where it is not known.
--   share: Share of entries in maximum.
--   tcp: Entries of TCP; null where a part of the time is asked for and a connection of the dump lies outside it.
--   udp: Entries of UDP; null as above.
--   other: Entries of other protocols; null as above.
--   unanswered: Entries of connections that got no answer; null as above.
--   masqueraded: Entries of connections whose source was replaced; null as above.
with limits as (
    select node, max(try_cast(value as bigint)) as maximum
    from sysctls
    where key in ('net.netfilter.nf_conntrack_max', 'net.nf_conntrack_max')
    group by node
)
select
    sources.node, source,
    sources.first_seen as taken_at,
    coalesce(entries, 0) as entries,
    maximum,
    share(coalesce(entries, 0), maximum) as share,
    if(dump_entries.source is null, 0, tcp) as tcp,
    if(dump_entries.source is null, 0, udp) as udp,
    if(dump_entries.source is null, 0, other) as other,
    if(dump_entries.source is null, 0, unanswered) as unanswered,
    if(dump_entries.source is null, 0, masqueraded) as masqueraded
from sources
left join dump_entries using (source)
left join limits on limits.node = sources.node
where sources.kind = 'conntrack-list'
order by share desc nulls last, entries desc, sources.node, source
