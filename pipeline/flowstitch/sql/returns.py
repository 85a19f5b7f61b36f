"""The first question in two sentences: how many returns land on the primary ENI, and of which paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowstitch.sql.session import Result

_COUNTS = """
select
    coalesce(sum(connections), 0)::bigint,
    coalesce(sum(connections) filter (where return_lands_on in ('primary', 'secondary', 'member')), 0)::bigint,
    coalesce(sum(connections) filter (where return_lands_on = 'primary'), 0)::bigint,
    coalesce(sum(connections) filter (where return_lands_on = 'primary' and return_evidence = 'observed'), 0)::bigint
from path_counts
"""
_TOP = """
select
    scenario,
    any_value(title),
    count(*) filter (where return_lands_on = 'primary') as landed,
    count(*) filter (where return_lands_on = 'primary' and client_kind = 'pod' and snat_ip is not null),
    arg_max(path_id, return_bytes) filter (where return_lands_on = 'primary')
from datapaths
left join scenarios using (dataplane, scenario)
group by scenario
having landed > 0
order by landed desc, scenario
limit 1
"""


@dataclass(frozen=True)
class Leader:
    """The scenario of most connections whose replies land on the primary ENI.

    Attributes
    ----------
    scenario, title : as in table ``scenarios``.
    connections : of them on the primary ENI. masqueraded : of these, with a pod's address replaced.
    path_id : the one with most return bytes, None where nobody counted.
    """

    scenario: str
    title: str
    connections: int
    masqueraded: int
    path_id: int | None


@dataclass(frozen=True)
class Returns:
    """Where returns land.

    Attributes
    ----------
    connections : of the result. over_eni : of them, with replies that came over an ENI of the client's node.
    primary : of these, over the primary one. observed : of these, with the reply in a flow log.
    leader : the scenario that most of them belong to, None when there are none.
    """

    connections: int
    over_eni: int
    primary: int
    observed: int
    leader: Leader | None

    @property
    def sentence(self) -> str:
        """What these numbers say."""
        if not self.over_eni:
            return "no reply came back over an ENI of its client's node."
        seen = f"; flow logs show {self.observed} of these" if self.primary else ""
        return f"{self.over_eni} had replies over an ENI of the client's node, {self.primary} over the primary one{seen}."


def read_returns(session: Result) -> Returns:
    """Where the returns of a result land."""
    ((connections, over_eni, primary, observed),) = session.sql(_COUNTS).fetchall()
    top = session.sql(_TOP).fetchall()
    return Returns(connections, over_eni, primary, observed, Leader(*top[0]) if top else None)
