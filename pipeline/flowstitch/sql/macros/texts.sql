-- path_end(ip, port): address and port as people write them: 10.0.1.91:80, [fd00::1]:80; without a port the address, without an address '?'.
create or replace macro path_end(ip, port) as
    case
        when ip is null then '?'
        when port is null then ip
        when contains(ip, ':') then '[' || ip || ']:' || port
        else ip || ':' || port
    end;

-- named_end(name, ip, port): the same with the name, where there is one, in front.
create or replace macro named_end(name, ip, port) as concat_ws(' ', name, path_end(ip, port));

-- duration_s(first_seen, last_seen): seconds between two times, to the millisecond.
create or replace macro duration_s(first_seen, last_seen) as round(epoch(last_seen - first_seen), 3);
