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
--   tcp: Entries of TCP.
--   udp: Entries of UDP.
--   other: Entries of other protocols.
--   unanswered: Entries of connections that got no answer.
--   masqueraded: Entries of connections whose source was replaced.
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
    coalesce(tcp, 0) as tcp,
    coalesce(udp, 0) as udp,
    coalesce(other, 0) as other,
    coalesce(unanswered, 0) as unanswered,
    coalesce(masqueraded, 0) as masqueraded
from sources
left join dump_entries using (source)
left join limits on limits.node = sources.node
where sources.kind = 'conntrack-list'
order by share desc nulls last, entries desc, sources.node, source
