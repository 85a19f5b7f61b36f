"""Kernels hold no state: what one thread finds, two at a time find too."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from flowstitch.arrays import Columns
from flowstitch.ingest.addresses import build_addresses
from flowstitch.ingest.inventory import finish_inventory
from flowstitch.ingest.read import read_export
from flowstitch.join.dataplane import load_dataplane
from flowstitch.join.reconstruct import Reconstruction, reconstruct
from flowstitch.normalize.columns import Pools, to_arrow
from flowstitch.normalize.pieces import Pieces


def join(node: Path) -> tuple[Reconstruction, Pools]:
    pools = Pools()
    export = read_export(
        [str(node), str(node.parents[1] / "inventory"), str(node.parents[1] / "vpc-flow")], pools
    )
    finish_inventory(export.inventory)
    addresses = build_addresses(export.inventory)
    dataplane = load_dataplane("terway-eniip")
    rows = export.rows, export.inventory, addresses, export.sources, export.accounts
    return reconstruct(*rows, dataplane, pools, lambda _: None), pools


def whole(table: str, made: Columns | Pieces) -> Columns:
    return made.columns(table) if isinstance(made, Pieces) else made


def test_two_threads_find_what_one_finds(capture: Path) -> None:
    nodes = sorted((capture / "nodes").iterdir())
    alone = [join(node) for node in nodes]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(join, nodes))
    for (one, one_pools), (two, two_pools) in zip(alone, together, strict=True):
        for table in ("datapaths", "segments", "observations", "unmatched"):
            found, wanted = (
                to_arrow(table, whole(table, getattr(join, table)), pools)
                for join, pools in ((two, two_pools), (one, one_pools))
            )
            assert found.equals(wanted), table
        assert np.unique(whole("datapaths", one.datapaths)["path_id"]).shape[0] > 1000
