"""Entries to segments: one wire key during one lifetime, with every node that saw it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.join.buckets import tuple_buckets
from flowstitch.join.clocks import clock_samples, join_offsets
from flowstitch.join.keys import Tuples, concat_tuples, number_wires, run_pointers
from flowstitch.kernels.align import align_observers
from flowstitch.kernels.lifetimes import NEW, SECOND, UNKNOWN

if TYPE_CHECKING:
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


def concat_segments(*parts: Segments) -> Segments:
    """Segments of all parts in order."""
    times = ("first", "last", "held", "directed", "since", "exact")
    return Segments(
        concat_tuples(*(part.tuples for part in parts)),
        *(np.concatenate([getattr(part, name) for part in parts]) for name in times),
    )


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
        lambda at: _Seen(entries, np.arange(at[0], at[1]), both[reply_at[at[2]]], ranks), list(whole)
    )
    offsets = join_offsets([part.clock_samples() for part in seen], ranks[np.unique(entries.node)])
    found = workers.map(lambda part: part.align(offsets), seen)
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
    nodes = np.unique(entries.node)
    ahead[nodes] = offsets[ranks[nodes]]
    return sides, [segments for *_, segments in found], ahead


class _Seen:
    """What the entries of a bucket saw: original sides, then the reply sides of what translates into it."""

    def __init__(self, entries: Entries, own: Ints, turned: Ints, ranks: Ints) -> None:
        self._entries = entries
        self._entry = np.concatenate([own, turned])
        self._tuples = concat_tuples(entries.orig.take(own), entries.reply.take(turned))
        self._wire, _ = number_wires(self._tuples)
        self._node = ranks[entries.node[self._entry]]
        self._new = (entries.seen[self._entry] & (1 << NEW)) > 0

    def clock_samples(self) -> Ints:
        """See ``clock_samples``."""
        return clock_samples(self._wire, self._node, self._entries.start_hi[self._entry], self._new)

    def align(self, offsets: Ints) -> tuple[Ints, Ints, Segments]:
        """Segment and candidates of each side, and the segments; ``offsets`` is by node, µs."""
        entries, entry = self._entries, self._entry
        observer = self._node << 16 | entries.zone[entry]
        shift = offsets[self._node]
        times = (entries.start_lo, entries.start_hi, entries.surely, entries.last, entries.held)
        lo, hi, surely, last, held = (_shifted(values[entry], shift) for values in times)
        order = np.lexsort((last, hi, observer, self._wire))
        segment, candidates = np.empty(entry.shape[0], np.int64), np.empty(entry.shape[0], np.int64)
        found, fitting = np.empty_like(segment), np.empty_like(candidates)
        count = align_observers(
            self._wire[order], observer[order], lo[order], hi[order], surely[order], held[order], NEAR, FAR, JITTER, found, fitting
        )  # fmt: skip
        segment[order], candidates[order] = found, fitting
        return segment, candidates, self._segments(segment, lo, hi, last, held, count)

    def _segments(self, segment: Ints, lo: Ints, start: Ints, last: Ints, held: Ints, count: int) -> Segments:
        """Time span of each segment; its direction is that of the side that knows best who began."""
        sure = self._entries.translated[self._entry] | self._new
        order = np.lexsort((start, ~sure, segment))
        pointer = run_pointers(segment[order], count)
        lead = order[pointer[:-1]]
        if count == 0:
            return Segments(
                self._tuples, start, last, held, np.zeros(0, np.bool_), start, np.zeros(0, np.bool_)
            )
        first = np.minimum.reduceat(start[order], pointer[:-1])
        end, until = (
            np.maximum(first, np.maximum.reduceat(times[order], pointer[:-1])) for times in (last, held)
        )
        since = np.maximum.reduceat(lo[order], pointer[:-1])
        return Segments(
            self._tuples.take(lead), first, end, until, np.ones(count, np.bool_), np.minimum(first, since), self._new[lead]
        )  # fmt: skip


def _shifted(times: Ints, shift: Ints | np.int64) -> Ints:
    return np.where(times == UNKNOWN, UNKNOWN, times - shift)
