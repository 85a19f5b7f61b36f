"""Connections to what becomes of them on the way: entries in the nodes' conntrack, and crossings of ENIs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from flowstitch.simulator.cases import DENIED, cases
from flowstitch.simulator.columns import Rows

if TYPE_CHECKING:
    from flowstitch.arrays import Flags, Ints
    from flowstitch.simulator.cases import Case
    from flowstitch.simulator.cluster import Cluster
    from flowstitch.simulator.connections import Connections

# Source and target of each segment, an address number and a port each.
Tuples: TypeAlias = "list[tuple[tuple[Ints, Ints], tuple[Ints, Ints]]]"
CHOSEN_SOURCES = ("node", "entered")


@dataclass
class Tracked(Rows):
    """Entries of conntrack; arrays of shape (n,). ``row`` is the connection's, ``place`` counts nodes from the client on.

    Attributes
    ----------
    orig_…, reply_… : the tuples as the kernel has them, addresses by number.
    virtual : IPVS translates it. replaceable : a later connection on the same ports has the same original tuple here.
    """

    row: Ints
    node: Ints
    place: Ints
    orig_src: Ints
    orig_src_port: Ints
    orig_dst: Ints
    orig_dst_port: Ints
    reply_src: Ints
    reply_src_port: Ints
    reply_dst: Ints
    reply_dst_port: Ints
    replaceable: Flags
    virtual: Flags


@dataclass
class Crossings(Rows):
    """Crossings of ENIs; arrays of shape (n,), the tuple as it is on the wire. ``row`` is the connection's, ``denied`` what ends there."""

    row: Ints
    eni: Ints
    out: Flags
    forward: Flags
    denied: Flags
    src: Ints
    src_port: Ints
    dst: Ints
    dst_port: Ints


def ends_of(name: str, part: Connections, cluster: Cluster) -> tuple[Ints, Ints]:
    """Address numbers and ports of an end, by its name in ``cases``."""
    hosts = cluster.hosts
    if name == "client":
        return hosts.ip[part.family, part.client], part.client_port
    if name == "server":
        return hosts.ip[part.family, part.server], part.server_port
    if name in {"dialled", "service"}:
        return part.dialled, part.dialled_port if name == "dialled" else part.client_port
    node = part.entered if name == "entered" else hosts.node[part.client]
    return cluster.node_ip[part.family, node], part.client_port if name == "kept" else part.chosen_port


def node_of(name: str, part: Connections, cluster: Cluster) -> Ints:
    """Nodes by what they are to a connection: client, server, entered."""
    return (
        part.entered
        if name == "entered"
        else cluster.hosts.node[part.client if name == "client" else part.server]
    )


def eni_of(name: str, part: Connections, cluster: Cluster) -> Ints:
    """ENIs by their name in ``cases``: ``client_eni`` holds the client's address, ``client_primary`` is its node's."""
    end, _, which = name.partition("_")
    if which == "primary":
        return cluster.primary_eni[node_of(end, part, cluster)]
    return cluster.hosts.eni[part.client if end == "client" else part.server]


def route(connections: Connections, cluster: Cluster, proxy: str) -> tuple[Tracked, Crossings]:
    """Entries and crossings of all connections; nothing comes back where nobody answers."""
    tracked, crossed = [], []
    for number, case in enumerate(cases(proxy)):
        rows = np.flatnonzero(connections.case == number)
        part = connections.view(rows)
        segments = [(ends_of(src, part, cluster), ends_of(dst, part, cluster)) for src, dst in case.segments]
        tracked += _entries(case, rows, part, segments, cluster, proxy)
        crossed += _crossings(case, rows, part, segments, cluster)
    return Tracked.concat(tracked), Crossings.concat(crossed)


def _entries(
    case: Case, rows: Ints, part: Connections, segments: Tuples, cluster: Cluster, proxy: str
) -> list[Tracked]:
    found = []
    for place, (node, orig, reply) in enumerate(case.entries):
        (src, src_port), (dst, dst_port) = segments[orig]
        (back_dst, back_dst_port), (back_src, back_src_port) = segments[reply]
        same = np.full(rows.shape[0], case.segments[orig][0] not in CHOSEN_SOURCES)
        virtual = (part.service >= 0) & (orig != reply) & (proxy == "ipvs")
        found.append(
            Tracked(
                rows, node_of(node, part, cluster), np.full(rows.shape[0], place), src, src_port, dst, dst_port,
                back_src, back_src_port, back_dst, back_dst_port, same, virtual,
            )
        )  # fmt: skip
    return found


def _crossings(
    case: Case, rows: Ints, part: Connections, segments: Tuples, cluster: Cluster
) -> list[Crossings]:
    found = []
    for forward, crossings in ((True, case.forward), (False, case.back)):
        chosen = slice(None) if forward else part.packets_back > 0
        for crossing in crossings:
            (src, src_port), (dst, dst_port) = segments[crossing.segment]
            ends = (src, src_port, dst, dst_port) if forward else (dst, dst_port, src, src_port)
            eni = eni_of(crossing.eni, part, cluster)
            count = rows.shape[0]
            found.append(
                Crossings(
                    rows, eni, np.full(count, crossing.direction == "out"), np.full(count, forward),
                    np.full(count, case.name in DENIED and crossing.direction == "in"), *ends
                ).take(chosen)
            )  # fmt: skip
    return found
