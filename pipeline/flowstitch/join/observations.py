"""What each input row shows: rows of ``observations`` and ``unmatched``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog import field
from flowstitch.catalog.protocols import protocol_names
from flowstitch.join.legs import LEGS
from flowstitch.join.windows import REASONS
from flowstitch.normalize.columns import concat_columns, null_columns, span_of, take_columns
from flowstitch.normalize.pieces import cut, source_spans

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns, Ints, Words
    from flowstitch.ingest.model import Account, Source
    from flowstitch.join.chains import Chains
    from flowstitch.join.endpoints import Endpoints
    from flowstitch.join.legs import Legs
    from flowstitch.join.stitched import Cluster, Stitched
    from flowstitch.join.windows import Windows
    from flowstitch.normalize.columns import Pools
    from flowstitch.normalize.pieces import Pieces


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
    """Rows of ``observations``, made a slice of input rows at a time."""

    def __init__(
        self, stitched: Stitched, ends: Endpoints, ids: Words, kinds: Ints, cluster: Cluster
    ) -> None:
        """What all of them go by.

        Parameters
        ----------
        ids : ``path_id`` of each path.
        kinds : by name code of a source, the name code of its kind.
        """
        self._stitched, self._ends, self._ids, self._kinds, self._cluster = (
            stitched,
            ends,
            ids,
            kinds,
            cluster,
        )

    def conntrack(self, rows: Columns) -> Callable[[slice], Columns]:
        """Of conntrack rows, columns of the table ``conntrack``: each belongs to the path of its entry."""
        entries, chains, ends = self._stitched.entries, self._stitched.chains, self._ends
        segment = self._stitched.sides.segment[: len(entries)]
        entry_path, entry_position = chains.path[segment], chains.position[segment].astype(np.int32)
        part = field("part")
        # whose row it is follows from its entry
        client = ends.client.node[entry_path]
        lead = ends.lead[entry_path] == np.arange(len(entries))
        at_server = entries.node == ends.server.node[entry_path]
        at_client = (entries.node == client) | (lead & (client == 0) & ~at_server)
        entry_part = np.select(
            [at_client, at_server], [part.code("client"), part.code("server")], part.code("transit")
        ).astype(np.uint8)

        def make(wanted: slice) -> Columns:
            entry = entries.row_entry[wanted]
            some = take_columns(rows, wanted)
            out: Columns = {name: some[name] for name in ("source", "line", "node")}
            out["kind"] = self._kinds[some["source"]].astype(np.uint32)
            out["path_id"] = self._ids[entry_path[entry]]
            out["position"], out["part"] = entry_position[entry], entry_part[entry]
            for name in ("packets", "bytes"):
                counted = some[f"orig_{name}"] >= 0
                out[name] = np.where(counted, some[f"orig_{name}"] + some[f"reply_{name}"], -1)
            out["first_seen"] = out["last_seen"] = some["seen_at"]
            out["shared_by"] = np.ones(entry.shape[0], np.int64)
            return null_columns("observations", entry.shape[0]) | out

        return make

    def flows(
        self, rows: Columns, places: NDArray[np.uint32], shared: Ints, legs: Legs
    ) -> Callable[[slice], Columns]:
        """Of flow-log rows: one per row and path, by the path's id, and one for each row without a path.

        Parameters
        ----------
        rows : columns of the table ``flows`` as they were read.
        places : shape (rows,), where each of them stands among the stitched ones.
        shared : shape (rows,), by place, how many paths each row belongs to.
        """
        windows, pools = self._stitched.windows, self._cluster.pools
        part = field("part")
        legs_code = np.array([part.code(name) for name in LEGS] + [0], np.uint8)
        reasons = pools.names.codes(REASONS)

        def make(wanted: slice) -> Columns:
            some, place = take_columns(rows, wanted), places[wanted]
            pair, of_row = _first_pairs(windows, legs, self._ids, place)
            # a row without a path has one row all the same
            held = np.bincount(of_row, minlength=place.shape[0])
            alone = held == 0
            row = np.repeat(np.arange(held.shape[0]), np.maximum(held, 1))
            told = ~alone[row]
            if row.shape[0] > held.shape[0]:
                some = take_columns(some, row)
            path, leg = legs.pair_path[pair], legs.pair_leg[pair]
            transit = np.where(
                windows.forward[pair], part.code("forward_transit"), part.code("return_transit")
            )
            out = null_columns("observations", row.shape[0])
            out |= {name: some[name] for name in ("source", "line", "eni", "packets", "bytes")}
            out["kind"] = self._kinds[some["source"]].astype(np.uint32)
            out["node"] = self._cluster.enis.node[some["eni"]].astype(np.uint32)
            out["path_id"][told] = self._ids[path]
            out["position"][told] = self._stitched.chains.position[windows.segment[pair]]
            out["part"][told] = np.where(leg >= 0, legs_code[leg], transit)
            out["reason"][~told] = reasons[windows.reason[place[alone]]]
            out["first_seen"], out["last_seen"] = some["window_start"], some["window_end"]
            out["shared_by"] = shared[place][row]
            return out

        return make

    def ipvs(self, rows: Columns) -> Callable[[slice], Columns]:
        """Of IPVS connections, columns of the table ``ipvs_connections``."""
        part, names = field("part"), self._cluster.pools.names

        def make(wanted: slice) -> Columns:
            path, some = self._stitched.ipvs.path[wanted], take_columns(rows, wanted)
            found = path >= 0
            out = null_columns("observations", path.shape[0])
            out |= {name: some[name] for name in ("source", "line", "node")}
            out["kind"] = self._kinds[some["source"]].astype(np.uint32)
            out["path_id"][found] = self._ids[path[found]]
            out["position"][found] = 0
            own = found & (some["node"] == self._ends.client.node[np.maximum(path, 0)])
            out["part"] = np.select([own, found], [part.code("client"), part.code("transit")], 0).astype(
                np.uint8
            )
            out["reason"] = np.where(found, 0, names.code(NO_CONNECTION)).astype(np.uint32)
            out["first_seen"] = out["last_seen"] = some["seen_at"]
            out["shared_by"] = found.astype(np.int64)
            return out

        return make

    def connections(self, rows: Columns) -> Callable[[slice], Columns]:
        """Of connections to load balancers, columns of the table ``lb_connections``; no path has them as evidence."""
        reason = self._cluster.pools.names.code(NO_BACKEND)

        def make(wanted: slice) -> Columns:
            some = take_columns(rows, wanted)
            out = null_columns("observations", some["line"].shape[0])
            out |= {name: some[name] for name in ("source", "line")}
            out["kind"] = self._kinds[some["source"]].astype(np.uint32)
            out["reason"][:] = reason
            out["first_seen"], out["last_seen"] = span_of(some, "opened_at", "closed_at")
            out["shared_by"][:] = 0
            return out

        return make


def _first_pairs(windows: Windows, legs: Legs, ids: Words, place: NDArray[np.uint32]) -> tuple[Ints, Ints]:
    """Pairs of some rows by (row, path's id), and the row of each as an index into ``place``.

    Of each path it is the pair of the highest leg: two segments of a path count once.
    """
    begin = windows.offsets[place]
    count = windows.offsets[place.astype(np.int64) + 1] - begin
    row = np.repeat(np.arange(place.shape[0]), count)
    pair = np.arange(row.shape[0]) + np.repeat(begin - (np.cumsum(count) - count), count)
    several = np.flatnonzero(count[row] > 1)
    if not several.shape[0]:
        return pair, row
    many = pair[several]
    order = np.lexsort((-legs.pair_leg[many], ids[legs.pair_path[many]], row[several]))
    pair[several] = many[order]
    path = legs.pair_path[pair]
    fresh = np.ones(pair.shape[0], np.bool_)
    fresh[1:] = (row[1:] != row[:-1]) | (path[1:] != path[:-1])
    return pair[fresh], row[fresh]


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


def all_observations(parts: Sequence[tuple[Ints, Callable[[slice], Columns]]], ranks: Ints) -> Pieces:
    """All rows of ``observations`` by source, line and path.

    Parameters
    ----------
    parts : of each kind of row the sources, name codes, together as ``by_source`` has them, and what makes them.
    ranks : by name code, the place of each name in sorted order.
    """
    spans = [span for source, make in parts for span in source_spans(source, make)]
    return cut(span for _, span in sorted(spans, key=lambda span: ranks[span[0]]))


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
