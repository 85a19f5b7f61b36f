-- ip_version(ip): 4 or 6, by its form; null for null.
create or replace macro ip_version(ip) as case when contains(ip, ':') then 6 when contains(ip, '.') then 4 end;

-- ipv4_number(ip): an IPv4 address as a number, 0 to 2^32 - 1.
create or replace macro ipv4_number(ip) as
    list_reduce(cast(string_split(ip, '.') as uhugeint[]), lambda number, octet: number * 256 + octet);

-- ipv6_words(ip): the eight words of an IPv6 address as text, where `::` and an IPv4 address at the end are written out.
create or replace macro ipv6_words(ip) as (
    with written as (
        select if(
            contains(ip, '.'),
            regexp_replace(ip, '[^:]+$', '') || printf(
                '%x:%x',
                (ipv4_number(regexp_extract(ip, '[^:]+$')) // 65536)::bigint,
                (ipv4_number(regexp_extract(ip, '[^:]+$')) % 65536)::bigint
            ),
            ip
        ) as text
    ),
    halves as (
        select
            list_filter(string_split(split_part(text, '::', 1), ':'), lambda word: word <> '') as high,
            list_filter(string_split(split_part(text, '::', 2), ':'), lambda word: word <> '') as low
        from written
    )
    select high || list_resize(cast([] as varchar[]), 8 - len(high) - len(low), '0') || low from halves
);

-- ipv6_number(ip): an IPv6 address as a number, 0 to 2^128 - 1.
create or replace macro ipv6_number(ip) as
    list_reduce(
        list_transform(ipv6_words(ip), lambda word: cast(cast('0x' || word as integer) as uhugeint)),
        lambda number, word: number * 65536 + word
    );

-- ip_number(ip): an address as a number, to sort by; IPv4 and IPv6 are counted apart.
create or replace macro ip_number(ip) as if(ip_version(ip) = 4, ipv4_number(ip), ipv6_number(ip));

-- in_cidr(ip, cidr): whether an address lies in a network like '10.0.0.0/8' or 'fd00::/8'; one of the other family does not. Null for null.
create or replace macro in_cidr(ip, cidr) as
    case
        when ip is null or cidr is null then null
        when ip_version(ip) <> ip_version(cidr) then false
        when cast(split_part(cidr, '/', 2) as integer) = 0 then true
        else xor(ip_number(ip), ip_number(split_part(cidr, '/', 1)))
            >> cast(if(ip_version(ip) = 4, 32, 128) - cast(split_part(cidr, '/', 2) as integer) as uhugeint) = 0
    end;
