-- title: What did each node's conntrack and each ENI's flow log see, and what not?
-- why: An answer is as good as what it was made from: where events were lost, a window lacks records or nobody looked, nothing can be said to be absent.
-- grain: one row per observer, state and stretch of time
-- needs: nothing; without an inventory nodes and ENIs that nobody observed are not known.
-- columns:
--   observer: conntrack or flow log.
--   node: Node; null where it is not known, or for all of them.
--   eni: ENI; null for conntrack.
--   state: events, logged, no traffic: whole; listed: what was there at this moment; events lost, records missing, no rows, not observed: it may have missed something; bypassed: by design, see view coverage_stretches.
--   whole: What does not show here did not happen; false where it may have.
--   since: Begin, UTC; null for the whole export.
--   until: End, UTC; null as above.
--   seconds: Between them.
--   rows: Rows with that state; 0 where there is none.
--   scenario: What is bypassed; null for everything else.
select observer, node, eni, state, whole, since, until, duration_s(since, until) as seconds, rows, scenario
from coverage_stretches
order by whole, state = 'listed', observer, state, since nulls first, node, eni, scenario
