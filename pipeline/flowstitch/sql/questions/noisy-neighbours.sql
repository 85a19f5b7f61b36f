-- title: Which pods fail while another pod fills the ENI that they share?
-- why: An ENI's bandwidth is shared by all pods on it; errors next to a heavy talker may be its doing.
-- grain: one row per pod with failed connections and ENI of which another pod has more bytes
-- needs: ENIs and pods of the inventory, conntrack with accounting; without them no rows.
-- columns:
--   node: Node of the ENI.
--   eni: ENI that has the pod's address.
--   name: 'namespace/pod'.
--   connections: Connections of the pod over ENIs, as client or server.
--   failed: Of these, those that were refused or got no answer.
--   failed_share: Their share.
--   bytes: IP bytes both ways of the pod's connections.
--   talker: The pod on the ENI with most bytes, another one.
--   talker_bytes: IP bytes of its connections.
--   talker_share: Their share of the bytes of all pods on the ENI.
with ends as (
    select client_ip as ip, client_name as name, outcome, connections, bytes
    from client_counts
    where client_kind = 'pod' and return_lands_on is distinct from 'local'
    union all
    select server_ip as ip, server_name as name, outcome, connections, bytes
    from server_counts
    where server_kind = 'pod' and return_lands_on is distinct from 'local'
),
placed as (
    select eni, max(node) as node, ip from known_enis, unnest(ips) as held(ip) where eni_role <> 'primary' group by eni, ip
),
pods as (
    select
        node, eni, name,
        sum(connections)::bigint as connections,
        coalesce(sum(connections) filter (where outcome in ('refused', 'unanswered', 'one_way', 'rejected')), 0)::bigint as failed,
        try_cast(coalesce(sum(bytes), 0) as bigint) as bytes
    from ends
    join placed using (ip)
    where name is not null
    group by node, eni, name
),
ranked as (
    select
        *,
        sum(bytes) over (partition by eni) as eni_bytes,
        row_number() over (partition by eni order by bytes desc, name) as place
    from pods
)
select
    mine.node, mine.eni, mine.name, mine.connections, mine.failed,
    share(mine.failed, mine.connections) as failed_share,
    mine.bytes,
    other.name as talker,
    other.bytes as talker_bytes,
    share(other.bytes, other.eni_bytes) as talker_share
from ranked as mine
join ranked as other on other.eni = mine.eni and other.place = 1 and mine.place > 1
where mine.failed > 0 and other.bytes > 0
order by talker_share desc, failed_share desc, mine.eni, mine.name
