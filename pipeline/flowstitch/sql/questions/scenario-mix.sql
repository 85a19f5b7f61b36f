-- title: What share of its bytes does each namespace move in which scenario, day by day?
-- why: The mix before an upgrade is what the mix after it is held against.
-- grain: one row per UTC day, kind of client, namespace and scenario
-- needs: conntrack; pods of the inventory for namespaces, which are null without them; accounting for bytes and share.
-- columns:
--   day: UTC day on which the connections began.
--   client_kind: What the client is; null where it is not known.
--   namespace: Namespace of the client, a pod; null where it is none.
--   scenario: Scenario of the paths, see table scenarios; null where it is not known.
--   connections: Connections.
--   connections_share: Their share of all connections of the day.
--   bytes: IP bytes both ways; null where nobody counted.
--   share: Their share of all bytes of the day.
with mix as (
    select
        day, client_kind, namespace, scenario,
        sum(connections)::bigint as connections,
        try_cast(sum(bytes) as bigint) as bytes
    from path_counts
    group by day, client_kind, namespace, scenario
)
select
    day, client_kind, namespace, scenario, connections,
    share(connections, sum(connections) over days) as connections_share,
    bytes,
    share(bytes, sum(bytes) over days) as share
from mix
window days as (partition by day)
order by day, bytes desc nulls last, connections desc, client_kind, namespace, scenario
