-- share(part, whole): the part of the whole, 0 to 1, to four digits; null where the whole is nothing or not known.
create or replace macro share(part, whole) as round(part / nullif(whole, 0), 4);
