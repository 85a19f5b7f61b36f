"""From canonical columns to the result's tables: the stages of the join, in order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.join.attempts import split_attempts
from flowstitch.join.buckets import Workers, bucket_bits
from flowstitch.join.chains import build_chains
from flowstitch.join.classify import classify, find_drift, find_translations
from flowstitch.join.emit import datapath_columns, path_ids, segment_columns
from flowstitch.join.endpoints import find_endpoints
from flowstitch.join.entries import build_entries
from flowstitch.join.ipvs import match_ipvs
from flowstitch.join.legs import observe_legs
from flowstitch.join.observations import (
    Observed,
    all_observations,
    inventory_observations,
    paths_per_row,
    source_kinds,
    unmatched_flows,
)
from flowstitch.join.refusals import attribute_refusals
from flowstitch.join.requests import (
    attribute_requests,
    request_columns,
    request_observations,
    unmatched_requests,
)
from flowstitch.join.segments import build_segments
from flowstitch.join.stitched import Cluster, Paths, Stitched, know_cluster
from flowstitch.join.unsaid import hidden_addresses, infer_directions
from flowstitch.join.verdicts import judge
from flowstitch.join.windows import attach_windows, flow_buckets
from flowstitch.normalize.columns import concat_columns, take_columns
from flowstitch.normalize.pieces import by_source, sorted_pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns, Ints
    from flowstitch.ingest.model import Account, Inventory, Source
    from flowstitch.join.chains import Chains
    from flowstitch.join.dataplane import Dataplane
    from flowstitch.normalize.columns import Pools
    from flowstitch.normalize.pieces import Pieces


@dataclass(frozen=True)
class Reconstruction:
    """What the join found.

    Attributes
    ----------
    datapaths, segments, observations : the tables of those names, to be made while they are written.
    lb_requests, unmatched : columns of those tables in their final order.
    clock_offsets_us : by node, how far its clock is ahead of the common one.
    left_out : translations that could not be linked because another one was already there.
    """

    datapaths: Pieces
    segments: Pieces
    lb_requests: Columns
    observations: Pieces
    unmatched: Columns
    clock_offsets_us: dict[str, int]
    left_out: int


def reconstruct(
    rows: Mapping[str, Columns], inventory: Inventory, addresses: Sequence[dict[str, Any]],
    sources: Sequence[Source], accounts: Sequence[Account], dataplane: Dataplane, pools: Pools,
    stage: Callable[[str], None], threads: int = 1,
) -> Reconstruction:  # fmt: skip
    """Stitch all rows into datapaths.

    Parameters
    ----------
    rows : columns of the canonical tables by name.
    addresses : rows of the table ``addresses``.
    sources, accounts : what was read, in the same order.
    stage : is told the name of each stage as it begins.
    threads : how many work at the same time; the result does not depend on it.
    """
    rows = {name: by_source(columns) for name, columns in rows.items()}
    conntrack, ipvs = rows["conntrack"], rows["ipvs_connections"]
    attempts = split_attempts(rows["requests"], pools)
    cluster = know_cluster(inventory, addresses, dataplane, pools)
    with Workers(threads) as workers:
        stitched, places = _stitch(rows, cluster, workers, stage)
    flows, windows, chains, ahead = stitched.flows, stitched.windows, stitched.chains, stitched.ahead
    stage("datapaths")
    shared = paths_per_row(windows, chains)
    paths = _know_paths(stitched, shared, cluster)
    stage("tables")
    ids, flow_key, wire = path_ids(stitched, paths.ends, paths.verdicts.first, pools)
    requests = attribute_requests(rows["requests"], attempts, stitched, paths, shared, ids)
    kinds = source_kinds(sources, pools)
    by_path = np.lexsort((ids, paths.verdicts.first, wire))
    by_segment = _in_order(by_path, chains)
    observed = Observed(stitched, paths.ends, ids, kinds, cluster)
    read = request_observations(requests, ids, kinds, pools), inventory_observations(sources, accounts, pools)
    observations = all_observations(
        [
            (conntrack["source"], observed.conntrack(conntrack)),
            (rows["flows"]["source"], observed.flows(rows["flows"], places, shared, paths.legs)),
            (ipvs["source"], observed.ipvs(ipvs)),
            (rows["lb_connections"]["source"], observed.connections(rows["lb_connections"])),
            *((columns["source"], partial(take_columns, columns)) for columns in read),
        ],
        pools.names.ranks(),
    )
    unmatched = concat_columns(
        "unmatched",
        [unmatched_flows(flows, windows, kinds, pools), unmatched_requests(requests, kinds, pools)],
    )
    known = {
        pools.names.word(node) or "": int(ahead[node]) for node in np.unique(stitched.entries.node).tolist()
    }
    return Reconstruction(
        sorted_pieces(by_path, datapath_columns(paths, stitched, ids, flow_key, cluster)),
        sorted_pieces(by_segment, segment_columns(stitched, ids, pools)),
        request_columns(requests, ids, pools.names.ranks()),
        observations,
        take_columns(unmatched, _by_line(unmatched, pools)),
        known,
        chains.left_out,
    )


def _stitch(
    rows: Mapping[str, Columns], cluster: Cluster, workers: Workers, stage: Callable[[str], None]
) -> tuple[Stitched, NDArray[np.uint32]]:
    """Rows stitched into chains, and where each flow-log row stands among them, shape (rows,)."""
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
    return Stitched(flows, windows, entries, sides, segments, chains, refused, ahead, matches), buckets.places


def _know_paths(stitched: Stitched, shared: Ints, cluster: Cluster) -> Paths:
    ends = find_endpoints(stitched, cluster)
    legs = observe_legs(stitched, ends, cluster)
    verdicts = judge(stitched, ends, legs, shared, cluster)
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


def _by_line(columns: Columns, pools: Pools) -> Ints:
    """Rows by source and line."""
    return np.lexsort((columns["line"], pools.names.ranks()[columns["source"]]))
