"""What each input row shows: rows of ``observations`` and ``unmatched``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog import field
from flowstitch.catalog.protocols import protocol_names
from flowstitch.join.legs import LEGS
from flowstitch.join.windows import REASONS
from flowstitch.normalize.columns import concat_columns, null_columns, span_of, take_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowstitch.arrays import Columns, Ints, Words
    from flowstitch.ingest.model import Account, Source
    from flowstitch.join.chains import Chains
    from flowstitch.join.endpoints import Endpoints
    from flowstitch.join.legs import Legs
    from flowstitch.join.stitched import Cluster, Stitched
    from flowstitch.join.windows import Windows
    from flowstitch.normalize.columns import Pools


INVENTORY = "inventory"
NO_CONNECTION = "no connection with its source and server"
NO_BACKEND = "a connection to a load balancer, whose backend is not logged"


def paths_per_row(windows: Windows, chains: Chains) -> Ints:
    """How many paths each flow-log row belongs to, shape (rows,); two segments of one path count once."""
    path = chains.path[windows.segment]
    order = np.lexsort((path, windows.row))
    fresh = np.ones(order.shape[0], np.bool_)
    row, path = windows.row[order], path[order]
    fresh[1:] = (row[1:] != row[:-1]) | (path[1:] != path[:-1])
    return np.bincount(row[fresh], minlength=windows.offsets.shape[0] - 1).astype(np.int64)


def conntrack_observations(
    rows: Columns, stitched: Stitched, ends: Endpoints, ids: Words, kinds: Ints
) -> Columns:
    """Rows of ``observations`` for conntrack rows: each belongs to the path of its entry.

    Parameters
    ----------
    rows : columns of the table ``conntrack``.
    kinds : by name code of a source, the name code of its kind.
    """
    entries, sides, chains = stitched.entries, stitched.sides, stitched.chains
    part = field("part")
    path = chains.path[sides.segment[entries.row_entry]]
    node = rows["node"].astype(np.int64)
    lead = entries.row_entry == ends.lead[path]
    at_client = (node == ends.client.node[path]) | (
        lead & (ends.client.node[path] == 0) & (node != ends.server.node[path])
    )
    out = null_columns("observations", path.shape[0])
    out |= {name: rows[name] for name in ("source", "line", "node")}
    out["kind"] = kinds[rows["source"]].astype(np.uint32)
    out["path_id"] = ids[path]
    out["position"] = chains.position[sides.segment[entries.row_entry]].astype(np.int32)
    out["part"] = np.select(
        [at_client, node == ends.server.node[path]], [part.code("client"), part.code("server")], part.code("transit")
    ).astype(np.uint8)  # fmt: skip
    for name in ("packets", "bytes"):
        counted = rows[f"orig_{name}"] >= 0
        out[name] = np.where(counted, rows[f"orig_{name}"] + rows[f"reply_{name}"], -1)
    out["first_seen"] = out["last_seen"] = rows["seen_at"]
    out["shared_by"] = np.ones(path.shape[0], np.int64)
    return out


def flow_observations(
    stitched: Stitched, shared: Ints, legs: Legs, ids: Words, kinds: Ints, cluster: Cluster
) -> Columns:
    """Rows of ``observations`` for flow-log rows: one per row and path, and one for each row without a path.

    Parameters
    ----------
    shared : shape (rows,), how many paths each row belongs to.
    kinds : by name code of a source, the name code of its kind.
    """
    flows, windows, pools = stitched.flows, stitched.windows, cluster.pools
    part = field("part")
    path, leg = legs.pair_path, legs.pair_leg
    order = np.lexsort((-leg, path, windows.row))
    fresh = np.ones(order.shape[0], np.bool_)
    row, owner = windows.row[order], path[order]
    fresh[1:] = (row[1:] != row[:-1]) | (owner[1:] != owner[:-1])
    pair = order[fresh]
    alone = np.flatnonzero(np.diff(windows.offsets) == 0)
    legs_code = np.array([part.code(name) for name in LEGS] + [0])
    transit = np.where(windows.forward[pair], part.code("forward_transit"), part.code("return_transit"))
    rows = np.concatenate([windows.row[pair], alone])
    out = null_columns("observations", rows.shape[0])
    out |= {name: flows[name][rows] for name in ("source", "line", "eni", "packets", "bytes")}
    out["kind"] = kinds[flows["source"][rows]].astype(np.uint32)
    out["node"] = cluster.enis.node[flows["eni"][rows]].astype(np.uint32)
    out["path_id"][: pair.shape[0]] = ids[path[pair]]
    out["position"][: pair.shape[0]] = stitched.chains.position[windows.segment[pair]]
    out["part"][: pair.shape[0]] = np.where(leg[pair] >= 0, legs_code[leg[pair]], transit)
    out["reason"] = pools.names.codes(REASONS)[
        np.where(np.arange(rows.shape[0]) < pair.shape[0], 0, windows.reason[rows])
    ]
    out["first_seen"], out["last_seen"] = flows["window_start"][rows], flows["window_end"][rows]
    out["shared_by"] = shared[rows]
    return out


def ipvs_observations(
    rows: Columns, stitched: Stitched, ends: Endpoints, ids: Words, kinds: Ints, pools: Pools
) -> Columns:
    """Rows of ``observations`` for IPVS connections.

    Parameters
    ----------
    rows : columns of the table ``ipvs_connections``.
    kinds : by name code of a source, the name code of its kind.
    """
    part, path = field("part"), stitched.ipvs.path
    found = path >= 0
    node = rows["node"].astype(np.int64)
    out = null_columns("observations", path.shape[0])
    out |= {name: rows[name] for name in ("source", "line", "node")}
    out["kind"] = kinds[rows["source"]].astype(np.uint32)
    out["path_id"][found] = ids[path[found]]
    out["position"][found] = 0
    own = found & (node == ends.client.node[np.maximum(path, 0)])
    out["part"] = np.select([own, found], [part.code("client"), part.code("transit")], 0).astype(np.uint8)
    out["reason"] = np.where(found, 0, pools.names.code(NO_CONNECTION)).astype(np.uint32)
    out["first_seen"] = out["last_seen"] = rows["seen_at"]
    out["shared_by"] = found.astype(np.int64)
    return out


def connection_observations(rows: Columns, kinds: Ints, pools: Pools) -> Columns:
    """Rows of ``observations`` for connections to load balancers; no path has them as evidence.

    Parameters
    ----------
    rows : columns of the table ``lb_connections``.
    kinds : by name code of a source, the name code of its kind.
    """
    out = null_columns("observations", rows["line"].shape[0])
    out |= {name: rows[name] for name in ("source", "line")}
    out["kind"] = kinds[rows["source"]].astype(np.uint32)
    out["reason"][:] = pools.names.code(NO_BACKEND)
    out["first_seen"], out["last_seen"] = span_of(rows, "opened_at", "closed_at")
    out["shared_by"][:] = 0
    return out


def inventory_observations(sources: Sequence[Source], accounts: Sequence[Account], pools: Pools) -> Columns:
    """Rows of ``observations`` for what was read into the inventory; no path has them as evidence."""
    parts = []
    for source, account in zip(sources, accounts, strict=True):
        if not account.lines:
            continue
        part = null_columns("observations", len(account.lines))
        part["source"][:] = pools.names.code(source.name)
        part["line"] = np.array(account.lines, np.int64)
        part["kind"][:] = pools.names.code(source.kind)
        part["node"][:] = pools.names.code(source.node)
        part["reason"][:] = pools.names.code(INVENTORY)
        part["shared_by"][:] = 0
        parts.append(part)
    return concat_columns("observations", parts)


def unmatched_flows(flows: Columns, windows: Windows, kinds: Ints, pools: Pools) -> Columns:
    """Rows of ``unmatched``: flow-log rows that belong to no path, with the reason."""
    rows = np.flatnonzero(np.diff(windows.offsets) == 0)
    chosen = take_columns(flows, rows)
    out = null_columns("unmatched", rows.shape[0])
    out |= {name: chosen[name] for name in out if name in chosen}
    protocols = np.append(pools.names.codes(protocol_names()), 0).astype(np.uint32)
    out["protocol"] = protocols[chosen["protocol_number"]]
    out["kind"] = kinds[chosen["source"]].astype(np.uint32)
    out["reason"] = pools.names.codes(REASONS)[windows.reason[rows]]
    return out


def source_kinds(sources: Sequence[Source], pools: Pools) -> Ints:
    """Name code of each source's kind, by the name code of the source."""
    pairs = [(pools.names.code(source.name), pools.names.code(source.kind)) for source in sources]
    kinds = np.zeros(len(pools.names), np.int64)
    for name, kind in pairs:
        kinds[name] = kind
    return kinds
