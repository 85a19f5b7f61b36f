-- title: What does each row show, in a result that says it of all rows?
-- why: A run with --observations unmatched leaves out what is on a path; who counts rows of paths is told so, instead of being told that there are none.
-- grain: one row per row of the export and path that it belongs to
-- needs: a result with all observations; without them reading it fails.
-- columns:
--   source: As in observations.
--   line: As in observations.
--   kind: As in observations.
--   path_id: As in observations.
--   position: As in observations.
--   reason: As in observations.
--   part: As in observations.
--   node: As in observations.
--   eni: As in observations.
--   packets: As in observations.
--   bytes: As in observations.
--   reply_packets: As in observations.
--   reply_bytes: As in observations.
--   first_seen: As in observations.
--   last_seen: As in observations.
--   shared_by: As in observations.
create or replace view whole_observations as
from observations
where
    (select coalesce(bool_and(observations is distinct from 'unmatched'), true) from runs)
    or error('the result has no rows of what is on a path: it was made with --observations unmatched; run it without');
