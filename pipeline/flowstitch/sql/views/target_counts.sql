-- title: How many connections does each node have with each target, and how long did they last?
-- why: What got no answer is held against all that was asked of the target; what has been open for longest is found in few rows.
-- grain: one row per client node, target, port that was dialled and server node
-- needs: nothing; what is not known is null.
-- kept: the paths are read once, not with each question.
-- columns:
--   client_node: Node of the client; null where it is not on one, or not known.
--   target: Service that was dialled, else name or address of the server; null where none of them is known.
--   dialled_ip: Address that was dialled where there is no target; null where there is one.
--   dialled_port: Port that was dialled; null where it is not known.
--   server_node: Node of the server; null where it is not on one, or not known.
--   connections: Connections.
--   open: Of them, established until the end of the observation.
--   over_1h: Of them, an hour or longer.
--   over_1d: Of them, a day or longer.
--   longest: The longest of them, of several the one with the greatest path_id: longest_us, µs from its first packet to its last, path_id and time_quality.
create or replace view target_counts as
with aimed as (
    select *, coalesce(service, server_name, server_ip) as target from datapaths
)
select
    client_node, target, if(target is null, dialled_ip, null) as dialled_ip, dialled_port, server_node,
    count(*) as connections,
    count(*) filter (where outcome = 'established') as open,
    count(*) filter (where last_seen - first_seen >= interval 1 hour) as over_1h,
    count(*) filter (where last_seen - first_seen >= interval 1 day) as over_1d,
    max({longest_us: epoch_us(last_seen) - epoch_us(first_seen), path_id: path_id, time_quality: time_quality}) as longest
from aimed
group by client_node, target, if(target is null, dialled_ip, null), dialled_port, server_node;
