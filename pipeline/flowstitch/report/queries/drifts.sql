-- The expectations of the data plane that are broken most.
select code, any_value(sentence) as sentence, count(distinct path_id) as connections
from drifts
group by code
order by connections desc, code
limit 12
