"""What each input row shows: rows of ``observations`` and ``unmatched``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog import field
from flowstitch.catalog.protocols import protocol_names
from flowstitch.join.legs import LEGS
from flowstitch.join.windows import REASONS
from flowstitch.kernels.runs import by_run
from flowstitch.normalize.columns import concat_columns, null_columns, span_of, take_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns, Ints, Words
    from flowstitch.ingest.model import Account, Source
    from flowstitch.join.chains import Chains
    from flowstitch.join.groups import Group
    from flowstitch.join.stitched import Cluster, Paths
    from flowstitch.join.windows import Windows
    from flowstitch.normalize.columns import Pools


INVENTORY = "inventory"
NO_CONNECTION = "no connection with its source and server"
NO_BACKEND = "a connection to a load balancer, whose backend is not logged"


def paths_per_row(windows: Windows, chains: Chains) -> Ints:
    """How many paths each flow-log row belongs to, shape (rows,); two segments of one path count once."""
    count = np.diff(windows.offsets)
    pairs = np.flatnonzero(count[windows.row] > 1)
    row, path = windows.row[pairs], chains.path[windows.segment[pairs]]
    order = np.lexsort((path, row))
    row, path = row[order], path[order]
    again = (row[1:] == row[:-1]) & (path[1:] == path[:-1])
    np.subtract.at(count, row[1:][again], 1)
    return count


class Observed:
    """What rows show of the paths of a group, and of no path: rows of ``observations`` and ``unmatched``."""

    def __init__(self, group: Group, paths: Paths, ids: Words, kinds: Ints, cluster: Cluster) -> None:
        """What all of them go by.

        Parameters
        ----------
        ids : ``path_id`` of each path.
        kinds : by name code of a source, the name code of its kind.
        """
        self._group, self._paths, self._ids, self._kinds, self._cluster = group, paths, ids, kinds, cluster

    def observations(self, by_path: Ints) -> Columns:
        """All rows by path, source and line, behind them those without a path by source and line.

        Parameters
        ----------
        by_path : shape (paths,), the order of paths.
        """
        rank = np.empty(by_path.shape[0] + 1, np.int64)
        rank[by_path] = np.arange(by_path.shape[0])
        rank[-1] = by_path.shape[0]
        told = [self._conntrack(), self._flows(), self._ipvs(), self._alone()]
        number, parts = rank[np.concatenate([path for path, _ in told])], [part for _, part in told]
        source, line = (np.concatenate([part[name] for part in parts]) for name in ("source", "line"))
        order, _ = by_run(number, rank.shape[0], self._cluster.pools.names.ranks()[source], line)
        # a column at a time, each forgotten where it stood: whole, a part three times over is the most that a run has in memory
        return {name: np.concatenate([part.pop(name) for part in parts])[order] for name in list(parts[0])}

    def _told(self, rows: Columns, known: Columns) -> Columns:
        """All columns of rows, null where they are not known."""
        kind = self._kinds[rows["source"]].astype(np.uint32)
        known |= {"source": rows["source"], "line": rows["line"], "kind": kind}
        return null_columns("observations", kind.shape[0], known)

    def _conntrack(self) -> tuple[Ints, Columns]:
        """Of conntrack rows: each belongs to the path of its entry; whose row it is follows from that entry."""
        stitched, ends, rows, part = (
            self._group.stitched,
            self._paths.ends,
            self._group.conntrack,
            field("part"),
        )
        entries, chains = stitched.entries, stitched.chains
        segment = stitched.sides.originals(len(entries))
        entry_path, position = chains.path[segment], chains.position[segment].astype(np.int32)
        client = ends.client.node[entry_path]
        lead = ends.lead[entry_path] == np.arange(len(entries))
        at_server = entries.node == ends.server.node[entry_path]
        at_client = (entries.node == client) | (lead & (client == 0) & ~at_server)
        entry_part = np.select(
            [at_client, at_server], [part.code("client"), part.code("server")], part.code("transit")
        ).astype(np.uint8)
        entry = entries.row_entry
        path = entry_path[entry]
        out: Columns = {
            "node": rows["node"],
            "path_id": self._ids[path],
            "position": position[entry],
            "part": entry_part[entry],
            "shared_by": np.ones(path.shape[0], np.int32),
        }
        for name in ("packets", "bytes"):
            counted = rows[f"orig_{name}"] >= 0
            out[name] = np.where(counted, rows[f"orig_{name}"] + rows[f"reply_{name}"], -1)
            out[f"reply_{name}"] = np.where(counted, rows[f"reply_{name}"], -1)
        out["first_seen"] = out["last_seen"] = rows["seen_at"]
        return path, self._told(rows, out)

    def _flows(self) -> tuple[Ints, Columns]:
        """Of flow-log rows: one per row and path, by the pair of the highest leg where two segments of the path have it."""
        group, windows, legs, part = (
            self._group,
            self._group.stitched.windows,
            self._paths.legs,
            field("part"),
        )
        pairs = _once(group.row, legs.pair_path, legs.pair_leg)
        path, leg = legs.pair_path[pairs], legs.pair_leg[pairs]
        rows = take_columns(group.stitched.flows, pairs)
        codes = np.array([part.code(name) for name in LEGS] + [0], np.uint8)
        ahead = windows.forward[pairs]
        transit = np.where(ahead, part.code("forward_transit"), part.code("return_transit"))
        out: Columns = {
            "path_id": self._ids[path],
            "position": group.stitched.chains.position[windows.segment[pairs]].astype(np.int32),
            "part": np.where(leg >= 0, codes[leg], transit).astype(np.uint8),
            "shared_by": group.shared[pairs].astype(np.int32),
        }
        return path, self._logged(rows, out)

    def _alone(self) -> tuple[Ints, Columns]:
        """Of flow-log rows that are on no path."""
        reason = self._reasons()
        out: Columns = {"reason": reason, "shared_by": np.zeros(reason.shape[0], np.int32)}
        return np.full(reason.shape[0], -1, np.int64), self._logged(self._group.alone, out)

    def _logged(self, rows: Columns, known: Columns) -> Columns:
        """The same, of rows of a flow log."""
        known |= {name: rows[name] for name in ("eni", "packets", "bytes")}
        known["node"] = self._cluster.enis.node[rows["eni"]].astype(np.uint32)
        known["first_seen"], known["last_seen"] = rows["window_start"], rows["window_end"]
        return self._told(rows, known)

    def _reasons(self) -> NDArray[np.uint32]:
        return self._cluster.pools.names.codes(REASONS)[self._group.reason]

    def _ipvs(self) -> tuple[Ints, Columns]:
        """Of IPVS connections on a path."""
        rows, path, part = self._group.ipvs, self._group.stitched.ipvs.path, field("part")
        own = rows["node"] == self._paths.ends.client.node[path]
        out: Columns = {
            "node": rows["node"],
            "path_id": self._ids[path],
            "position": np.zeros(path.shape[0], np.int32),
            "part": np.where(own, part.code("client"), part.code("transit")).astype(np.uint8),
            "shared_by": np.ones(path.shape[0], np.int32),
        }
        out["first_seen"] = out["last_seen"] = rows["seen_at"]
        return path, self._told(rows, out)

    def unmatched(self) -> Columns:
        """Rows of ``unmatched``: flow-log rows that are on no path, by source and line."""
        rows, names = self._group.alone, self._cluster.pools.names
        out = null_columns("unmatched", rows["line"].shape[0])
        out |= {name: rows[name] for name in out if name in rows}
        protocols = np.append(names.codes(protocol_names()), 0).astype(np.uint32)
        out["protocol"] = protocols[rows["protocol_number"]]
        out["kind"] = self._kinds[rows["source"]].astype(np.uint32)
        out["reason"] = self._reasons()
        return take_columns(out, by_line(out, self._cluster.pools))


def _once(row: Ints, path: Ints, leg: Ints) -> Ints:
    """Of each row and path the pair with the highest leg; pairs of a row are together."""
    again = np.append(False, row[1:] == row[:-1])
    several = np.flatnonzero(again | np.append(again[1:], False))
    if not several.shape[0]:
        return np.arange(row.shape[0])
    order = several[np.lexsort((-leg[several], path[several], row[several]))]
    fresh = np.ones(order.shape[0], np.bool_)
    fresh[1:] = (row[order][1:] != row[order][:-1]) | (path[order][1:] != path[order][:-1])
    lone = np.ones(row.shape[0], np.bool_)
    lone[several] = False
    return np.concatenate([np.flatnonzero(lone), order[fresh]])


def by_line(columns: Columns, pools: Pools) -> Ints:
    """Rows by source and line."""
    return np.lexsort((columns["line"], pools.names.ranks()[columns["source"]]))


def ipvs_observations(rows: Columns, kinds: Ints, pools: Pools) -> Columns:
    """Rows of ``observations`` for IPVS connections that are on no path, columns of the table ``ipvs_connections``."""
    out = _without_path(rows, NO_CONNECTION, kinds, pools) | {"node": rows["node"]}
    out["first_seen"] = out["last_seen"] = rows["seen_at"]
    return out


def connection_observations(rows: Columns, kinds: Ints, pools: Pools) -> Columns:
    """Rows of ``observations`` for connections to load balancers, columns of the table ``lb_connections``; no path has them as evidence."""
    out = _without_path(rows, NO_BACKEND, kinds, pools)
    out["first_seen"], out["last_seen"] = span_of(rows, "opened_at", "closed_at")
    return out


def _without_path(rows: Columns, reason: str, kinds: Ints, pools: Pools) -> Columns:
    out = null_columns("observations", rows["line"].shape[0]) | {
        name: rows[name] for name in ("source", "line")
    }
    out["kind"] = kinds[rows["source"]].astype(np.uint32)
    out["reason"][:] = pools.names.code(reason)
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


def source_kinds(sources: Sequence[Source], pools: Pools) -> Ints:
    """Name code of each source's kind, by the name code of the source."""
    pairs = [(pools.names.code(source.name), pools.names.code(source.kind)) for source in sources]
    kinds = np.zeros(len(pools.names), np.int64)
    for name, kind in pairs:
        kinds[name] = kind
    return kinds
