-- title: Which legs of which paths go elsewhere than the data plane lets one expect?
-- why: A leg that drifts has lost a rule, a route or an address; the hop says where to look, and the rows of flow logs prove it.
-- grain: one row per path and leg that drifts
-- needs: flow logs of the ENIs and the rules of the nodes; where neither tells what to expect or what was, there is no row.
-- columns:
--   path_id: The connection, see datapaths.
--   scenario: Its scenario; null where it is not known.
--   variant: Its variant of the scenario; null for the scenario's own.
--   code: What is broken, see table drift_codes.
--   sentence: What that means.
--   leg: Crossing that drifts.
--   expectation: Column of datapaths that the expectation is about.
--   expected: What the data plane lets one expect.
--   observed: What was observed.
--   hop_direction: Chain of the hop that should be there; null where the scenario has none for the leg.
--   hop: Its number in that chain; null as above.
--   device: The hop that should be there; null as above.
--   node: Node where it was observed; null where it is not known.
--   name: Pod or node at that end of the path; null where it is not known.
--   eni: ENI that was crossed instead.
--   evidence: Rows of flow logs that show it, file:line; null where the result has no observations of them.
create or replace view drifts as
with drifted as (
    select *, unnest(drift) as text from datapaths where len(drift) > 0
),
told as (
    select *, regexp_extract(text, '^(\w+): expected (\w+), observed (\w+)$', ['expectation', 'expected', 'observed']) as parts
    from drifted
),
proofs as (
    select path_id, part as leg, list(source || ':' || line order by source, line) as evidence
    from observations
    where kind = 'vpc-flow-log' and path_id in (select path_id from told)
    group by all
)
select
    told.path_id, told.scenario, told.variant, codes.code, codes.sentence, codes.leg, codes.expectation, codes.expected, codes.observed,
    hops.hop_direction, hops.hop, hops.device,
    -- these two are at the server's node
    if(codes.leg in ('forward_in', 'return_out'), server_node, client_node) as node,
    if(codes.leg in ('forward_in', 'return_out'), server_name, client_name) as name,
    case codes.leg
        when 'forward_out' then forward_out_eni
        when 'forward_in' then forward_in_eni
        when 'return_out' then return_out_eni
        else return_in_eni
    end as eni,
    proofs.evidence
from told
join drift_codes as codes
    -- what is at the server's node is held against that node's data plane
    on codes.dataplane = if(codes.leg in ('forward_in', 'return_out'), coalesce(told.server_dataplane, told.dataplane), told.dataplane)
    and codes.expectation = parts.expectation and codes.expected = parts.expected and codes.observed = parts.observed
left join proofs on proofs.path_id = told.path_id and proofs.leg = codes.leg
left join scenario_hops as hops
    on hops.dataplane = codes.dataplane and hops.scenario = told.scenario
    and hops.variant is not distinct from told.variant and hops.leg = codes.leg
order by told.path_id, codes.leg;
