"""Kernels hold no state: what one thread finds, two at a time find too."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from flowstitch.ingest.addresses import build_addresses
from flowstitch.ingest.inventory import finish_inventory
from flowstitch.ingest.read import read_export
from flowstitch.join.dataplanes import load_dataplanes
from flowstitch.join.reconstruct import Reconstruction
from flowstitch.normalize.columns import Pools, to_arrow
from flowstitch.runner.coverage import holdings_of


def join(node: Path) -> tuple[Reconstruction, Pools]:
    pools = Pools()
    export = read_export(
        [str(node), str(node.parents[1] / "inventory"), str(node.parents[1] / "vpc-flow")], pools
    )
    finish_inventory(export.inventory)
    addresses = build_addresses(export.inventory)
    dataplanes = load_dataplanes("terway-eniip", export.inventory)
    held = holdings_of(export, pools)
    return Reconstruction(export, held, addresses, dataplanes, pools, lambda _: None), pools


def test_two_threads_find_what_one_finds(capture: Path) -> None:
    nodes = sorted((capture / "nodes").iterdir())
    alone = [join(node) for node in nodes]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(join, nodes))
    for (one, one_pools), (two, two_pools) in zip(alone, together, strict=True):
        assert one.parts == two.parts == 1
        found, wanted = two.part(0), one.part(0)
        for table in ("datapaths", "segments", "observations", "unmatched"):
            assert to_arrow(table, found[table], two_pools).equals(
                to_arrow(table, wanted[table], one_pools)
            ), table
        assert np.unique(wanted["datapaths"]["path_id"]).shape[0] > 1000
