-- title: Which expectations of the data plane do the paths break, and at whose end?
-- why: A path that goes elsewhere than its scenario says has lost a rule, a route or an address; the pod or node at that end is where to look.
-- grain: one row per scenario, broken expectation and end of the path
-- columns:
--   scenario: Scenario of the paths, see table scenarios; null where it is not known.
--   expectation: Column of table datapaths that the expectation is about.
--   expected: What the data plane lets one expect.
--   observed: What was observed.
--   node: Node where it was observed; null where it is not known.
--   name: Pod or node at that end of the path; null where it is not known.
--   connections: Connections that break it.
--   share: Their share of all connections of the scenario.
with of_scenario as (
    select scenario, count(*) as connections from datapaths group by scenario
),
told as (
    select
        *, regexp_extract(text, '^(\w+): expected (\w+), observed (\w+)$', ['expectation', 'expected', 'observed']) as parts
    from datapaths, unnest(drift) as drifted(text)
),
broken as (
    select
        scenario, parts.expectation, parts.expected, parts.observed,
        -- these two are about the server's node, all others about the client's
        parts.expectation in ('forward_in_eni_role', 'return_out_eni_role') as at_server,
        if(at_server, server_node, client_node) as node,
        if(at_server, server_name, client_name) as name
    from told
)
select
    broken.scenario, expectation, expected, observed, node, name,
    count(*) as connections,
    share(count(*), any_value(of_scenario.connections)) as share
from broken
join of_scenario on of_scenario.scenario is not distinct from broken.scenario
group by broken.scenario, expectation, expected, observed, node, name
order by connections desc, scenario, expectation, observed, node, name
