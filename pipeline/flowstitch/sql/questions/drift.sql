-- title: Which expectations of the data plane do the paths break, and at whose end?
-- why: A path that goes elsewhere than its scenario says has lost a rule, a route or an address; the pod or node at that end is where to look.
-- grain: one row per scenario, broken expectation and end of the path
-- needs: flow logs of the ENIs and the rules of the nodes; where neither tells what to expect or what was, there is no row.
-- columns:
--   scenario: Scenario of the paths, see table scenarios; null where it is not known.
--   code: What is broken, see table drift_codes; view drifts has the paths, with hop and evidence.
--   expectation: Column of table datapaths that the expectation is about.
--   expected: What the data plane lets one expect.
--   observed: What was observed.
--   node: Node where it was observed; null where it is not known.
--   name: Pod or node at that end of the path; null where it is not known.
--   connections: Connections that break it.
--   share: Their share of all connections of the scenario.
--   sentence: What it means.
with of_scenario as (
    select scenario, count(*) as connections from datapaths group by scenario
)
select
    drifts.scenario, code, expectation, expected, observed, node, name,
    count(*) as connections,
    share(count(*), any_value(of_scenario.connections)) as share,
    any_value(sentence) as sentence
from drifts
join of_scenario on of_scenario.scenario is not distinct from drifts.scenario
group by drifts.scenario, code, expectation, expected, observed, node, name
order by connections desc, drifts.scenario, code, node, name
