"""From canonical columns to the result's tables: the stages of the join, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowstitch.join.attempts import split_attempts
from flowstitch.join.buckets import Workers, bucket_bits, concat_fields
from flowstitch.join.chains import build_chains
from flowstitch.join.classify import classify, find_translations
from flowstitch.join.drift import find_drift
from flowstitch.join.emit import datapath_columns, path_ids, segment_columns
from flowstitch.join.endpoints import find_endpoints
from flowstitch.join.entries import build_entries
from flowstitch.join.groups import Groups
from flowstitch.join.identity import wire_hashes
from flowstitch.join.ipvs import match_ipvs
from flowstitch.join.legs import observe_legs
from flowstitch.join.observations import (
    OBSERVED,
    Observed,
    by_line,
    connection_observations,
    inventory_observations,
    ipvs_observations,
    paths_per_row,
    source_kinds,
)
from flowstitch.join.refusals import attribute_refusals
from flowstitch.join.requests import (
    Carriers,
    attribute_requests,
    find_carriers,
    request_columns,
    request_observations,
    unmatched_requests,
)
from flowstitch.join.segments import build_segments
from flowstitch.join.stitched import Cluster, Paths, Stitched, know_cluster
from flowstitch.join.unsaid import hidden_addresses, infer_directions
from flowstitch.join.verdicts import judge
from flowstitch.join.windows import attach_windows, flow_buckets
from flowstitch.normalize.columns import by_source, concat_columns, take_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from flowstitch.arrays import Columns, Ints
    from flowstitch.ingest.model import Account, Inventory, Source
    from flowstitch.join.chains import Chains
    from flowstitch.join.dataplane import Dataplane
    from flowstitch.join.groups import Group
    from flowstitch.normalize.columns import Pools

    Tables = dict[str, Columns]


class Reconstruction:
    """Rows stitched into datapaths, of which the tables are made while they are written: whole they would be the largest thing in memory.

    Attributes
    ----------
    parts : how many parts there are to ask for.
    clock_offsets_us : by node, how far its clock is ahead of the common one.
    left_out : translations that could not be linked because another one was already there.
    """

    def __init__(
        self, rows: Mapping[str, Columns], inventory: Inventory, addresses: Sequence[dict[str, Any]],
        sources: Sequence[Source], accounts: Sequence[Account], dataplane: Dataplane, pools: Pools,
        stage: Callable[[str], None], threads: int = 1,
    ) -> None:  # fmt: skip
        """Stitch all rows.

        Parameters
        ----------
        rows : columns of the canonical tables by name.
        addresses : rows of the table ``addresses``.
        sources, accounts : what was read, in the same order.
        stage : is told the name of each stage as it begins.
        threads : how many work at the same time; the result does not depend on it.
        """
        rows = {name: by_source(columns) for name, columns in rows.items()}
        self._rows = {name: rows[name] for name in ("requests", "lb_connections")}
        self._attempts = split_attempts(rows["requests"], pools)
        self._sources, self._accounts = sources, accounts
        self._cluster = know_cluster(inventory, addresses, dataplane, pools)
        self._kinds = source_kinds(sources, pools)
        self._carriers: dict[int, Carriers] = {}
        with Workers(threads) as workers:
            stitched = _stitch(rows, self._cluster, workers, stage)
            stage("paths")
            nodes = np.unique(stitched.entries.node).tolist()
            self.clock_offsets_us = {
                pools.names.word(node) or "": int(stitched.ahead[node]) for node in nodes
            }
            self.left_out = stitched.chains.left_out
            self._strangers = take_columns(rows["ipvs_connections"], stitched.ipvs.path < 0)
            roots = stitched.segments.tuples.take(stitched.chains.root)
            wire = wire_hashes(roots, self._cluster.hashes, pools)
            shared = paths_per_row(stitched.windows, stitched.chains)
            conntrack = {name: rows["conntrack"][name] for name in OBSERVED}
            self._groups = Groups(
                stitched, wire, shared, conntrack, rows["ipvs_connections"], self._cluster.hashes, workers
            )
        self.parts = self._groups.parts

    def part(self, number: int) -> Iterator[Tables]:
        """Columns of ``datapaths``, ``segments``, ``observations`` and ``unmatched`` of each group of paths in a part.

        All parts in order have paths by the hash of their first wire key, start and id.
        """
        for group in self._groups.of_part(number):
            yield self._told(group)

    def _told(self, number: int) -> Tables:
        group, cluster = self._groups.take(number), self._cluster
        stitched = group.stitched
        paths = _know_paths(group, cluster)
        first = paths.verdicts.first
        ids, flow_key = path_ids(stitched, group.wire, paths.ends, first, cluster)
        by_path = np.lexsort((ids, first, group.wire))
        by_segment = _in_order(by_path, stitched.chains)
        observed = Observed(group, paths, ids, self._kinds, cluster)
        self._carriers[number] = find_carriers(group, paths, ids)
        return {
            "datapaths": datapath_columns(paths, stitched, ids, flow_key, by_path, cluster),
            "segments": segment_columns(stitched, ids, by_segment, cluster.pools),
            "observations": observed.observations(by_path),
            "unmatched": observed.unmatched(),
        }

    def rest(self) -> Tables:
        """Columns of ``lb_requests``, and of ``observations`` and ``unmatched`` what no part has; to be asked for after all parts."""
        pools, kinds, rows = self._cluster.pools, self._kinds, self._rows
        carriers = [self._carriers[number] for number in sorted(self._carriers)]
        requests = attribute_requests(
            rows["requests"], self._attempts, Carriers(**concat_fields(Carriers, carriers))
        )
        observations = concat_columns(
            "observations",
            [
                ipvs_observations(self._strangers, kinds, pools),
                connection_observations(rows["lb_connections"], kinds, pools),
                request_observations(requests, kinds, pools),
                inventory_observations(self._sources, self._accounts, pools),
            ],
        )
        unmatched = unmatched_requests(requests, kinds, pools)
        return {
            "lb_requests": request_columns(requests, pools.names.ranks()),
            "observations": take_columns(observations, by_line(observations, pools)),
            "unmatched": take_columns(unmatched, by_line(unmatched, pools)),
        }


def _stitch(
    rows: Mapping[str, Columns], cluster: Cluster, workers: Workers, stage: Callable[[str], None]
) -> Stitched:
    """Rows stitched into chains."""
    conntrack, pools, inventory = rows["conntrack"], cluster.pools, cluster.inventory
    bits = bucket_bits(conntrack["line"].shape[0] + rows["flows"]["line"].shape[0])
    stage("entries")
    entries, begins = build_entries(conntrack, inventory.facts, cluster.local, pools, bits, workers)
    stage("segments")
    sides, seen, ahead = build_segments(entries, begins, pools.names.ranks(), bits, workers)
    stage("windows")
    buckets = flow_buckets(rows["flows"], bits)
    flows = infer_directions(buckets.move(rows["flows"], workers), inventory, pools)
    hidden = hidden_addresses(flows, inventory, pools)
    windows, segments, offset = attach_windows(flows, buckets, seen, cluster.services.ports, hidden, workers)
    ahead[np.unique(entries.node)] -= offset
    windows, refused = attribute_refusals(flows, windows, segments)
    stage("chains")
    chains = build_chains(sides, len(segments))
    matches = match_ipvs(rows["ipvs_connections"], segments, chains, ahead)
    return Stitched(flows, windows, entries, sides, segments, chains, refused, ahead, matches)


def _know_paths(group: Group, cluster: Cluster) -> Paths:
    stitched = group.stitched
    ends = find_endpoints(stitched, cluster)
    legs = observe_legs(stitched, ends, cluster)
    verdicts = judge(stitched, ends, legs, group.shared, cluster)
    nat = find_translations(stitched, ends)
    scenario, reasons = classify(stitched, ends, nat, verdicts, cluster)
    drift, drifts = find_drift(stitched, ends, scenario, legs, verdicts, cluster)
    return Paths(ends, legs, nat, verdicts, scenario, reasons, drift, drifts)


def _in_order(by_path: Ints, chains: Chains) -> Ints:
    """Segments by the order of their paths and their position there, which counts from 0 without a gap."""
    begins, count = np.empty_like(by_path), np.bincount(chains.path, minlength=len(chains))
    begins[by_path] = np.cumsum(count[by_path]) - count[by_path]
    order = np.empty_like(chains.path)
    order[begins[chains.path] + chains.position] = np.arange(order.shape[0])
    return order
