"""Paths by the hash of their first wire key: groups that are known, told and written one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flowstitch.arrays import take_rows
from flowstitch.join.buckets import into_buckets
from flowstitch.join.chains import Chains
from flowstitch.join.entries import EACH_ENTRY, Entries
from flowstitch.join.identity import PREFIX_BITS, hash_columns
from flowstitch.join.ipvs import IpvsMatches
from flowstitch.join.keys import Tuples, concat_tuples
from flowstitch.join.rows import BucketRows
from flowstitch.join.segments import Sides
from flowstitch.join.stitched import Stitched
from flowstitch.join.unsaid import infer_directions
from flowstitch.join.windows import Windows
from flowstitch.normalize.columns import take_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowstitch.arrays import Columns, Ints, Words
    from flowstitch.join.buckets import Buckets, Workers
    from flowstitch.join.stitched import Cluster
    from flowstitch.normalize.scratch import Scratch

# Rows of a group, about. A group is a file of each table, so that how a result is cut follows from the input alone.
GROUP_ROWS = 1 << 19
# What is told of a conntrack row, and what is asked of a flow-log row on a path.
OBSERVED = ("source", "line", "node", "seen_at", "orig_packets", "orig_bytes", "reply_packets", "reply_bytes")
_LOGGED = (
    "source", "line", "eni", "direction", "action", "tcp_flags", "packets", "bytes", "window_start", "window_end"
)  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Paths with all that belongs to them, numbered among themselves.

    Attributes
    ----------
    stitched : of its paths. It has a flow-log row for each segment that the row covers, so that row n is pair n.
    wire : shape (paths,), uint64, hash of the first wire key of each path.
    shared : shape (pairs,), how many paths the row of each pair belongs to.
    row : shape (pairs,), which row that is; two pairs of one row have the same number.
    conntrack, ipvs : rows of the tables ``conntrack`` and ``ipvs_connections`` on its paths; ``stitched`` has the entry and the path of each.
    alone : rows of the table ``flows`` that are on no path. reason : shape (alone,), why, see ``Windows``.
    """

    stitched: Stitched
    wire: Words
    shared: Ints
    row: Ints
    conntrack: Columns
    ipvs: Columns
    alone: Columns
    reason: Ints


class _Moved:
    """Arrays with one row for each of the same things, those of a group together, in each in their own order."""

    def __init__(self, things: Any, buckets: Buckets, workers: Workers) -> None:
        self.all = buckets.move(things, workers)
        self._buckets = buckets

    def of(self, group: int) -> Any:
        """Those of a group."""
        begin, end = self._buckets.begins[group : group + 2].tolist()
        return take_rows(self.all, slice(begin, end))

    def places(self, numbers: Ints) -> Ints:
        """Where things stand now."""
        return self._buckets.places[numbers].astype(np.int64)

    def within(self, group: int, places: Ints) -> Ints:
        """Numbers in the group of things that are in it, by where they stand."""
        return places - int(self._buckets.begins[group])


