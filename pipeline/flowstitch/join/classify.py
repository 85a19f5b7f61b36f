"""Scenario of each path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog import field
from flowstitch.catalog.dataplanes import FEATURES
from flowstitch.join.chains import MAX_TRANSLATIONS
from flowstitch.kernels.group import group

if TYPE_CHECKING:
    from flowstitch.arrays import Flags, Ints
    from flowstitch.join.endpoints import Endpoints
    from flowstitch.join.entries import Events
    from flowstitch.join.services import Services
    from flowstitch.join.stitched import Cluster, Stitched
    from flowstitch.join.verdicts import Verdicts


@dataclass(frozen=True)
class Translations:
    """NAT over the whole chain; arrays of shape (paths,).

    Attributes
    ----------
    dnat, snat : bool, some entry of the chain translates destination or source, address or port.
    hidden : bool, the server saw another source than the client's own.
    snat_ip, snat_port : what it saw, 0 and -1 where it saw the client's own.
    """

    dnat: Flags
    snat: Flags
    hidden: Flags
    snat_ip: Ints
    snat_port: Ints


def find_translations(stitched: Stitched, ends: Endpoints) -> Translations:
    """Translations of all paths."""
    entries, segments, chains = stitched.entries, stitched.segments, stitched.chains
    linked = np.flatnonzero(chains.next_entry >= 0)
    entry, path = chains.next_entry[linked], chains.path[linked]
    orig, reply = entries.orig.take(entry), entries.reply.take(entry)
    dnat, snat = np.zeros(len(chains), np.bool_), np.zeros(len(chains), np.bool_)
    dnat[path[(orig.dst != reply.dst) | (orig.dst_port != reply.dst_port)]] = True
    snat[path[(orig.src != reply.src) | (orig.src_port != reply.src_port)]] = True
    dnat |= ends.told
    last = segments.tuples.take(chains.tail)
    numbered = ends.seen_port >= 0
    known = ends.client.ip > 0
    hidden = known & ((last.src != ends.client.ip) | (numbered & (last.src_port != ends.client.port)))
    port = np.where(hidden & numbered, last.src_port, -1)
    return Translations(dnat, snat, hidden, np.where(hidden, last.src, 0), port)


def classify(
    stitched: Stitched, ends: Endpoints, nat: Translations, verdicts: Verdicts, cluster: Cluster
) -> tuple[Ints, Ints, Ints]:
    """Scenario number of each path, -1 where too little is known of it; that in the data plane of the server's node; and why it has none or is unclassified, a name code."""
    dataplanes, chains = cluster.dataplanes, stitched.chains
    pod = field("server_kind").code("pod")
    both = (ends.client.node > 0) & (ends.server.node > 0)
    known = ends.client.ip > 0
    node_port = ends.dialled_kind == field("dialled_kind").code("node_port")
    hairpin = (
        known
        & (ends.client.ip == ends.server.ip)
        & (ends.dialled_ip != ends.server.ip)
        & (ends.server.kind == pod)
    )
    features = {
        "client_kind": ends.client.kind,
        "dialled_kind": ends.dialled_kind,
        "traffic_policy": ends.policy,
        "server_kind": ends.server.kind,
        "server_place": np.where(both, _place(ends.client.node == ends.server.node), 0),
        "dialled_place": np.where(
            node_port & (ends.client.node > 0), _place(ends.client.node == ends.target_node), 0
        ),
        "entered_place": _entered_place(stitched.events, cluster.services, ends, verdicts.first),
        "snat": np.where(known, 1 + nat.hidden, 0),
        "hairpin": 1 + hairpin,
        "behind_lb": 1 + (ends.behind_lb > 0),
        "payload": verdicts.payload,
    }
    plane, server_plane = judging_planes(ends, cluster)
    scenario, last = dataplanes.classify(features, plane), dataplanes.unclassified(plane)
    too_long = chains.position[chains.tail] > MAX_TRANSLATIONS
    scenario = np.where(too_long, last, scenario)
    names, reasons = cluster.pools.names, np.zeros(len(chains), np.int64)
    reasons[too_long] = names.code(f"more than {MAX_TRANSLATIONS} translations")
    unplaced = np.flatnonzero((scenario == last) & ~too_long)
    cases, heads = group(np.stack([values[unplaced] for values in features.values()], axis=1))
    said = [_reason(features, path) for path in unplaced[heads].tolist()]
    reasons[unplaced] = names.codes(why for _, why in said)[cases]
    scenario[unplaced[np.array([missing for missing, _ in said], np.bool_)[cases]]] = -1
    server_scenario = scenario.copy()
    mixed = np.flatnonzero((plane != server_plane) & ~too_long)
    server_scenario[mixed] = dataplanes.classify(
        {name: codes[mixed] for name, codes in features.items()}, server_plane[mixed]
    )
    return scenario, server_scenario, reasons


def judging_planes(ends: Endpoints, cluster: Cluster) -> tuple[Ints, Ints]:
    """Data planes that each path is held against, by their place among all: that of the first node of the cluster on it, and that of the server's node.

    The first is the client's, else the one whose address was dialled, else the server's. Where the server is on no node it is the same.
    """
    first = np.where(ends.client.node > 0, ends.client.node, ends.target_node)
    first = np.where(first > 0, first, ends.server.node)
    last = np.where(ends.server.node > 0, ends.server.node, first)
    return cluster.plane_of[first], cluster.plane_of[last]


def _place(same: Flags) -> Ints:
    return np.where(same, 1, 2)


def _entered_place(events: Events, services: Services, ends: Endpoints, at: Ints) -> Ints:
    """Whether the backend is on the node whose port was dialled.

    Where the node's events cover the time and it has no entry, no backend was reached: then its endpoints tell.
    """
    node_port = ends.dialled_kind == field("dialled_kind").code("node_port")
    covered = (events.begin[ends.target_node] <= at) & (at <= events.end[ends.target_node])
    unseen = ends.server.ip == 0
    by_endpoints = np.where(covered, _place(services.has_local_endpoint(ends.service, ends.target_node)), 0)
    by_server = np.where(ends.server.node > 0, _place(ends.server.node == ends.target_node), 0)
    return np.where(node_port, np.where(unseen, by_endpoints, by_server), 0)


def _reason(features: dict[str, Ints], path: int) -> tuple[bool, str]:
    """Whether something is not known that a scenario needs, and why there is no scenario."""
    words = {
        name: FEATURES[name][code - 1] if (code := int(values[path])) else None
        for name, values in features.items()
    }
    needed = ["client_kind", "dialled_kind"]
    if words["dialled_kind"] == "node_port":
        needed.append("entered_place")
    if words["client_kind"] == "lb":
        needed.append("payload")
    needed.append("server_kind")
    for name in needed:
        if words[name] is None:
            return True, f"{name} is not known"
    place = f", server {words['server_place']}" if words["server_place"] else ""
    who = f"{words['client_kind']} dialled {words['dialled_kind']}, answered by {words['server_kind']}{place}"
    return False, who
