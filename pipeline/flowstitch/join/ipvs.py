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
    from flowstitch.arrays import Columns, Ints, Narrow, Words
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
    chosen, hosts = _paths_from(_endpoints(rows["client_ip"], rows["client_port"]), segments, chains)
    (root, first, _), (tail, _, last) = (_ends(segments, end[chosen]) for end in (chains.root, chains.tail))
    scope = np.where(root.scope > 0, root.scope, 0)
    node = rows["node"].astype(np.int64)
    local = np.isin(rows["client_ip"], hosts)
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
    there = np.flatnonzero(place >= 0)
    row, path = asked_order[there], order[place[there]]
    fits = (seen[row] != UNKNOWN) & (seen[row] <= last[path] + KEPT)
    found = np.full(node.shape[0], -1, np.int64)
    found[row[fits]] = chosen[path[fits]]
    return _agreed(rows, found, len(chains))


def _paths_from(sources: Ints, segments: BucketSegments, chains: Chains) -> tuple[Ints, Ints]:
    """Paths that begin at some of these endpoints, ascending, and the addresses at which those begin that never leave their node.

    Most paths are none of them, and all at once would be much memory.
    """
    asked, paths, hosts = np.unique(sources), [], []
    for numbers, part in segments.parts():
        roots = np.flatnonzero(chains.position[numbers] == 0)
        begin = part.tuples.take(roots)
        ends = _endpoints(begin.src, begin.src_port)
        # np.isin would sort what is asked once more in each bucket
        among = asked[np.minimum(np.searchsorted(asked, ends), asked.shape[0] - 1)] == ends
        paths.append(chains.path[numbers][roots[among]])
        hosts.append(np.unique(begin.src[begin.scope > 0]))
    return np.sort(np.concatenate(paths)), np.concatenate(hosts)


def _endpoints(address: Narrow, port: Narrow) -> Ints:
    """Address and port as one number each."""
    return address.astype(np.int64) << 16 | np.maximum(port, 0)


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
