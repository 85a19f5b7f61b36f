-- of a source that several have read, a row is parsed that stands in observations
with parsed as (
    select source, count(distinct line) as parsed, count(distinct line) filter (where path_id is not null) as matched
    from {schema}.observations
    where source in (from {schema}.shared)
    group by source
),
spans as (
    select source, min(first_seen) as first_seen, max(last_seen) as last_seen, bool_and(complete) as complete
    from {schema}.sources
    group by source
),
latest as (
    from {schema}.sources
    qualify row_number() over (partition by source order by place desc) = 1
),
told as (
    select
        latest.* exclude (directory, place) replace (
            if(source in (from {schema}.shared), coalesce(parsed.parsed, 0), latest.parsed) as parsed,
            if(source in (from {schema}.shared), coalesce(parsed.matched, 0), latest.matched) as matched,
            -- what no data is to any of them; the others have left rows to each other
            map_from_entries(list_filter(map_entries(skipped_by), lambda reason: reason.key not in {elsewhere})) as skipped_by,
            spans.first_seen as first_seen,
            spans.last_seen as last_seen,
            spans.complete as complete
        )
    from latest
    join spans using (source)
    left join parsed using (source)
),
counted as (
    select *, (rows - rejected - parsed - coalesce(list_sum(map_values(skipped_by)), 0))::bigint as left_out from told
)
select * exclude (left_out) replace (
    rows - rejected - parsed as skipped,
    if(left_out > 0, map_concat(skipped_by, map {{{outside}: left_out}}), skipped_by) as skipped_by
)
from counted
