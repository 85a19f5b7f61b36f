"""Until when a masquerading node held a port is what the rows of its conntrack say."""

from __future__ import annotations

from pathlib import Path

import flowstitch

# By path, from observations; an address that is not a node's may be that of any of them.
TOLD = """
select
    path_id, snat_held_until, datapaths.last_seen,
    greatest(
        any_value(datapaths.last_seen),
        max(observations.first_seen) filter (where kind like 'conntrack-%' and coalesce(observations.node = name, true))
    ) as told
from datapaths
left join (from address_owners where owner_kind = 'node') on ip = snat_ip
join observations using (path_id)
where snat_port is not null
group by all
"""


def test_a_port_is_held_as_long_as_its_node_tells_of_it(result: Path) -> None:
    with flowstitch.open(result) as opened:
        assert len(opened.sql(f"from ({TOLD}) where told > last_seen").fetchall()) > 900
        assert opened.sql(f"from ({TOLD}) where snat_held_until is distinct from told").fetchall() == []
        without = "select count(snat_held_until) from datapaths where snat_port is null"
        assert opened.sql(without).fetchall() == [(0,)]
