-- title: Which way did each path go, in one line?
-- why: It is what one reads first of a path: client, every translation, server, and where the reply came back.
-- grain: one row per path
-- needs: nothing; what is not known is left out.
-- columns:
--   path_id: The connection, see datapaths.
--   path: Ends of each segment, with ⇄ between two that a node translated; names of client and server; what came back.
create or replace view path_texts as
with drawn as (
    select path_id, string_agg(path_end(src_ip, src_port) || ' → ' || path_end(dst_ip, dst_port), ' ⇄ ' order by position) as chain
    from segments
    group by path_id
)
select
    path_id,
    concat_ws(
        '',
        client_name || ' ',
        coalesce(chain, path_end(client_ip, client_port) || ' → ' || path_end(dialled_ip, dialled_port)),
        ' ' || server_name,
        case
            when return_lands_on in ('primary', 'secondary', 'member') then ', back by the ' || return_lands_on || ' ENI'
            when return_lands_on = 'local' then ', back without an ENI'
            when return_lands_on = 'outside' then ', back to the outside'
            when outcome = 'one_way' then ', the answer got lost'
            when outcome in ('unanswered', 'rejected') then ', nothing came back'
        end
    ) as path
from datapaths
left join drawn using (path_id);

-- path_text(id): the path of that path_id in one line, see view path_texts; null where there is none.
create or replace macro path_text(id) as (select path from path_texts where path_id = id);
