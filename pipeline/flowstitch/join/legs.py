"""Which ENI each leg of a path crossed, as flow logs show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog import field
from flowstitch.join.chains import first_of_each
from flowstitch.kernels.group import group

if TYPE_CHECKING:
    from flowstitch.arrays import Flags, Ints
    from flowstitch.ingest.model import Inventory
    from flowstitch.join.chains import Chains
    from flowstitch.join.endpoints import Endpoints
    from flowstitch.join.entries import Entries
    from flowstitch.join.stitched import Cluster, Stitched
    from flowstitch.normalize.columns import Pools


LEGS = ("forward_out", "forward_in", "return_out", "return_in")


@dataclass(frozen=True)
class Enis:
    """Node and role of each ENI, by name code: name code of the node, enum code of the role; 0 where not known."""

    node: Ints
    role: Ints


def eni_facts(inventory: Inventory, pools: Pools) -> Enis:
    """Facts of all ENIs in the inventory."""
    codes = [pools.names.code(row["eni"]) for row in inventory.tables["enis"]]
    nodes = [pools.names.code(row["node"]) for row in inventory.tables["enis"]]
    node, role = np.zeros(len(pools.names), np.int64), np.zeros(len(pools.names), np.int64)
    for code, owner, row in zip(codes, nodes, inventory.tables["enis"], strict=True):
        node[code] = owner
        role[code] = field("role").code(row["role"]) if row["role"] else 0
    return Enis(node, role)


@dataclass(frozen=True)
class Legs:
    """Observed legs of paths.

    Attributes
    ----------
    eni, role : for each of ``LEGS`` the name code of the ENI and the enum code of its role, shape (paths,), 0 where
        not observed.
    pair_path, pair_leg : shape (pairs,), path of each flow-log row on a segment, and its leg as an index into ``LEGS``,
        -1 where it is a crossing in between.
    client_segment : shape (paths,), segment in which the request leaves the client's node.
    answered, rejected : shape (paths,), bool, some row goes back, some row was rejected.
    """

    eni: dict[str, Ints]
    role: dict[str, Ints]
    pair_path: Ints
    pair_leg: Ints
    client_segment: Ints
    answered: Flags
    rejected: Flags


def observe_legs(stitched: Stitched, ends: Endpoints, cluster: Cluster) -> Legs:
    """Legs of all paths.

    A leg is at the client's node where the request leaves it, its own translations done, and at the server's node in
    the last segment; what crosses ENIs in between stands in ``segments`` alone.
    """
    flows, windows, chains = stitched.flows, stitched.windows, stitched.chains
    enis, ranks = cluster.enis, cluster.pools.names.ranks()
    path = chains.path[windows.segment]
    client_segment = _client_segments(stitched.entries, chains, ends.client.node)
    eni = flows["eni"][windows.row].astype(np.int64)
    direction = flows["direction"][windows.row]
    leaves, enters = (direction == field("direction").code(way) for way in ("out", "in"))
    node = enis.node[eni]
    at_client = (windows.segment == client_segment[path]) & (node == ends.client.node[path]) & (node > 0)
    at_server = (windows.segment == chains.tail[path]) & (node == ends.server.node[path]) & (node > 0)
    ahead = windows.forward
    leg = np.select(
        [at_client & ahead & leaves, at_server & ahead & enters, at_server & ~ahead & leaves, at_client & ~ahead & enters],
        range(len(LEGS)),
        -1,
    )  # fmt: skip
    packets = flows["packets"][windows.row].clip(0)
    names, roles = {}, {}
    for number, name in enumerate(LEGS):
        chosen = _busiest(np.flatnonzero(leg == number), path, eni, packets, len(chains), ranks)
        names[name] = chosen
        roles[name] = enis.role[chosen]
    answered, rejected = np.zeros(len(chains), np.bool_), np.zeros(len(chains), np.bool_)
    answered[path[~ahead]] = True
    refused = flows["action"][windows.row] == field("action").code("REJECT")
    rejected[path[refused]] = True
    return Legs(names, roles, path, leg, client_segment, answered, rejected)


def _client_segments(entries: Entries, chains: Chains, client_node: Ints) -> Ints:
    at = chains.root.copy()
    # a chain can close in a circle: its positions grow only once round
    while True:
        entry = chains.next_entry[at]
        own = (entry >= 0) & (client_node > 0)
        own[own] = entries.node[entry[own]] == client_node[own]
        own[own] = chains.position[chains.next_segment[at[own]]] > chains.position[at[own]]
        if not own.any():
            return at
        at[own] = chains.next_segment[at[own]]


def _busiest(pairs: Ints, path: Ints, eni: Ints, packets: Ints, count: int, ranks: Ints) -> Ints:
    """ENI with most packets among the pairs of each path, 0 where there are none."""
    if pairs.shape[0] == 0:
        return np.zeros(count, np.int64)
    cases, heads = group(np.stack([path[pairs], eni[pairs]], axis=1).astype(np.uint64))
    total = np.bincount(cases, weights=packets[pairs]).astype(np.int64)
    heads = pairs[heads]
    best = first_of_each(path[heads], count, -total, ranks[eni[heads]])
    return np.where(best >= 0, eni[heads[best]], 0)
