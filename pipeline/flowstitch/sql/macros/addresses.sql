-- ip_version(ip): 4 or 6, by its form; null for null.
create or replace macro ip_version(ip) as case when contains(ip, ':') then 6 when contains(ip, '.') then 4 end;

-- ipv4_number(ip): an IPv4 address as a number, 0 to 2^32 - 1; null for what is none.
create or replace macro ipv4_number(ip) as
    if(
        regexp_full_match(ip, '(0|[1-9]\d*)(\.(0|[1-9]\d*)){3}'),
        ((try_cast(split_part(ip, '.', 1) as utinyint)::ubigint * 256 + try_cast(split_part(ip, '.', 2) as utinyint)) * 256
            + try_cast(split_part(ip, '.', 3) as utinyint)) * 256 + try_cast(split_part(ip, '.', 4) as utinyint),
        null
    );

-- ipv6_plain(ip): an IPv6 address as text, an IPv4 address at its end as two words.
create or replace macro ipv6_plain(ip) as
    if(
        contains(ip, '.'),
        regexp_replace(ip, '[^:]+$', '')
            || printf('%x:%x', ipv4_number(regexp_extract(ip, '[^:]+$')) >> 16, ipv4_number(regexp_extract(ip, '[^:]+$')) & 65535),
        ip
    );

-- ipv6_side(plain, side): the words before (1) or behind (2) the `::` of an IPv6 address.
create or replace macro ipv6_side(plain, side) as
    list_filter(string_split(split_part(plain, '::', side), ':'), lambda word: word <> '');

-- ipv6_written_out(plain): the words of an IPv6 address without an IPv4 address in it, zeros where `::` stands for one or more of them;
-- null for what is not made of words.
create or replace macro ipv6_written_out(plain) as
    if(
        regexp_full_match(plain, '([[:xdigit:]]{1,4}(:[[:xdigit:]]{1,4})*)?(::([[:xdigit:]]{1,4}(:[[:xdigit:]]{1,4})*)?)?'),
        ipv6_side(plain, 1)
        || if(
            contains(plain, '::'),
            list_resize(cast([] as varchar[]), greatest(8 - len(ipv6_side(plain, 1)) - len(ipv6_side(plain, 2)), 1), '0'),
            []
        )
        || ipv6_side(plain, 2),
        null
    );

-- ipv6_words(ip): the eight words of an IPv6 address as text; null for what is none. A list of one is how SQL names what is needed several times.
create or replace macro ipv6_words(ip) as
    list_filter(
        list_transform([ipv6_plain(ip)], lambda plain: ipv6_written_out(plain)),
        lambda words: len(words) = 8
    )[1];

-- ipv6_number(ip): an IPv6 address as a number, 0 to 2^128 - 1; null for what is none.
create or replace macro ipv6_number(ip) as
    list_reduce(
        list_transform(ipv6_words(ip), lambda word: cast('0x' || word as integer)::uhugeint),
        lambda number, word: number * 65536 + word
    );

-- ip_number(ip): an address as a number, to sort by; IPv4 and IPv6 are counted apart. Null for what is no address.
create or replace macro ip_number(ip) as if(ip_version(ip) = 4, ipv4_number(ip)::uhugeint, ipv6_number(ip));

-- ip_hex(ip): the bytes of an address, 4 or 16, in hexadecimal; null for what is no address.
create or replace macro ip_hex(ip) as
    if(
        ip_version(ip) = 4,
        format('{:08x}', ipv4_number(ip)),
        array_to_string(list_transform(ipv6_words(ip), lambda word: lpad(lower(word), 4, '0')), '')
    );

-- cidr_bits(cidr): how many bits of an address a network like '10.0.0.0/8' says; an error for what is none. Null for null.
create or replace macro cidr_bits(cidr) as
    if(
        cidr is not null and coalesce(
            ip_number(split_part(cidr, '/', 1)) is null
                or not regexp_full_match(cidr, '[^/]+/\d+')
                or try_cast(split_part(cidr, '/', 2) as utinyint) > if(ip_version(cidr) = 4, 32, 128),
            true
        ),
        error('in_cidr: got ''' || cidr || ''', expected a network like 10.0.0.0/8 or fd00::/8')::integer,
        try_cast(split_part(cidr, '/', 2) as utinyint)::integer
    );

-- in_cidr(ip, cidr): whether an address lies in a network like '10.0.0.0/8' or 'fd00::/8'; one of the other family does not. Null for null
-- and for what is no address.
create or replace macro in_cidr(ip, cidr) as
    case
        when ip_number(ip) is null or cidr_bits(cidr) is null then null
        when ip_version(ip) <> ip_version(cidr) then false
        when ip_version(ip) = 4
            then xor(ipv4_number(ip), ipv4_number(split_part(cidr, '/', 1))) >> (32 - cidr_bits(cidr)) = 0
        when cidr_bits(cidr) = 0 then true
        else xor(ipv6_number(ip), ipv6_number(split_part(cidr, '/', 1))) >> (128 - cidr_bits(cidr))::uhugeint = 0
    end;
