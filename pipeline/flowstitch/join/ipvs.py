"""IPVS connections as evidence: what a pod dialled, where conntrack of its node does not say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.join.instants import last_before
from flowstitch.join.keys import concat_tuples
from flowstitch.kernels.group import group
from flowstitch.kernels.lifetimes import SECOND, UNKNOWN

if TYPE_CHECKING:
    from flowstitch.arrays import Columns, Ints, Words
    from flowstitch.join.chains import Chains
    from flowstitch.join.keys import Tuples
    from flowstitch.join.segments import BucketSegments

# A dump's stamp can be that late; the connection cannot begin after the dump.
SLACK = 2 * SECOND
# IPVS keeps an idle connection 900 s (ip_vs_proto_tcp.c), longer than conntrack may.
KEPT = 900 * SECOND


@dataclass(frozen=True)
class IpvsMatches:
    """IPVS connections on paths.

    Attributes
    ----------
    path : shape (rows,), path of each IPVS row, -1 where none fits.
    virtual_ip, virtual_port : shape (paths,), the virtual service that all rows of a path name; 0 and -1 where there is no
        row, or they differ.
    """

    path: Ints
    virtual_ip: Ints
    virtual_port: Ints


def match_ipvs(rows: Columns, segments: BucketSegments, chains: Chains, ahead: Ints) -> IpvsMatches:
    """Give each IPVS connection to the path with its source and its real server that began last before it was seen.

    Parameters
    ----------
    rows : columns of the table ``ipvs_connections``.
    ahead : by name code of a node, how far its clock is ahead of the common one, µs.
    """
    if not rows["node"].shape[0]:
        return _agreed(rows, np.zeros(0, np.int64), len(chains))
    (root, first, _), (tail, _, last) = (_ends(segments, end) for end in (chains.root, chains.tail))
    scope = np.where(root.scope > 0, root.scope, 0)
    node = rows["node"].astype(np.int64)
    local = np.isin(rows["client_ip"], root.src[scope > 0])
    paths = _words(root.protocol, root.src, root.src_port, tail.dst, tail.dst_port, scope)
    asked = _words(
        rows["protocol_number"], rows["client_ip"], rows["client_port"], rows["server_ip"], rows["server_port"],
        np.where(local, node + 1, 0),
    )  # fmt: skip
    numbers, _ = group(np.concatenate([paths, asked]))
    key, asked_key = numbers[: paths.shape[0]], numbers[paths.shape[0] :]
    seen = np.where(rows["seen_at"] == UNKNOWN, UNKNOWN, rows["seen_at"] - ahead[node])
    order, asked_order = np.lexsort((first, key)), np.lexsort((seen, asked_key))
    place = last_before(key[order], first[order], asked_key[asked_order], seen[asked_order] + SLACK)
    path = np.full(node.shape[0], -1, np.int64)
    path[asked_order] = np.where(place >= 0, order[np.maximum(place, 0)], -1)
    known = (path >= 0) & (seen != UNKNOWN)
    path = np.where(known & (seen <= last[np.maximum(path, 0)] + KEPT), path, -1)
    return _agreed(rows, path, len(chains))


def _ends(segments: BucketSegments, chosen: Ints) -> tuple[Tuples, Ints, Ints]:
    """Tuple, first and last packet of chosen segments."""
    order = np.argsort(chosen)
    ends = chosen[order]
    found = []
    for numbers, part in segments.parts():
        begin, end = np.searchsorted(ends, [numbers.start, numbers.stop])
        rows = ends[begin:end] - numbers.start
        found.append((part.tuples.take(rows), part.first[rows], part.last[rows]))
    places = np.empty_like(order)
    places[order] = np.arange(order.shape[0])
    tuples, first, last = zip(*found, strict=True)
    return concat_tuples(*tuples).take(places), np.concatenate(first)[places], np.concatenate(last)[places]


def _words(*parts: Ints) -> Words:
    return np.stack([np.asarray(part).astype(np.uint64) for part in parts], axis=1)


def _agreed(rows: Columns, path: Ints, count: int) -> IpvsMatches:
    virtual_ip, virtual_port = np.zeros(count, np.int64), np.full(count, -1, np.int64)
    found = np.flatnonzero(path >= 0)
    virtual_ip[path[found]] = rows["virtual_ip"][found]
    virtual_port[path[found]] = rows["virtual_port"][found]
    same_ip = virtual_ip[path[found]] == rows["virtual_ip"][found]
    differs = found[~(same_ip & (virtual_port[path[found]] == rows["virtual_port"][found]))]
    virtual_ip[path[differs]], virtual_port[path[differs]] = 0, -1
    return IpvsMatches(path, virtual_ip, virtual_port)
