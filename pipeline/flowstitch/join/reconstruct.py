"""From canonical columns to the result's tables: the stages of the join, in order."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog import table
from flowstitch.ingest.model import ROW_KINDS
from flowstitch.join.attempts import split_attempts
from flowstitch.join.buckets import Workers, bucket_bits, concat_fields
from flowstitch.join.chains import build_chains
from flowstitch.join.classify import classify, find_translations
from flowstitch.join.drift import find_drift
from flowstitch.join.emit import datapath_columns, path_ids, segment_columns
from flowstitch.join.endpoints import find_endpoints
from flowstitch.join.entries import USED as ENTRY_COLUMNS
from flowstitch.join.entries import build_entries, row_hashes
from flowstitch.join.groups import OBSERVED, Groups
from flowstitch.join.identity import wire_hashes
from flowstitch.join.ipvs import match_ipvs
from flowstitch.join.legs import observe_legs
from flowstitch.join.match import find_match
from flowstitch.join.observations import (
    Observed,
    by_line,
    connection_observations,
    inventory_observations,
    ipvs_observations,
    source_kinds,
)
from flowstitch.join.ports import snat_held_until
from flowstitch.join.refusals import attribute_refusals
from flowstitch.join.requests import (
    Carriers,
    attribute_requests,
    find_carriers,
    request_columns,
    request_observations,
    unmatched_requests,
)
from flowstitch.join.rows import BucketRows
from flowstitch.join.segments import build_segments
from flowstitch.join.stitched import Cluster, Joined, Paths, know_cluster
from flowstitch.join.unsaid import hidden_addresses
from flowstitch.join.verdicts import judge
from flowstitch.join.windows import attach_windows, flow_hashes
from flowstitch.normalize.columns import concat_columns, null_columns, take_columns
from flowstitch.normalize.scratch import Scratch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any

    from flowstitch.arrays import Columns, Ints, Words
    from flowstitch.ingest.holdings import Holdings
    from flowstitch.ingest.read import Export
    from flowstitch.join.chains import Chains
    from flowstitch.join.dataplanes import Dataplanes
    from flowstitch.join.groups import Group
    from flowstitch.normalize.columns import Pools

    Tables = dict[str, Columns]

# Tables that are kept as they were read.
SMALL = ("requests", "lb_connections", "ipvs_connections")


class Reconstruction:
    """Rows stitched into datapaths, of which the tables are made while they are written: whole they would be the largest thing in memory.

    Attributes
    ----------
    parts : how many parts there are to ask for.
    clock_offsets_us : by node, how far its clock is ahead of the common one.
    left_out : translations that could not be linked because another one was already there.
    """

    def __init__(
        self, export: Export, held: Holdings, addresses: Sequence[dict[str, Any]], dataplanes: Dataplanes, pools: Pools,
        stage: Callable[[str], None], threads: int = 1, scratch: Scratch | None = None,
    ) -> None:  # fmt: skip
        """Stitch all rows of an export, which forgets them as they are put into buckets.

        Parameters
        ----------
        export : with an inventory as ``finish_inventory`` left it. held : what it holds.
        addresses : rows of the table ``addresses``. dataplanes : of the nodes.
        stage : is told the name of each stage as it begins.
        threads : how many work at the same time; the result does not depend on it.
        scratch : keeps rows of conntrack and flow logs; in memory without.
        """
        self._sources, self._accounts = export.sources, export.accounts
        self._kinds = source_kinds(export.sources, pools)
        self._rows = {name: concat_columns(name, list(export.drain(name))) for name in SMALL}
        self._attempts = split_attempts(self._rows["requests"], pools)
        self._cluster = cluster = know_cluster(held, addresses, dataplanes, pools)
        self._carriers: dict[int, Carriers] = {}
        scratch = scratch or Scratch()
        with Workers(threads) as workers:
            stage("buckets")
            rows = _in_buckets(export, cluster, scratch, workers)
            joined = _stitch(rows, self._rows["ipvs_connections"], cluster, scratch, workers, stage)
            stage("groups")
            nodes = joined.entries.nodes.tolist()
            self.clock_offsets_us = {pools.names.word(node) or "": int(joined.ahead[node]) for node in nodes}
            self.left_out = joined.chains.left_out
            ipvs = self._rows["ipvs_connections"]
            self._strangers = take_columns(ipvs, joined.ipvs.path < 0)
            wire = _first_wires(joined, cluster)
            self._groups = Groups(joined, wire, rows, ipvs, cluster, scratch, workers)
        self.parts = len(self._groups)

    @property
    def connections(self) -> Columns:
        """Columns of the table ``lb_connections``, which stay as they were read."""
        return self._rows["lb_connections"]

    def part(self, number: int) -> Tables:
        """Columns of ``datapaths``, ``segments``, ``observations`` and ``unmatched`` of the paths in a part.

        All parts in order have paths by the hash of their first wire key, start and id.
        """
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

    def carriers(self, part: int) -> Carriers:
        """Paths of a part, once it was asked for, that may carry requests."""
        return self._carriers[part]

    def has(self, part: int, carriers: Carriers) -> None:
        """Another run has made this part; of its paths these may carry requests."""
        self._carriers[part] = carriers

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


def _in_buckets(
    export: Export, cluster: Cluster, scratch: Scratch, workers: Workers
) -> dict[str, BucketRows]:
    """Rows of ``conntrack`` and ``flows`` by their wire keys; what the join does not ask of a conntrack row is left behind."""
    accounts = zip(export.sources, export.accounts, strict=True)
    large = {"conntrack", "flows"}
    bits = bucket_bits(
        sum(account.parsed for source, account in accounts if ROW_KINDS.get(source.kind) in large)
    )

    def put(name: str, kept: Collection[str], hashes: Callable[[Columns], Words]) -> BucketRows:
        rows = BucketRows(bits, scratch, workers)
        for part in chain([null_columns(name, 0)], export.drain(name)):
            columns = {key: part[key] for key in kept}
            rows.put(columns, workers.share(hashes, columns))
        return rows.close()

    return {
        "conntrack": put("conntrack", ["line", *ENTRY_COLUMNS], partial(row_hashes, local=cluster.local)),
        "flows": put("flows", [item.name for item in table("flows").fields], flow_hashes),
    }


def _stitch(
    rows: Mapping[str, BucketRows], ipvs: Columns, cluster: Cluster, scratch: Scratch, workers: Workers, stage: Callable[[str], None]
) -> Joined:  # fmt: skip
    """Rows stitched into chains."""
    pools, inventory, flows = cluster.pools, cluster.inventory, rows["flows"]
    stage("entries")
    entries = build_entries(rows["conntrack"], inventory.facts, cluster.local, pools, scratch, workers)
    rows["conntrack"].keep(OBSERVED)
    stage("segments")
    sides, seen, begins, ahead = build_segments(entries, pools.names.ranks(), flows.bits, scratch, workers)
    stage("windows")
    hidden = partial(hidden_addresses, inventory=inventory, pools=pools)
    windows, segments, offset = attach_windows(
        flows, seen, begins, cluster.services.ports, hidden, scratch, workers
    )
    ahead[entries.nodes] -= offset
    refused = attribute_refusals(flows, windows, len(segments))
    stage("chains")
    chains = build_chains(sides, len(segments), workers)
    matches = match_ipvs(ipvs, segments, chains, ahead)
    return Joined(windows, entries, sides, segments, chains, refused, ahead, matches)


def _first_wires(joined: Joined, cluster: Cluster) -> Words:
    """Hash of the first wire key of each path, shape (paths,)."""
    chains, wire = joined.chains, np.empty(len(joined.chains), np.uint64)
    for numbers, segments in joined.segments.parts():
        first = np.flatnonzero(chains.position[numbers] == 0)
        roots = segments.tuples.take(first)
        wire[chains.path[numbers][first]] = wire_hashes(roots, cluster.hashes, cluster.pools)
    return wire


def _know_paths(group: Group, cluster: Cluster) -> Paths:
    stitched = group.stitched
    ends = find_endpoints(stitched, cluster)
    legs = observe_legs(stitched, ends, cluster)
    verdicts = judge(stitched, ends, legs, group.shared, cluster)
    nat = find_translations(stitched, ends)
    scenario, server_scenario, reasons = classify(stitched, ends, nat, verdicts, cluster)
    scenarios = {"client": scenario, "server": server_scenario}
    drift, drifts = find_drift(stitched, ends, scenarios, legs, verdicts, cluster)
    match = find_match(stitched, ends, scenarios, legs, verdicts, cluster)
    held = snat_held_until(group, nat, verdicts, cluster)
    return Paths(ends, legs, nat, verdicts, scenario, server_scenario, reasons, match, held, drift, drifts)


def _in_order(by_path: Ints, chains: Chains) -> Ints:
    """Segments by the order of their paths and their position there, which counts from 0 without a gap."""
    begins, count = np.empty_like(by_path), np.bincount(chains.path, minlength=len(chains))
    begins[by_path] = np.cumsum(count[by_path]) - count[by_path]
    order = np.empty_like(chains.path)
    order[begins[chains.path] + chains.position] = np.arange(order.shape[0])
    return order
