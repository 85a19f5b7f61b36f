-- What else is wrong: one row of counts.
select
    (select count(distinct path_id) from drifts) as drifted,
    (select count(*) from dead_ends) as dead_ends,
    (select count(path_id) from dead_end_paths) as attempts,
    (select count(path_id) from dead_end_paths where answered) as answered,
    (select coalesce(sum(connections), 0)::bigint from path_counts where outcome in ('unanswered', 'one_way', 'rejected')) as lost,
    (select coalesce(sum(connections), 0)::bigint from path_counts where outcome = 'refused') as refused,
    (select coalesce(sum(connections), 0)::bigint from path_counts where "asymmetric") as crossed,
    (select coalesce(sum(connections), 0)::bigint from path_counts where scenario = 'unclassified') as unclassified
