-- title: Which files were read, and how much of each was understood?
-- why: Rejected rows and torn files take away from every other answer; what time they leave uncovered is the question `coverage`.
-- grain: one row per file of the export
-- needs: nothing; it is what the other answers rest on.
-- columns:
--   source: File, relative to its EXPORT.
--   kind: Kind of source.
--   node: Node of the file; null where it has none.
--   rows: Rows in the file: parsed + skipped + rejected.
--   parsed: Rows that became canonical rows.
--   skipped: Rows that carry no data.
--   rejected: Rows that could not be understood, see table rejects.
--   first_seen: Earliest time in the file; null where its rows have none.
--   last_seen: Latest time in the file; null where its rows have none.
--   warnings: What the reader should know about the file.
select source, kind, node, rows, parsed, skipped, rejected, first_seen, last_seen, warnings
from sources
order by source
