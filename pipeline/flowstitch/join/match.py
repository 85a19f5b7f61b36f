"""Whether every observer that a path should have is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog import field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowstitch.arrays import Ints
    from flowstitch.join.endpoints import Endpoints
    from flowstitch.join.legs import Legs
    from flowstitch.join.stitched import Cluster, Stitched
    from flowstitch.join.verdicts import Verdicts

# Crossings of ENIs of the client's node, and of the server's.
_CROSSED = {"client": ("forward_out", "return_in"), "server": ("forward_in", "return_out")}


def find_match(
    stitched: Stitched, ends: Endpoints, scenarios: Mapping[str, Ints], legs: Legs, verdicts: Verdicts, cluster: Cluster
) -> Ints:  # fmt: skip
    """Enum codes of ``match``, shape (paths,).

    Conntrack of each end's node has to be there; where the scenario bypasses it, a flow log of an ENI of that node.

    Parameters
    ----------
    scenarios : by end, shape (paths,), the scenario in the data plane of its node.
    """
    code = field("match").code
    entries, sides, chains = stitched.entries, stitched.sides, stitched.chains
    path, node = chains.path[sides.segment], entries.node[sides.entry]
    whole = (ends.client.ip > 0) & (ends.server.ip > 0)
    told = ends.lead >= 0
    for end, crossed in _CROSSED.items():
        home = getattr(ends, end).node
        there = home == 0
        there[path[node == home[path]]] = True
        bypassed = cluster.dataplanes.bypasses(end, scenarios[end])
        there |= bypassed & ((legs.eni[crossed[0]] > 0) | (legs.eni[crossed[1]] > 0))
        whole &= there
        told |= bypassed
    return np.select(
        [~(whole & told), verdicts.candidates > 1], [code("one_sided"), code("ambiguous")], code("exact")
    )
