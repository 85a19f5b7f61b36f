-- title: Through how many network stacks does a byte go, service by service?
-- why: Each stack costs CPU time on a node; the mean is the cost model of the data plane, and what a change of it would save.
-- grain: one row per service; one with a null service for what dialled none
-- needs: conntrack, and a data plane whose scenarios say their stacks; accounting for what is weighted by bytes.
-- columns:
--   service: Service that was dialled, 'namespace/name'; null where none was.
--   connections: Connections of a scenario that says its stacks.
--   bytes: IP bytes both ways of those that were counted; null where none was.
--   stacks_per_byte: Mean number of network namespaces on cluster hosts that a byte passed, one way.
--   stacks_per_connection: The same over connections.
--   most: Most of any connection.
select
    service,
    sum(connections)::bigint as connections,
    try_cast(sum(bytes) as bigint) as bytes,
    round(sum(kernel_stacks * bytes) / nullif(sum(bytes), 0), 4) as stacks_per_byte,
    round(sum(kernel_stacks * connections) / sum(connections), 4) as stacks_per_connection,
    max(kernel_stacks) as most
from path_counts
where kernel_stacks is not null
group by service
order by bytes desc nulls last, connections desc, service
