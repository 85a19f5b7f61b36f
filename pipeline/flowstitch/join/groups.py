"""Paths by the hash of their first wire key: groups that are known, told and written one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from flowstitch.arrays import flat, shaped, take_rows
from flowstitch.join.buckets import into_buckets
from flowstitch.join.chains import Chains
from flowstitch.join.entries import EACH_ENTRY, Entries
from flowstitch.join.identity import PREFIX_BITS, hash_columns
from flowstitch.join.ipvs import IpvsMatches
from flowstitch.join.keys import Tuples, concat_tuples
from flowstitch.join.observations import paths_per_row
from flowstitch.join.rows import BucketRows
from flowstitch.join.segments import Sides
from flowstitch.join.stitched import Stitched
from flowstitch.join.unsaid import infer_directions
from flowstitch.join.windows import Windows
from flowstitch.normalize.columns import take_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowstitch.arrays import Columns, Ints, Words
    from flowstitch.join.buckets import Workers
    from flowstitch.join.entries import BucketEntries
    from flowstitch.join.stitched import Cluster, Joined
    from flowstitch.normalize.scratch import Scratch

_Things = TypeVar("_Things")
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


class _Moved(Generic[_Things]):
    """Arrays with one row for each of the same things, put in by their numbers, those of a group together, in each in their own order."""

    def __init__(self, hashes: Words, bits: int, scratch: Scratch, workers: Workers) -> None:
        """``hashes``, shape (things,), say where they belong."""
        buckets = into_buckets(hashes, bits)
        self._begins, self._places = buckets.begins, buckets.places
        self._rows, self._hashes, self._count = BucketRows(bits, scratch, workers), hashes, 0
        self._shape: Any = None

    def put(self, things: _Things) -> None:
        """The things that follow."""
        columns, self._shape = flat(things)
        begin, self._count = self._count, self._count + next(iter(columns.values())).shape[0]
        self._rows.put(columns, self._hashes[begin : self._count])

    def close(self) -> None:
        """All things have come."""
        self._rows.close()
        self._hashes = self._hashes[:0]

    def of(self, group: int) -> _Things:
        """Those of a group."""
        return shaped(self._rows.of(group), self._shape)

    def take(self, places: Ints) -> _Things:
        """Those at chosen places, ascending."""
        return shaped(self._rows.take(places), self._shape)

    def places(self, numbers: Ints) -> Ints:
        """Where things stand now."""
        return self._places[numbers].astype(np.int64)

    def within(self, group: int, places: Ints) -> Ints:
        """Numbers in the group of things that are in it, by where they stand."""
        return places - int(self._begins[group])


class Groups:
    """All paths in groups by the first bits of the hash of their first wire key."""

    def __init__(
        self, whole: Joined, wire: Words, rows: Mapping[str, BucketRows], ipvs: Columns, cluster: Cluster, scratch: Scratch, workers: Workers
    ) -> None:  # fmt: skip
        """Put together what is of one group.

        Parameters
        ----------
        whole : all that was stitched; its arrays are given away.
        wire : shape (paths,), uint64, hash of the first wire key of each path.
        rows : of the tables ``conntrack`` and ``flows``, as they were stitched. ipvs : columns of ``ipvs_connections``.
        scratch : keeps what is of each group.
        """
        count = sum(map(len, rows.values()))
        bits = min((count // GROUP_ROWS).bit_length(), PREFIX_BITS)
        self._count = 1 << bits
        self._ahead, self._events = whole.ahead, whole.entries.events
        chains, sides = whole.chains, whole.sides
        by_segment = wire[chains.path]
        by_entry = by_segment[sides.segment[: len(whole.entries)]]
        on_path = np.flatnonzero(whole.ipvs.path >= 0)
        path = whole.ipvs.path[on_path]

        def moved(hashes: Words) -> _Moved[Any]:
            return _Moved(hashes, bits, scratch, workers)

        self._paths, self._segments, self._entries = moved(wire), moved(by_segment), moved(by_entry)
        self._sides, self._ipvs = moved(by_segment[sides.segment]), moved(wire[path])
        self._paths.put([wire, chains.root, chains.tail, whole.ipvs.virtual_ip, whole.ipvs.virtual_port])
        self._sides.put(sides)
        self._ipvs.put((take_columns(ipvs, on_path), path))
        chained = [chains.path, chains.position, chains.next_segment, chains.next_entry, whole.refused]
        for numbers, segments in whole.segments.parts():
            self._segments.put((segments, take_rows(chained, numbers)))
        self._conntrack, self._pairs, self._alone = (BucketRows(bits, scratch, workers) for _ in range(3))
        self._put_entries(rows["conntrack"], whole.entries, by_entry)
        self._put_flows(rows["flows"], whole, by_segment, cluster)
        for things in (
            self._paths, self._sides, self._ipvs, self._segments, self._entries, self._conntrack, self._pairs, self._alone
        ):  # fmt: skip
            things.close()
        for table in rows.values():
            table.keep(())

    def _put_entries(self, rows: BucketRows, entries: BucketEntries, by_entry: Words) -> None:
        for bucket, begin in zip(rows.buckets, entries.begins.tolist(), strict=False):
            part = entries.parts.pop(bucket)
            self._entries.put([getattr(part, name) for name in EACH_ENTRY])
            entry = part.row_entry + begin
            self._conntrack.put(rows.of(bucket, OBSERVED) | {"entry": entry}, by_entry[entry])

    def _put_flows(self, rows: BucketRows, whole: Joined, by_segment: Words, cluster: Cluster) -> None:
        """Rows on paths, one for each segment that they cover, and the others, which the hash of their source and line spreads."""
        for bucket, begin in zip(rows.buckets, rows.begins.tolist(), strict=False):
            columns = infer_directions(rows.of(bucket), cluster.inventory, cluster.pools)
            windows = whole.windows.pop(bucket)
            shared = paths_per_row(windows, whole.chains)
            logged = {name: columns[name][windows.row] for name in _LOGGED}
            of_pairs = {
                "segment": windows.segment,
                "row": windows.row + begin,
                "forward": windows.forward,
                "shared": shared[windows.row],
            }
            self._pairs.put(logged | of_pairs, by_segment[windows.segment])
            lone = np.flatnonzero(np.diff(windows.offsets) == 0)
            others = take_columns(columns, lone) | {"why": windows.reason[lone]}
            self._alone.put(others, hash_columns(cluster.hashes[others["source"]], others["line"]))

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
            ),
            self._events,
            Sides(side_entry, sides.reply, self._in(self._segments, group, sides.segment), sides.candidates),
            segments,
            Chains(paths, position, following, entry, root, tail, 0),
            refused,
            self._ahead,
            IpvsMatches(ipvs_path, virtual_ip, virtual_port),
        )
        return Group(stitched, wire, shared, row, conntrack, ipvs, alone, alone.pop("why"))

    @staticmethod
    def _in(things: _Moved[Any], group: int, numbers: Ints) -> Ints:
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
        beside = zip(own, self._entries.take(others), strict=True)
        return numbers, [
            concat_tuples(*both) if isinstance(both[0], Tuples) else np.concatenate(both) for both in beside
        ]
