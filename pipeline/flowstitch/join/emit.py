"""Paths as rows of ``datapaths`` and ``segments``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from flowstitch.arrays import take_rows
from flowstitch.catalog import field
from flowstitch.catalog.protocols import protocol_names, protocols_with
from flowstitch.join.classify import judging_planes
from flowstitch.join.identity import hash_columns, unique_ids
from flowstitch.join.legs import LEGS
from flowstitch.normalize.columns import renumber

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowstitch.arrays import Columns, Ints, Words
    from flowstitch.join.endpoints import Endpoints
    from flowstitch.join.stitched import Cluster, Paths, Stitched
    from flowstitch.normalize.columns import Pools


def path_ids(
    stitched: Stitched, wire: Words, ends: Endpoints, first: Ints, cluster: Cluster
) -> tuple[Words, Words]:
    """``path_id`` and ``flow_key`` of each path, shape (paths,), uint64 each.

    Parameters
    ----------
    wire : shape (paths,), uint64, hash of the first wire key of each path. first : start of each path in µs.
    """
    entries, pools = stitched.entries, cluster.pools
    hi, lo = pools.addresses.hi, pools.addresses.lo
    client = np.where(ends.client.ip > 0, ends.client.ip, ends.seen_ip)
    port = np.maximum(np.where(ends.client.ip > 0, ends.client.port, ends.seen_port), ends.icmp_id)
    flow_key = hash_columns(
        ends.protocol, hi[client], lo[client], port + 1,
        hi[ends.dialled_ip], lo[ends.dialled_ip], ends.dialled_port + 1,
    )  # fmt: skip
    observer = np.where(ends.lead >= 0, entries.node[ends.lead] if len(entries) else 0, 0)
    return unique_ids(hash_columns(flow_key, cluster.hashes[observer], first), wire), flow_key


def datapath_columns(
    paths: Paths, stitched: Stitched, ids: Words, flow_key: Words, rows: Ints, cluster: Cluster
) -> Columns:
    """Columns of the table ``datapaths``, paths in the order ``rows``, shape (paths,)."""
    dataplanes, names = cluster.dataplanes, cluster.pools.names
    slugs = np.append(names.codes(raw["slug"] for raw in dataplanes.scenarios), np.uint32(0))
    variants = np.append(names.codes(raw["variant"] for raw in dataplanes.scenarios), np.uint32(0))
    sop = np.array([*(raw.get("sop", -1) for raw in dataplanes.scenarios), -1], np.int32)
    protocols, planes = names.codes(protocol_names()), names.codes(plane.name for plane in dataplanes.all)
    drifts = pa.array(paths.drifts, pa.list_(pa.string()))
    evidence = _evidence(paths, stitched)
    ends, nat = take_rows(paths.ends, rows), take_rows(paths.nat, rows)
    verdicts = take_rows(paths.verdicts, rows)
    eni, role = ({leg: of[leg][rows] for leg in LEGS} for of in (paths.legs.eni, paths.legs.role))
    scenario, server_scenario = paths.scenario[rows], paths.server_scenario[rows]
    plane, server_plane = judging_planes(ends, cluster)
    out, back = eni["forward_out"], eni["return_in"]
    seen_other = (ends.seen_ip != ends.client.ip) | (ends.seen_port != ends.client.port)
    ports = protocols_with("ports")[ends.protocol]
    columns: dict[str, object] = {
        "path_id": ids[rows],
        "flow_key": flow_key[rows],
        "protocol": protocols[ends.protocol],
        "first_seen": verdicts.first,
        "last_seen": verdicts.last,
        "time_quality": verdicts.quality.astype(np.uint8),
        "client_ip": ends.client.ip.astype(np.uint32),
        "client_port": ends.client.port.astype(np.int32),
        "icmp_id": ends.icmp_id.astype(np.int32),
        "client_kind": ends.client.kind.astype(np.uint8),
        "client_name": ends.client.name.astype(np.uint32),
        "client_node": ends.client.node.astype(np.uint32),
        "dialled_ip": ends.dialled_ip.astype(np.uint32),
        "dialled_port": np.where(ports, ends.dialled_port, -1).astype(np.int32),
        "dialled_kind": ends.dialled_kind.astype(np.uint8),
        "service": ends.service.astype(np.uint32),
        "traffic_policy": ends.policy.astype(np.uint8),
        "nat": np.where(
            (ends.dialled_kind > 0) & (ends.server.ip > 0), 1 + nat.dnat + 2 * nat.snat, 0
        ).astype(np.uint8),
        "snat_ip": nat.snat_ip.astype(np.uint32),
        "snat_port": nat.snat_port.astype(np.int32),
        "snat_held_until": paths.snat_held_until[rows],
        "server_ip": ends.server.ip.astype(np.uint32),
        "server_port": ends.server.port.astype(np.int32),
        "server_kind": ends.server.kind.astype(np.uint8),
        "server_name": ends.server.name.astype(np.uint32),
        "server_node": ends.server.node.astype(np.uint32),
        "dataplane": planes[plane],
        "server_dataplane": np.where(server_plane != plane, planes[server_plane], np.uint32(0)),
        "scenario": slugs[scenario],
        "variant": variants[scenario],
        "scenario_reason": paths.reasons[rows].astype(np.uint32),
        "sop": sop[scenario],
        "kernel_stacks": dataplanes.kernel_stacks(scenario, server_scenario),
        "outcome": verdicts.outcome.astype(np.uint8),
        "return_lands_on": verdicts.lands_on.astype(np.uint8),
        "return_evidence": verdicts.return_evidence.astype(np.uint8),
        "asymmetric": np.where((out > 0) & (back > 0), out != back, -1).astype(np.int8),
        "drift": drifts.take(pa.array(paths.drift[rows])),
        "counted_by": verdicts.counted_by.astype(np.uint32),
        "evidence": _EVIDENCE.take(pa.array(evidence[rows])),
        "match": paths.match[rows].astype(np.uint8),
        "candidates": np.minimum(verdicts.candidates, 65535).astype(np.int32),
        "seen_ip": np.where(seen_other, ends.seen_ip, 0).astype(np.uint32),
        "seen_port": np.where(seen_other, ends.seen_port, -1).astype(np.int32),
    }
    for leg in LEGS:
        columns[f"{leg}_eni"] = eni[leg].astype(np.uint32)
        columns[f"{leg}_eni_role"] = role[leg].astype(np.uint8)
    for column, name in enumerate(("forward_packets", "forward_bytes", "return_packets", "return_bytes")):
        columns[name] = verdicts.counters[:, column]
    return columns  # type: ignore[return-value]


def _evidence(paths: Paths, stitched: Stitched) -> Ints:
    """Kinds of evidence of each path, an index into ``_EVIDENCE``."""
    bits = (paths.ends.lead >= 0).astype(np.int64)
    bits[paths.legs.pair_path] |= 2
    bits[stitched.ipvs.path[stitched.ipvs.path >= 0]] |= 4
    return bits


_EVIDENCE = pa.array(
    [
        [word for place, word in enumerate(("conntrack", "flow", "ipvs")) if bits >> place & 1]
        for bits in range(8)
    ],
    pa.list_(pa.string()),
)


def segment_columns(stitched: Stitched, ids: Words, rows: Ints, pools: Pools) -> Columns:
    """Columns of the table ``segments``, segments in the order ``rows``, shape (segments,)."""
    flows, windows, sides, chains = stitched.flows, stitched.windows, stitched.sides, stitched.chains
    count = len(stitched.segments)
    conntrack = np.zeros(count, np.bool_)
    conntrack[sides.segment] = True
    protocols, words = pools.names.codes(protocol_names()), pools.names.words()
    directions, ways = ("?", *field("direction").values), ("return", "forward")
    # which way of the path, which way through the ENI, which ENI: one number
    crossing = flows["eni"][windows.row].astype(np.int64) * len(directions) + flows["direction"][windows.row]
    crossing = crossing * len(ways) + windows.forward

    def crossed(code: int) -> str:
        code, way = divmod(code, len(ways))
        eni, direction = divmod(code, len(directions))
        return f"{ways[way]} {directions[direction]} {words[eni]}"

    observers = _Lists(
        sides.segment, stitched.entries.node[sides.entry], count, lambda code: words[code] or ""
    )
    crossings = _Lists(windows.segment, crossing, count, crossed)

    segments = take_rows(stitched.segments, rows)
    tuples = segments.tuples
    ports = protocols_with("ports")[tuples.protocol]
    echo = protocols_with("echo")[tuples.protocol] & conntrack[rows] & (tuples.src_port > 0)
    columns: dict[str, object] = {
        "path_id": ids[chains.path[rows]],
        "position": chains.position[rows].astype(np.int32),
        "protocol": protocols[tuples.protocol],
        "src_ip": tuples.src.astype(np.uint32),
        "src_port": np.where(ports, tuples.src_port, -1).astype(np.int32),
        "dst_ip": tuples.dst.astype(np.uint32),
        "dst_port": np.where(ports, tuples.dst_port, -1).astype(np.int32),
        "icmp_id": np.where(echo, tuples.src_port, -1).astype(np.int32),
        "node": np.maximum(tuples.scope - 1, 0).astype(np.uint32),
        "first_seen": segments.first,
        "last_seen": segments.last,
        "observers": observers.take(rows),
        "crossings": crossings.take(rows),
    }
    return columns  # type: ignore[return-value]


class _Lists:
    """Sorted distinct words of each key."""

    def __init__(self, keys: Ints, codes: Ints, count: int, word: Callable[[int], str]) -> None:
        """Sort the words of all keys.

        Parameters
        ----------
        keys, codes : shape (n,), a key, from 0, and the code of one of its words.
        count : of keys. word : makes a word from a code.
        """
        used, which = renumber(codes)
        texts = [word(code) for code in used.tolist()]
        order = np.array(sorted(range(len(texts)), key=texts.__getitem__), np.int64)
        rank = np.empty_like(order)
        rank[order] = np.arange(order.shape[0])
        # key and rank as one number; ``np.unique`` would hash them, which takes longer than sorting
        pairs = np.sort(keys * max(len(texts), 1) + rank[which])
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]
        key, self._places = np.divmod(pairs, max(len(texts), 1))
        self._words = pa.array([texts[place] for place in order.tolist()], pa.string())
        self._begins = np.append(0, np.cumsum(np.bincount(key, minlength=count)))

    def take(self, keys: Ints) -> pa.Array:
        """Words of chosen keys, as an Arrow list array."""
        begin = self._begins[keys]
        sizes = self._begins[keys + 1] - begin
        offsets = np.append(0, np.cumsum(sizes))
        places = self._places[np.arange(offsets[-1]) + np.repeat(begin - offsets[:-1], sizes)]
        return pa.ListArray.from_arrays(
            pa.array(offsets.astype(np.int32)), self._words.take(pa.array(places))
        )
