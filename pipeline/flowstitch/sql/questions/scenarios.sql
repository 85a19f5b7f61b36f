-- title: Which scenarios does the traffic consist of, and where do their returns land?
-- why: The mix says which rules of the data plane matter here, and a scenario whose returns land elsewhere than it expects has drifted.
-- grain: one row per scenario that occurs
-- needs: conntrack; without flow logs of the ENIs returns are inferred and drift is not seen.
-- columns:
--   sop: Number of the scenario in the operator's handbook; null where the handbook has none.
--   scenario: Scenario, see table scenarios.
--   connections: Connections.
--   forward_bytes: IP bytes from the clients; null where nobody counted.
--   return_bytes: IP bytes to the clients; null where nobody counted.
--   on_primary: Connections whose replies landed on the primary ENI of the client's node.
--   on_secondary: Connections whose replies landed on a secondary ENI.
--   on_member: Connections whose replies landed on a member ENI.
--   local: Connections whose replies crossed no ENI.
--   outside: Connections whose client is outside the cluster, a load balancer too.
--   no_return: Connections to which nothing came back, or it cannot be known.
--   expected: Where the data plane lets the replies land, owner: on the ENI that holds the address they go to; null where it does not say.
--   drifted: Connections that break an expectation of the data plane.
select
    any_value(path_counts.sop) as sop,
    scenario,
    sum(connections)::bigint as connections,
    try_cast(sum(forward_bytes) as bigint) as forward_bytes,
    try_cast(sum(return_bytes) as bigint) as return_bytes,
    coalesce(sum(connections) filter (where return_lands_on = 'primary'), 0)::bigint as on_primary,
    coalesce(sum(connections) filter (where return_lands_on = 'secondary'), 0)::bigint as on_secondary,
    coalesce(sum(connections) filter (where return_lands_on = 'member'), 0)::bigint as on_member,
    coalesce(sum(connections) filter (where return_lands_on = 'local'), 0)::bigint as local,
    coalesce(sum(connections) filter (where return_lands_on = 'outside'), 0)::bigint as outside,
    coalesce(sum(connections) filter (where return_lands_on is null), 0)::bigint as no_return,
    any_value(expected_return_lands_on) as expected,
    coalesce(sum(connections) filter (where len(drift) > 0), 0)::bigint as drifted
from path_counts
left join scenarios using (dataplane, scenario)
group by scenario
order by connections desc, scenario
