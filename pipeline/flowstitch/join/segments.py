"""Entries to segments: one wire key during one lifetime, with every node that saw it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.join.clocks import estimate_offsets
from flowstitch.join.keys import Tuples, concat_tuples, number_wires, run_pointers
from flowstitch.kernels.align import align_observers
from flowstitch.kernels.lifetimes import NEW, SECOND, UNKNOWN

if TYPE_CHECKING:
    from flowstitch.arrays import Flags, Ints
    from flowstitch.join.entries import Entries


# Once clocks are set straight, starts differ by the readers' lateness, 0.1 s at the 95th percentile.
NEAR = 2 * SECOND
# A lone lifetime on either side is one connection even if clocks could not be compared.
FAR = 60 * SECOND
# How near another start must be for a match to count as ambiguous.
JITTER = SECOND // 4


@dataclass(frozen=True)
class Sides:
    """What each entry saw: its original side, and its reply side where it translates; arrays of shape (sides,).

    Attributes
    ----------
    entry : the entry. reply : bool, the side is the reply side of a translated entry.
    tuples : the tuple, from client to server. segment : the segment it belongs to.
    candidates : lifetimes that would have fitted as partner, 1 is unique.
    """

    entry: Ints
    reply: Flags
    tuples: Tuples
    segment: Ints
    candidates: Ints


@dataclass(frozen=True)
class Segments:
    """One wire key during one lifetime; arrays of shape (segments,).

    Attributes
    ----------
    tuples : the tuple, from client to server as far as that is known.
    first, last : first and last packet, µs by a common clock, that of the flow logs where there are any.
    held : until when conntrack kept an entry for it, µs; ``last`` where no conntrack saw it.
    directed : bool, it is known who opened the connection.
    since : the earliest that the first packet can have been, µs; the smallest int64 where unknown.
    exact : bool, ``first`` is that of a NEW.
    """

    tuples: Tuples
    first: Ints
    last: Ints
    held: Ints
    directed: Flags
    since: Ints
    exact: Flags

    def __len__(self) -> int:
        return self.first.shape[0]

    def later(self, offset: int) -> Segments:
        """The same segments by a clock that is so many µs ahead."""
        first, last, held, since = (
            _shifted(times, np.int64(-offset)) for times in (self.first, self.last, self.held, self.since)
        )
        return Segments(self.tuples, first, last, held, self.directed, since, self.exact)


def build_segments(entries: Entries, ranks: Ints) -> tuple[Sides, Segments, Ints]:
    """Sides of all entries, the segments they make up, and how far each node's clock is ahead, by name code, µs.

    Parameters
    ----------
    ranks : by name code, the place of each name in sorted order.
    """
    both = np.flatnonzero(entries.translated)
    entry = np.concatenate([np.arange(len(entries)), both])
    reply = np.arange(entry.shape[0]) >= len(entries)
    tuples = concat_tuples(entries.orig, entries.reply.take(both))
    wire, _ = number_wires(tuples)
    node = ranks[entries.node[entry]]
    exact = (entries.seen[entry] & (1 << NEW)) > 0
    offsets = estimate_offsets(wire, node, entries.start_hi[entry], exact)
    shift = offsets[node]
    observer = node << 16 | entries.zone[entry]
    times = (entries.start_lo, entries.start_hi, entries.surely, entries.last, entries.held)
    lo, hi, surely, last, held = (_shifted(values[entry], shift) for values in times)
    order = np.lexsort((last, hi, observer, wire))
    segment, candidates = np.empty(entry.shape[0], np.int64), np.empty(entry.shape[0], np.int64)
    found, fitting = np.empty_like(segment), np.empty_like(candidates)
    count = align_observers(
        wire[order], observer[order], lo[order], hi[order], surely[order], held[order], NEAR, FAR, JITTER, found, fitting
    )  # fmt: skip
    segment[order], candidates[order] = found, fitting
    sides = Sides(entry, reply, tuples, segment, candidates)
    ahead = np.zeros(ranks.shape[0], np.int64)
    nodes = np.unique(entries.node)
    ahead[nodes] = offsets[ranks[nodes]]
    return sides, _segments(sides, entries, lo, hi, last, held, count), ahead


def _shifted(times: Ints, shift: Ints | np.int64) -> Ints:
    return np.where(times == UNKNOWN, UNKNOWN, times - shift)


def _segments(
    sides: Sides, entries: Entries, lo: Ints, start: Ints, last: Ints, held: Ints, count: int
) -> Segments:
    """Time span of each segment; its direction is that of the side that knows best who began."""
    sure = entries.translated[sides.entry] | ((entries.seen[sides.entry] & (1 << NEW)) > 0)
    order = np.lexsort((start, ~sure, sides.segment))
    pointer = run_pointers(sides.segment[order], count)
    lead = order[pointer[:-1]]
    if count == 0:
        return Segments(sides.tuples, start, last, held, np.zeros(0, np.bool_), start, np.zeros(0, np.bool_))
    first = np.minimum.reduceat(start[order], pointer[:-1])
    end, until = (
        np.maximum(first, np.maximum.reduceat(times[order], pointer[:-1])) for times in (last, held)
    )
    since = np.maximum.reduceat(lo[order], pointer[:-1])
    exact = (entries.seen[sides.entry[lead]] & (1 << NEW)) > 0
    return Segments(
        sides.tuples.take(lead), first, end, until, np.ones(count, np.bool_), np.minimum(first, since), exact
    )