class Groups:
    """All paths in groups by the first bits of the hash of their first wire key."""

    def __init__(
        self, whole: Stitched, wire: Words, shared: Ints, rows: Mapping[str, BucketRows], ipvs: Columns, cluster: Cluster, scratch: Scratch, workers: Workers
    ) -> None:  # fmt: skip
        """Put together what is of one group.

        Parameters
        ----------
        whole : all that was stitched.
        wire : shape (paths,), uint64, hash of the first wire key of each path.
        shared : shape (flow rows,), how many paths each flow-log row belongs to.
        rows : of the tables ``conntrack`` and ``flows``, as they were stitched. ipvs : columns of ``ipvs_connections``.
        scratch : keeps rows by group.
        """
        count = sum(map(len, rows.values()))
        bits = min((count // GROUP_ROWS).bit_length(), PREFIX_BITS)
        self._count = 1 << bits
        self._ahead = whole.ahead
        self._events = {name: getattr(whole.entries, name) for name in ("events_from", "events_to")}

        def moved(things: Any, hashes: Words) -> _Moved:
            return _Moved(things, into_buckets(hashes, bits), workers)

        chains, sides, segments, entries = whole.chains, whole.sides, whole.segments, whole.entries
        by_segment = wire[chains.path]
        self._paths = moved(
            [wire, chains.root, chains.tail, whole.ipvs.virtual_ip, whole.ipvs.virtual_port], wire
        )
        chained = [chains.path, chains.position, chains.next_segment, chains.next_entry, whole.refused]
        self._segments = moved((segments, chained), by_segment)
        by_entry = by_segment[sides.segment[: len(entries)]]
        self._entries = moved([getattr(entries, name) for name in EACH_ENTRY], by_entry)
        self._sides = moved(sides, by_segment[sides.segment])
        on_path = np.flatnonzero(whole.ipvs.path >= 0)
        path = whole.ipvs.path[on_path]
        self._ipvs = moved((take_columns(ipvs, on_path), path), wire[path])
        self._conntrack, self._pairs, self._alone = (BucketRows(bits, scratch, workers) for _ in range(3))
        self._put_conntrack(rows["conntrack"], entries.row_entry, by_entry)
        self._put_flows(rows["flows"], whole, shared, by_segment, cluster)

    def _put_conntrack(self, rows: BucketRows, row_entry: Ints, by_entry: Words) -> None:
        for bucket, at in zip(rows.buckets, rows.slices(), strict=True):
            entry = row_entry[at]
            self._conntrack.put(rows.of(bucket, OBSERVED) | {"entry": entry}, by_entry[entry])
        self._conntrack.close()

    def _put_flows(
        self, rows: BucketRows, whole: Stitched, shared: Ints, by_segment: Words, cluster: Cluster
    ) -> None:
        """Rows on paths, one for each segment that they cover, and the others, which the hash of their source and line spreads."""
        windows = whole.windows
        for bucket, at in zip(rows.buckets, rows.slices(), strict=True):
            columns = infer_directions(rows.of(bucket), cluster.inventory, cluster.pools)
            pairs = slice(int(windows.offsets[at.start]), int(windows.offsets[at.stop]))
            row, segment = windows.row[pairs], windows.segment[pairs]
            there = row - at.start
            logged = {name: columns[name][there] for name in _LOGGED}
            of_pairs = {
                "segment": segment,
                "row": row,
                "forward": windows.forward[pairs],
                "shared": shared[row],
            }
            self._pairs.put(logged | of_pairs, by_segment[segment])
            lone = np.flatnonzero(np.diff(windows.offsets[at.start : at.stop + 1]) == 0)
            others = take_columns(columns, lone) | {"why": windows.reason[at][lone]}
            self._alone.put(others, hash_columns(cluster.hashes[others["source"]], others["line"]))
        self._pairs.close()
        self._alone.close()

    def __len__(self) -> int:
        return self._count

    def take(self, group: int) -> Group:
        """One of the groups."""
        wire, root, tail, virtual_ip, virtual_port = self._paths.of(group)
        segments, (path, position, next_segment, next_entry, refused) = self._segments.of(group)
        sides, (ipvs, ipvs_path) = self._sides.of(group), self._ipvs.of(group)
        conntrack, flows, alone = (rows.of(group) for rows in (self._conntrack, self._pairs, self._alone))
        segment, row, forward, shared = (flows.pop(name) for name in ("segment", "row", "forward", "shared"))
        side_entry, entries = self._entries_of(group, self._entries.places(sides.entry))
        linked = next_segment >= 0
        following, entry = np.full_like(next_segment, -1), np.full_like(next_entry, -1)
        following[linked] = self._in(self._segments, group, next_segment[linked])
        entry[linked] = self._in(self._entries, group, next_entry[linked])
        root, tail = (self._in(self._segments, group, end) for end in (root, tail))
        paths, ipvs_path = (self._in(self._paths, group, number) for number in (path, ipvs_path))
        pair = np.arange(row.shape[0] + 1)
        stitched = Stitched(
            flows,
            Windows(pair, self._in(self._segments, group, segment), pair[:-1], forward, np.zeros_like(row)),
            Entries(
                row_entry=self._in(self._entries, group, conntrack.pop("entry")),
                **dict(zip(EACH_ENTRY, entries, strict=True)),
                **self._events,
            ),
            Sides(side_entry, sides.reply, self._in(self._segments, group, sides.segment), sides.candidates),
            segments,
            Chains(paths, position, following, entry, root, tail, 0),
            refused,
            self._ahead,
            IpvsMatches(ipvs_path, virtual_ip, virtual_port),
        )
        return Group(stitched, wire, shared, row, conntrack, ipvs, alone, alone.pop("why"))

    @staticmethod
    def _in(things: _Moved, group: int, numbers: Ints) -> Ints:
        return things.within(group, things.places(numbers))

    def _entries_of(self, group: int, places: Ints) -> tuple[Ints, list[Any]]:
        """Number in the group of each entry of its sides, by where that stands, and the entries.

        Behind its own come those of other paths: the reply side of an entry that could not be linked is on another path than the original side.
        """
        own = self._entries.of(group)
        numbers, count = self._entries.within(group, places), len(own[0])
        foreign = (numbers < 0) | (numbers >= count)
        if not foreign.any():
            return numbers, own
        others = np.unique(places[foreign])
        numbers[foreign] = count + np.searchsorted(others, places[foreign])
        beside = zip(own, take_rows(self._entries.all, others), strict=True)
        return numbers, [
            concat_tuples(*both) if isinstance(both[0], Tuples) else np.concatenate(both) for both in beside
        ]
