-- title: What did each point on the way of a path count, and does it agree with the point before?
-- why: Where the counts fall is where packets get lost; what only looks like it, because a log was not whole or a row is there twice, has another name.
-- grain: one row per path, direction and point that has a row of it
-- needs: accounting of conntrack and its DESTROY events, or flow logs; a point that saw nothing has no row.
-- columns:
--   path_id: The connection, see datapaths.
--   hop_direction: forward: requests; return: replies.
--   point: Number on the way, from 1.
--   part: Which point it is: client, transit or server of conntrack, or the leg of a flow log, see observations.
--   node: Its node; null where it is not known.
--   enis: ENIs that logged the leg; empty for conntrack.
--   packets: Packets that it counted in this direction; null where it did not, or shares its rows with other paths.
--   bytes: IP bytes of these.
--   before: Number of the nearest point before it that counted; null where there is none.
--   before_part: Which point that is; null as above.
--   before_node: Its node; null as above, or where it is not known.
--   before_packets: Packets that it counted; null as above.
--   before_bytes: IP bytes of these; null as above.
--   packets_less: Packets that the point before counted and this one did not; negative where it counted more.
--   bytes_less: The same in bytes.
--   judgement: agrees; segmentation: of TCP, packets were put together or cut up and carry the same, or bare acknowledgements were lost; handshake: a TCP handshake that never finished, whose repetitions conntrack does not count; loss; more: it counted what the point before did not; double counting: a row is there twice, or two ENIs logged all of it; wrap-around: the difference is a multiple of 2^32, or at least 2^31 bytes that the packets cannot have carried; not whole: one of the two did not see the whole lifetime; no accounting; shared: the rows belong to other paths too. Null for the first that counted.
create or replace view path_counters as
with unaccounted as (
    select node from sysctls where key = 'net.netfilter.nf_conntrack_acct' and trim(value) = '0'
),
entries as (
    -- of the events only DESTROY has counters, those of a list were not final
    select
        path_id, part, node, min(position) as position,
        max(packets - reply_packets) filter (where kind = 'conntrack-events') as forward_packets,
        max(bytes - reply_bytes) filter (where kind = 'conntrack-events') as forward_bytes,
        max(reply_packets) filter (where kind = 'conntrack-events') as return_packets,
        max(reply_bytes) filter (where kind = 'conntrack-events') as return_bytes,
        bool_or(kind = 'conntrack-list' and packets is null) or node in (from unaccounted) as uncounted
    from whole_observations
    where kind in ('conntrack-list', 'conntrack-events') and path_id is not null and part in ('client', 'transit', 'server')
    group by path_id, part, node
),
logged as (
    -- one row of the log each; rows that say the same are the same packets
    select
        path_id, part, position, node, eni, packets, bytes, first_seen, last_seen, max(shared_by) as shared_by, count(*) as times
    from whole_observations as observations
    where kind = 'vpc-flow-log' and path_id is not null and part <> 'request'
    group by path_id, part, position, node, eni, packets, bytes, first_seen, last_seen
),
legs as (
    select
        path_id, part, position, node, eni,
        try_cast(sum(packets::hugeint * times) as bigint) as packets, try_cast(sum(bytes::hugeint * times) as bigint) as bytes,
        try_cast(sum(packets) as bigint) as once_packets, try_cast(sum(bytes) as bigint) as once_bytes,
        max(shared_by) > 1 as shared, min(first_seen) as first_seen, max(last_seen) as last_seen
    from logged
    group by path_id, part, position, node, eni
),
lacking as (
    -- legs whose log says that it skipped records meanwhile
    select distinct path_id, part, position
    from legs
    join (select eni, window_start, window_end from unmatched where log_status = 'SKIPDATA') as skipped using (eni)
    join datapaths using (path_id)
    where window_start < datapaths.last_seen and window_end > datapaths.first_seen
),
crossed as (
    select
        path_id, part, position, min(node) as node,
        if(min(eni) = max(eni), [min(eni)], list_sort(list_distinct(list(eni)))) as enis,
        try_cast(sum(packets) as bigint) as packets, try_cast(sum(bytes) as bigint) as bytes,
        try_cast(sum(once_packets) as bigint) as once_packets, try_cast(sum(once_bytes) as bigint) as once_bytes,
        max(once_packets) as one_packets, max(once_bytes) as one_bytes,
        bool_or(shared) as shared, min(first_seen) as log_from, max(last_seen) as log_to
    from legs
    group by path_id, part, position
),
points as (
    select
        path_id, part, node, position, unnest(['forward', 'return']) as hop_direction, []::varchar[] as enis,
        unnest([forward_packets, return_packets]) as packets, unnest([forward_bytes, return_bytes]) as bytes,
        packets as once_packets, bytes as once_bytes, packets as one_packets, bytes as one_bytes,
        false as shared, uncounted, null::timestamp as log_from, null::timestamp as log_to, false as lacking
    from entries
    union all
    select
        crossed.path_id, crossed.part, node, crossed.position, split_part(crossed.part, '_', 1), enis,
        if(shared, null, packets), if(shared, null, bytes), once_packets, once_bytes, one_packets, one_bytes,
        shared, false, log_from, log_to, lacking.path_id is not null
    from crossed
    left join lacking
        on lacking.path_id = crossed.path_id and lacking.part = crossed.part and lacking.position is not distinct from crossed.position
),
placed as (
    select
        points.* replace (
            if(bytes is null, null, packets) as packets,
            if(packets is null, null, bytes) as bytes
        ),
        -- flow logs count in whole seconds, and clocks are a little apart
        shared or lacking
            or (log_from is null and packets is null)
            or coalesce(log_from > datapaths.first_seen + interval 2 seconds or log_to < datapaths.last_seen - interval 2 seconds, false) as partial,
        protocol = 'tcp' as of_tcp,
        protocol = 'tcp' and outcome not in ('established', 'closed') as unopened,
        time_quality = 'events' and part = 'client' and packets is null as ended_uncounted,
        if(hop_direction = 'forward', 1, -1) * (
            10 * position
            + case
                when part = 'client' and client_node is null then 4
                when part = 'client' then 0
                when part in ('forward_out', 'return_in') then 1
                when part in ('forward_transit', 'return_transit') then 2
                when part = 'transit' then 4
                when part in ('forward_in', 'return_out') then 5
                else 6
            end
        ) as place
    from points
    join datapaths using (path_id)
),
numbered as (
    select *, row_number() over way as point
    from placed
    window way as (partition by path_id, hop_direction order by place, node, part)
),
followed as (
    select
        *,
        last_value(if(packets is null, null, {
            point: point, part: part, node: node, all_packets: packets, all_bytes: bytes, packets: once_packets, bytes: once_bytes, one_packets: one_packets, one_bytes: one_bytes, partial: partial, enis: enis
        }) ignore nulls) over (
            partition by path_id, hop_direction order by point rows between unbounded preceding and 1 preceding
        ) as former
    from numbered
),
compared as (
    select
        *,
        former.packets - packets as packets_less,
        former.bytes - bytes as bytes_less
    from followed
)
select
    path_id, hop_direction, point, part, node, enis, packets, bytes,
    former.point as before, former.part as before_part, former.node as before_node, former.all_packets as before_packets, former.all_bytes as before_bytes,
    packets_less, bytes_less,
    case
        when shared then 'shared'
        when packets is null then if(uncounted or ended_uncounted, 'no accounting', 'not whole')
        when former is null then null
        when (packets_less = 0 and bytes_less = 0) or (packets, bytes) = (former.one_packets, former.one_bytes) then 'agrees'
        when packets_less % 4294967296 = 0 and bytes_less % 4294967296 = 0 then 'wrap-around'
        -- more than so many packets can carry
        when abs(bytes_less) >= 2147483648 and abs(bytes_less) > 65535 * abs(packets_less) then 'wrap-around'
        when (packets, bytes) <> (one_packets, one_bytes)
            and ((once_packets, once_bytes) = (former.packets, former.bytes) or (one_packets, one_bytes) = (former.packets, former.bytes))
            then 'double counting'
        when partial or former.partial then 'not whole'
        -- measured on Linux 6.1: of a SYN or SYN-ACK that is sent again the entry counts the first
        when unopened and (enis = []) <> (former.enis = []) and least(packets, former.packets) > 0 then 'handshake'
        -- Headers of IPv4 and TCP without options are 40 bytes, those of IPv6 with all of TCP's 100; all but the last of what was one packet
        -- are full, and no path takes less than 536 bytes of payload (RFC 9293 3.7.1).
        when of_tcp and packets_less <> 0 and bytes_less / packets_less between 40 and 100
            and least(bytes, former.bytes) - 100 * least(packets, former.packets) >= 536 * abs(packets_less)
            then 'segmentation'
        when packets_less > 0 or bytes_less > 0 then 'loss'
        else 'more'
    end as judgement
from compared;
