-- What was read, by kind of source.
select
    kind,
    count(*) as files,
    try_cast(sum(size_bytes) as bigint) as size_bytes,
    sum(rows)::bigint as rows,
    sum(parsed)::bigint as parsed,
    sum(skipped)::bigint as skipped,
    sum(rejected)::bigint as rejected,
    min(first_seen) as first_seen,
    max(last_seen) as last_seen
from sources
group by kind
order by rows desc, kind
