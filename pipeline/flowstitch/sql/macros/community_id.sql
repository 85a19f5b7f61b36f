-- protocol_number(protocol): the IANA number of a protocol, by its name in `schemas/protocols.toml` or as it is; null for what is none.
create or replace macro protocol_number(protocol) as
    case protocol::varchar
        when 'icmp' then 1
        when 'tcp' then 6
        when 'udp' then 17
        when 'dccp' then 33
        when 'gre' then 47
        when 'icmpv6' then 58
        when 'sctp' then 132
        when 'udplite' then 136
        else try_cast(protocol::varchar as utinyint)
    end;

-- community_end(ip, port, number): an end of a connection, to order by and to hash: its address and the four digits of its port in hexadecimal.
-- Of protocols other than TCP, UDP and SCTP the port does not count; null for ICMP.
create or replace macro community_end(ip, port, number) as
    ip_hex(ip) || case when number in (6, 17, 132) then format('{:04x}', port::usmallint) when number not in (1, 58) then '0000' end;

-- community_hash(ends, number): the Community ID of two ends in order.
create or replace macro community_hash(ends, number) as
    '1:' || to_base64(unhex(sha1(unhex(
        '0000' || ends[1][:-5] || ends[2][:-5] || format('{:02x}', number) || '00'
        || if(number in (6, 17, 132), ends[1][-4:] || ends[2][-4:], '')
    ))));

-- community_id(source_ip, source_port, destination_ip, destination_port, protocol): the Community ID, version 1 with seed 0, which other
-- tools give the same connection whichever way they saw it. Null where an address, the protocol or a port that the protocol has is null or
-- none, and for ICMP, whose type and code are in no row. Source: https://github.com/corelight/community-id-spec
create or replace macro community_id(source_ip, source_port, destination_ip, destination_port, protocol) as
    list_transform(
        [list_sort([
            community_end(source_ip, source_port, protocol_number(protocol)),
            community_end(destination_ip, destination_port, protocol_number(protocol))
        ])],
        lambda ends: community_hash(
            ends, if(ip_version(source_ip) = ip_version(destination_ip), protocol_number(protocol), null)
        )
    )[1];
