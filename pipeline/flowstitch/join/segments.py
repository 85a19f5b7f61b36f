"""Entries to segments: one wire key during one lifetime, with every node that saw it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.join.buckets import concat_fields, drained, tuple_buckets
from flowstitch.join.clocks import join_offsets
from flowstitch.join.keys import Tuples, concat_tuples, wire_numbers
from flowstitch.kernels.align import align_observers, pair_starts, read_sides, summarize_segments
from flowstitch.kernels.lifetimes import NEW, SECOND, UNKNOWN
from flowstitch.kernels.runs import runs_of, sort_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowstitch.arrays import Flags, Ints
    from flowstitch.join.buckets import Workers
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
    entry : the entry; the original sides of all entries come first, in their order.
    reply : bool, the side is the reply side of a translated entry. segment : the segment it belongs to.
    candidates : lifetimes that would have fitted as partner, 1 is unique.
    """

    entry: Ints
    reply: Flags
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


def concat_segments(parts: Sequence[Segments], workers: Workers) -> Segments:
    """Segments of all parts in order."""
    return Segments(**concat_fields(Segments, parts, workers))


def build_segments(
    entries: Entries, begins: Ints, ranks: Ints, bits: int, workers: Workers
) -> tuple[Sides, list[Segments], Ints]:
    """Sides of all entries, the segments they make up by bucket, and how far each node's clock is ahead, by name code, µs.

    Parameters
    ----------
    begins : where the entries of each bucket begin.
    ranks : by name code, the place of each name in sorted order.
    bits : of the hash that number the buckets.

    Returns
    -------
    A side has the number of its segment among those of all buckets in order.
    """
    both = np.flatnonzero(entries.translated)
    turned = entries.reply.take(both)
    replies = tuple_buckets(turned, bits)
    # by the place where it stands, each reply side
    reply_at = np.empty(both.shape[0], np.int64)
    reply_at[replies.places] = np.arange(both.shape[0])
    whole = zip(begins[:-1].tolist(), begins[1:].tolist(), replies.slices(), strict=True)
    seen = workers.map(
        lambda at: _Seen(entries, slice(at[0], at[1]), both[reply_at[at[2]]], ranks), list(whole)
    )
    starts = np.where((entries.seen & (1 << NEW)) > 0, entries.start_hi, UNKNOWN)
    nodes = np.flatnonzero(np.bincount(entries.node, minlength=1))
    offsets = join_offsets(workers.map(lambda part: part.clock_samples(starts), seen), ranks[nodes])
    found = workers.map(lambda part: part.align(offsets), drained(seen))
    first = np.append(0, np.cumsum([len(segments) for *_, segments in found]))
    segment, candidates = (np.empty(len(entries) + both.shape[0], np.int64) for _ in range(2))
    for bucket, (numbers, fitting, _) in enumerate(found):
        own = slice(begins[bucket], begins[bucket + 1])
        after = len(entries) + reply_at[replies.slices()[bucket]]
        count = own.stop - own.start
        segment[own], segment[after] = numbers[:count] + first[bucket], numbers[count:] + first[bucket]
        candidates[own], candidates[after] = fitting[:count], fitting[count:]
    sides = Sides(
        np.concatenate([np.arange(len(entries)), both]), np.arange(segment.shape[0]) >= len(entries), segment, candidates
    )  # fmt: skip
    ahead = np.zeros(ranks.shape[0], np.int64)
    ahead[nodes] = offsets[ranks[nodes]]
    return sides, [segments for *_, segments in found], ahead


class _Seen:
    """What the entries of a bucket saw: original sides, then the reply sides of what translates into it."""

    def __init__(self, entries: Entries, own: slice, turned: Ints, ranks: Ints) -> None:
        self._entries, self._own, self._turned, self._ranks = entries, own, turned, ranks
        numbers, wires = wire_numbers(*self._tuples())
        self._order, self._pointer = runs_of(np.concatenate(numbers), wires)

    def _tuples(self) -> tuple[Tuples, Tuples]:
        return self._entries.orig.take(self._own), self._entries.reply.take(self._turned)

    def _sides(self) -> Ints:
        """Entry of each side."""
        return np.concatenate([np.arange(self._own.start, self._own.stop), self._turned])

    def clock_samples(self, starts: Ints) -> Ints:
        """Samples for ``join_offsets``; ``starts`` has the start of each entry, the smallest int64 where no NEW was seen."""
        samples = np.empty((self._pointer.shape[0] - 1, 3), np.int64)
        count = pair_starts(
            self._order, self._pointer, self._sides(), self._ranks, self._entries.node, starts, samples
        )
        return samples[:count].copy()

    def align(self, offsets: Ints) -> tuple[Ints, Ints, Segments]:
        """Segment and candidates of each side, and the segments; ``offsets`` is by node, µs."""
        entries, sides = self._entries, self._sides()
        read = np.empty((6, sides.shape[0]), np.int64)
        read_sides(
            sides, self._ranks, entries.node, entries.zone,
            entries.start_lo, entries.start_hi, entries.surely, entries.last, entries.held, offsets, read,
        )  # fmt: skip
        observer, hi, last, lo, surely, held = read
        sort_runs(read[:3], self._pointer, self._order, np.empty_like(self._order))
        segment, candidates = (np.empty(sides.shape[0], np.int64) for _ in range(2))
        count = align_observers(
            self._order, self._pointer, observer, lo, hi, surely, held, NEAR, FAR, JITTER, segment, candidates
        )
        return segment, candidates, self._segments(sides, segment, lo, hi, last, held, count)

    def _segments(
        self, sides: Ints, segment: Ints, lo: Ints, start: Ints, last: Ints, held: Ints, count: int
    ) -> Segments:
        """Time span of each segment; its direction is that of the side that knows best who began."""
        new = (self._entries.seen[sides] & (1 << NEW)) > 0
        sure = self._entries.translated[sides] | new
        lead = np.full(count, -1, np.int64)
        first, end, until, since = (np.empty(count, np.int64) for _ in range(4))
        summarize_segments(segment, sure, lo, start, last, held, lead, first, end, until, since)
        tuples = concat_tuples(*self._tuples()).take(lead)
        return Segments(tuples, first, end, until, np.ones(count, np.bool_), since, new[lead])


def _shifted(times: Ints, shift: Ints | np.int64) -> Ints:
    if not np.any(shift):
        return times
    return np.where(times == UNKNOWN, UNKNOWN, times - shift)
