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
),
dumps as (
    -- an entry belongs to one path
    select
        source, line, protocol,
        outcome in ('unanswered', 'rejected') as unanswered,
        snat_ip is not null or snat_port is not null as masqueraded
    from whole_observations as observations
    left join datapaths using (path_id)
    where kind = 'conntrack-list'
)
select
    sources.node, source,
    any_value(sources.first_seen) as taken_at,
    count(dumps.line) as entries,
    any_value(maximum) as maximum,
    share(entries, any_value(maximum)) as share,
    count(*) filter (where protocol = 'tcp') as tcp,
    count(*) filter (where protocol = 'udp') as udp,
    count(*) filter (where protocol not in ('tcp', 'udp')) as other,
    count(*) filter (where unanswered) as unanswered,
    count(*) filter (where masqueraded) as masqueraded
from sources
left join dumps using (source)
left join limits on limits.node = sources.node
where sources.kind = 'conntrack-list'
group by sources.node, source
order by share desc nulls last, entries desc, sources.node, source
