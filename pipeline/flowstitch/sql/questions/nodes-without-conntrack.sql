-- title: On which nodes does conntrack not see what flow logs show?
-- why: A missing dump, NOTRACK rules or a data plane that bypasses conntrack (eBPF, exclusive ENIs): what the other answers cannot know about, not how well the node is.
-- grain: one row per node with an ENI or a conntrack source
-- needs: flow logs and the list of ENIs; without them rows is 0.
-- columns:
--   node: Node; null for ENIs whose node is not known.
--   conntrack_sources: Its conntrack lists and event streams that have rows.
--   rows: Rows with traffic in the flow logs of its ENIs.
--   explained_rows: Of these, rows of paths that conntrack or IPVS of any node saw.
--   alone_rows: Rows that no conntrack explains.
--   alone_bytes: IP bytes of these.
--   share: Share of alone_rows in rows.
--   not_covered_rows: Of alone_rows, those that conntrack of the node could not have explained: of a time of which it has no events or lost some, or of a scenario that bypasses it by design.
--   verdict: no conntrack: the export has none of the node; all, some or none of it is explained; not covered: it could not have seen any; no flow log: no row to hold it against.
with placed as (
    select distinct node from known_enis
    union
    select node from conntrack_spans
    union
    select node from node_flows
)
select
    placed.node,
    coalesce(conntrack_sources, 0) as conntrack_sources,
    coalesce(rows, 0) as rows,
    coalesce(explained_rows, 0) as explained_rows,
    coalesce(rows - explained_rows, 0) as alone_rows,
    coalesce(alone_bytes, 0) as alone_bytes,
    share(rows - explained_rows, rows) as share,
    coalesce(not_covered_rows, 0) as not_covered_rows,
    case
        when coalesce(rows, 0) = 0 then 'no flow log'
        when conntrack_sources is null then 'no conntrack'
        when not_covered_rows = rows then 'not covered'
        when explained_rows = 0 then 'none'
        when explained_rows < rows then 'some'
        else 'all'
    end as verdict
from placed
left join conntrack_spans as dumped on dumped.node is not distinct from placed.node
left join node_flows as logged on logged.node is not distinct from placed.node
order by share desc nulls first, rows desc, placed.node
