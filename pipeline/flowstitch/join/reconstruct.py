"""From canonical columns to the result's tables: the stages of the join, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.join.chains import build_chains
from flowstitch.join.classify import classify, expected_forward_out, find_drift, find_translations
from flowstitch.join.emit import datapath_columns, path_ids, segment_columns
from flowstitch.join.endpoints import find_endpoints
from flowstitch.join.entries import build_entries
from flowstitch.join.legs import eni_facts, observe_legs
from flowstitch.join.observations import (
    conntrack_observations,
    flow_observations,
    inventory_observations,
    paths_per_row,
    source_kinds,
    unmatched_flows,
)
from flowstitch.join.owners import Owners, local_addresses, within
from flowstitch.join.segments import build_segments
from flowstitch.join.services import Services
from flowstitch.join.verdicts import judge
from flowstitch.join.windows import attach_windows
from flowstitch.normalize.columns import concat_columns, take_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from flowstitch.arrays import Columns, Ints
    from flowstitch.ingest.model import Account, Inventory, Source
    from flowstitch.join.dataplane import Dataplane
    from flowstitch.normalize.columns import Pools


@dataclass(frozen=True)
class Reconstruction:
    """What the join found.

    Attributes
    ----------
    datapaths, segments, observations, unmatched : columns of those tables in their final order.
    clock_offsets_us : by node, how far its clock is ahead of the common one.
    left_out : translations that could not be linked because another one was already there.
    """

    datapaths: Columns
    segments: Columns
    observations: Columns
    unmatched: Columns
    clock_offsets_us: dict[str, int]
    left_out: int


def reconstruct(
    conntrack: Columns, flows: Columns, inventory: Inventory, addresses: Sequence[dict[str, Any]],
    sources: Sequence[Source], accounts: Sequence[Account], dataplane: Dataplane, pools: Pools,
    stage: Callable[[str], None],
) -> Reconstruction:  # fmt: skip
    """Stitch all rows into datapaths.

    Parameters
    ----------
    conntrack, flows : columns of those tables.
    addresses : rows of the table ``addresses``.
    sources, accounts : what was read, in the same order.
    stage : is told the name of each stage as it begins.
    """
    owners, services = Owners(addresses, pools), Services(inventory, pools)
    local, lb_source = (
        local_addresses(addresses, inventory, pools),
        within(dataplane.lb_source_networks, pools),
    )
    enis = eni_facts(inventory, pools)
    stage("entries")
    entries = build_entries(conntrack, inventory.facts, local, pools)
    stage("segments")
    sides, seen, offsets = build_segments(entries, pools.names.ranks())
    windows, segments = attach_windows(flows, seen, services.ports)
    stage("chains")
    chains = build_chains(sides, len(segments))
    stage("datapaths")
    ends = find_endpoints(
        entries, sides, segments, chains, owners, services, inventory, local, lb_source, pools
    )
    legs = observe_legs(flows, windows, entries, chains, ends, enis, pools.names.ranks())
    shared = paths_per_row(windows, chains)
    verdicts = judge(
        flows, windows, shared, entries, sides, segments, chains, ends, legs, owners, enis, pools
    )  # fmt: skip
    nat = find_translations(entries, segments, chains, ends)
    scenario, reasons = classify(dataplane, services, chains, ends, nat, verdicts)
    forward_out = expected_forward_out(dataplane, inventory, chains, entries, ends, pools)
    drift = find_drift(dataplane, scenario, forward_out, legs, verdicts)
    stage("tables")
    ids, flow_key, wire = path_ids(entries, segments, chains, ends, verdicts, pools)
    datapaths = datapath_columns(
        dataplane, scenario, reasons, drift, flow_key, ids, chains, ends, legs, nat, verdicts, pools
    )  # fmt: skip
    by_path = np.lexsort((ids, verdicts.first, wire))
    parts = segment_columns(flows, windows, entries, sides, segments, chains, ids, pools)
    rank = np.argsort(by_path)
    by_segment = np.lexsort((chains.position, rank[chains.path]))
    kinds = source_kinds(sources, pools)
    observations = concat_columns(
        "observations",
        [
            conntrack_observations(conntrack, entries, sides, chains, ends, ids, kinds),
            flow_observations(flows, windows, shared, legs, ids, kinds, enis.node, pools),
            inventory_observations(sources, accounts, pools),
        ],
    )
    by_source = np.lexsort(
        (observations["path_id"], observations["line"], pools.names.ranks()[observations["source"]])
    )
    unmatched = unmatched_flows(flows, windows, kinds, pools)
    by_line = np.lexsort((unmatched["line"], pools.names.ranks()[unmatched["source"]]))
    known = {pools.names.word(node) or "": offset for node, offset in offsets.items()}
    return Reconstruction(
        _take(datapaths, by_path), _take(parts, by_segment), take_columns(observations, by_source),
        take_columns(unmatched, by_line), known, chains.left_out,
    )  # fmt: skip


def _take(columns: Columns, rows: Ints) -> Columns:
    return {
        name: values[rows] if isinstance(values, np.ndarray) else values.take(rows)
        for name, values in columns.items()
    }
