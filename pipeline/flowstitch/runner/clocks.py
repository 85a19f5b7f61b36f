"""How far clocks are apart, from the rows of an export alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowstitch.ingest.addresses import build_addresses
from flowstitch.join.buckets import Workers
from flowstitch.join.clocks import flow_log_offset
from flowstitch.join.entries import build_entries
from flowstitch.join.owners import local_addresses
from flowstitch.join.rows import in_one_bucket
from flowstitch.join.segments import build_segments
from flowstitch.join.windows import Covered
from flowstitch.normalize.scratch import Scratch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowstitch.arrays import Columns
    from flowstitch.ingest.model import Inventory
    from flowstitch.normalize.columns import Pools

WORTH_SAYING_US = 1_000_000


def compare_clocks(conntrack: Columns, flows: Columns, inventory: Inventory, pools: Pools) -> dict[str, int]:
    """How far each node's clock is ahead of the flow logs' (without any: of the nodes' common one), µs, by node.

    Parameters
    ----------
    conntrack, flows : columns of those tables; part of the rows of an export will do.
    inventory : as ``finish_inventory`` left it.

    Returns
    -------
    As ``clock_offsets_us`` of a run: 0 where the clocks agree or too few connections tell.
    """
    local = local_addresses(build_addresses(inventory), inventory, pools)
    scratch, one_bucket, first = Scratch(), 0, 0
    with Workers(1) as workers:
        rows = in_one_bucket(conntrack, workers)
        entries = build_entries(rows, inventory.facts, local, pools, scratch, workers)
        _, segments, _, ahead = build_segments(entries, pools.names.ranks(), one_bucket, scratch, workers)
    offset = flow_log_offset(Covered(flows, segments.of(first)).clock_samples())
    return {pools.names.word(node) or "": int(ahead[node]) - offset for node in entries.nodes.tolist()}


def clock_warnings(offsets_us: Mapping[str, int]) -> list[str]:
    """A sentence for each clock that is a second or more off."""
    return [
        f"{node}: its clock is {offset / 1e6:+.1f} s off the other nodes'; times were compared with that in mind."
        for node, offset in sorted(offsets_us.items())
        if abs(offset) >= WORTH_SAYING_US
    ]
