"""Entries to segments: one wire key during one lifetime, with every node that saw it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from flowstitch.arrays import take_rows
from flowstitch.join.buckets import tuple_hashes
from flowstitch.join.clocks import join_offsets
from flowstitch.join.keys import Tuples, empty_tuples, wire_numbers
from flowstitch.join.rows import BucketArrays, BucketRows
from flowstitch.kernels.align import align_observers
from flowstitch.kernels.lifetimes import NEW, SECOND, UNKNOWN
from flowstitch.kernels.runs import runs_of
from flowstitch.kernels.sides import (
    SIDE,
    lead_tuples,
    pair_starts,
    read_sides,
    settle_sides,
    summarize_segments,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns, Flags, Ints, Narrow, Words
    from flowstitch.join.buckets import Workers
    from flowstitch.join.entries import BucketEntries, Entries
    from flowstitch.normalize.scratch import Scratch


# Once clocks are set straight, starts differ by the readers' lateness, 0.1 s at the 95th percentile.
NEAR = 2 * SECOND
# A lone lifetime on either side is one connection even if clocks could not be compared.
FAR = 60 * SECOND
# Of so many buckets what is to be moved is at hand at a time.
ASIDE = 16
# How near another start must be for a match to count as ambiguous.
JITTER = SECOND // 4


@dataclass(frozen=True)
class Sides:
    """What each entry saw: its original side, and its reply side where it translates; arrays of shape (sides,).

    Attributes
    ----------
    entry : int32, the entry; the original sides of all entries come first, in their order.
    reply : bool, the side is the reply side of a translated entry. segment : int32, the segment it belongs to.
    candidates : int32, lifetimes that would have fitted as partner, 1 is unique.
    """

    entry: Narrow
    reply: Flags
    segment: Narrow
    candidates: Narrow

    def originals(self, entries: int) -> Ints:
        """Segment of the original side of each of so many entries, -1 where it is not among these sides."""
        segment = np.full(entries, -1, np.int64)
        segment[self.entry[~self.reply]] = self.segment[~self.reply]
        return segment


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


@dataclass(frozen=True)
class BucketSegments:
    """Segments by the bucket of their wire key: those that conntrack saw are numbered in the order of buckets, then those of flow logs alone.

    Attributes
    ----------
    known, extra : of each bucket, what conntrack saw, and what flow logs alone did.
    known_begins, extra_begins : shape (buckets + 1,), the numbers of the first of them.
    """

    known: BucketArrays[Segments]
    known_begins: Ints
    extra: BucketArrays[Segments]
    extra_begins: Ints

    def __len__(self) -> int:
        return int(self.extra_begins[-1])

    def parts(self) -> Iterator[tuple[slice, Segments]]:
        """Segments in the order of their numbers, and which these are."""
        for arrays, begins in ((self.known, self.known_begins), (self.extra, self.extra_begins)):
            for bucket, (begin, end) in enumerate(pairwise(begins.tolist())):
                yield slice(begin, end), arrays.of(bucket)


def build_segments(
    entries: BucketEntries, ranks: Ints, bits: int, scratch: Scratch, workers: Workers
) -> tuple[Sides, BucketArrays[Segments], Ints, Ints]:
    """Sides of all entries, the segments they make up by bucket, where those begin, and how far each node's clock is ahead, by name code, µs.

    Parameters
    ----------
    ranks : by name code, the place of each name in sorted order.
    bits : of the hash that number the buckets.

    Returns
    -------
    A side has the number of its segment among those of all buckets in order.
    """
    replies, translated = _reply_sides(entries, bits, scratch, workers)
    orders: BucketArrays[_Order] = BucketArrays(replies.buckets, scratch)

    def number(bucket: int) -> Ints:
        seen = _Seen.numbered(_both(entries, replies, bucket), ranks)
        orders.put(bucket, seen.order)
        return seen.clock_samples()

    offsets = join_offsets(workers.map(number, replies.buckets), ranks[entries.nodes])
    segments: BucketArrays[Segments] = BucketArrays(replies.buckets, scratch)
    aligned: BucketArrays[_Aligned] = BucketArrays(replies.buckets, scratch)

    def align(bucket: int) -> int:
        seen = _Seen(_both(entries, replies, bucket), ranks, orders.pop(bucket))
        segment, candidates, found = seen.align(offsets)
        segments.put(bucket, found)
        aligned.put(bucket, (segment, candidates, replies.of(bucket, {"number"})["number"]))
        return len(found)

    begins = np.append(0, np.cumsum(workers.map(align, replies.buckets)))
    replies.keep(())
    sides = _empty_sides(len(entries), translated)

    def settle(bucket: int, first: int, begin: int) -> None:
        settle_sides(*aligned.pop(bucket), first, len(entries), begin, sides.segment, sides.candidates)

    workers.map(settle, replies.buckets, entries.begins.tolist(), begins.tolist())
    ahead = np.zeros(ranks.shape[0], np.int64)
    ahead[entries.nodes] = offsets[ranks[entries.nodes]]
    return sides, segments, begins, ahead


def _empty_sides(entries: int, translated: Narrow) -> Sides:
    """Sides of so many entries, of which those ``translated``, int32, have two; their segments are to be filled in."""
    count = entries + translated.shape[0]
    entry, segment, candidates = (np.empty(count, np.int32) for _ in range(3))
    entry[:entries], entry[entries:] = np.arange(entries, dtype=np.int32), translated
    reply = np.zeros(count, np.bool_)
    reply[entries:] = True
    return Sides(entry, reply, segment, candidates)


def _reply_sides(
    entries: BucketEntries, bits: int, scratch: Scratch, workers: Workers
) -> tuple[BucketRows, Narrow]:
    """What the reply sides of translated entries know, by the bucket of their wire key, and the entry of each, int32, by its ``number``."""
    replies, translated, count = BucketRows(bits, scratch, workers), [], 0

    def turn(bucket: int) -> tuple[Ints, Columns, Words]:
        part = entries.parts.of(bucket)
        both = np.flatnonzero(part.translated)
        facts = take_rows(_facts(part, part.reply), both)
        return both, facts, tuple_hashes(_tuples(facts))

    for begin in range(0, len(replies.buckets), ASIDE):
        some = replies.buckets[begin : begin + ASIDE]
        for bucket, (both, facts, hashes) in zip(some, workers.map(turn, some), strict=True):
            facts["number"] = np.arange(count, count + both.shape[0], dtype=np.int32)
            replies.put(facts, hashes)
            translated.append((both + entries.begins[bucket]).astype(np.int32))
            count += both.shape[0]
    return replies.close(), np.concatenate(translated)


def _both(entries: BucketEntries, replies: BucketRows, bucket: int) -> tuple[Columns, Columns]:
    """Facts of the original sides and the reply sides of a bucket."""
    part = entries.parts.of(bucket)
    return _facts(part, part.orig), replies.of(bucket)


def _facts(entries: Entries, tuples: Tuples) -> Columns:
    """What sides of those tuples know of their entries, by field."""
    known = ("node", "zone", "start_lo", "start_hi", "surely", "last", "held", "seen", "translated")
    return vars(tuples) | {name: getattr(entries, name) for name in known}


def _tuples(facts: Columns) -> Tuples:
    return Tuples(*(facts[name] for name in Tuples.__dataclass_fields__))


# Order of the sides of a bucket by wire key, and where each key begins there.
_Order: TypeAlias = "tuple[Ints, Ints]"
# Of the sides of a bucket segment and candidates, int32, and of the reply sides their numbers among those of all buckets.
_Aligned: TypeAlias = "tuple[Narrow, Narrow, Narrow]"


class _Seen:
    """What the entries of a bucket saw: original sides, then the reply sides of what translates into it."""

    def __init__(self, parts: tuple[Columns, Columns], ranks: Ints, order: _Order) -> None:
        self._parts, self._ranks, self.order = parts, ranks, order
        self._order, self._pointer = order

    @classmethod
    def numbered(cls, parts: tuple[Columns, Columns], ranks: Ints) -> _Seen:
        """With the order that their wire keys give."""
        numbers, wires = wire_numbers(*map(_tuples, parts))
        return cls(parts, ranks, runs_of(np.concatenate(numbers), wires))

    def _all(self, name: str) -> NDArray[Any]:
        return np.concatenate([part[name] for part in self._parts])

    def clock_samples(self) -> Ints:
        """Samples for ``join_offsets``."""
        new = (self._all("seen") & (1 << NEW)) > 0
        if not new.any():
            return np.empty((0, 3), np.int64)
        start = np.where(new, self._all("start_hi"), UNKNOWN)
        samples = np.empty((self._pointer.shape[0] - 1, 3), np.int64)
        count = pair_starts(self._order, self._pointer, self._ranks[self._all("node")], start, samples)
        return samples[:count].copy()

    def align(self, offsets: Ints) -> tuple[Narrow, Narrow, Segments]:
        """Segment and candidates of each side, and the segments; ``offsets`` is by node, µs."""
        sides = np.empty((self._order.shape[0], SIDE), np.int64)
        first = self._parts[0]["node"].shape[0]
        for part, out in zip(self._parts, (sides[:first], sides[first:]), strict=True):
            read_sides(
                self._ranks, part["node"], part["zone"],
                part["start_lo"], part["start_hi"], part["surely"], part["last"], part["held"], part["seen"], part["translated"], offsets, out,
            )  # fmt: skip
        segment, candidates = (np.empty(self._order.shape[0], np.int32) for _ in range(2))
        scratch = np.empty_like(self._order)
        count = align_observers(
            self._order, self._pointer, sides, NEAR, FAR, JITTER, scratch, segment, candidates
        )
        return segment, candidates, self._segments(segment, sides, count)

    def _segments(self, segment: Narrow, sides: Ints, count: int) -> Segments:
        """Time span of each segment; its direction is that of the side that knows best who began."""
        lead = np.full(count, -1, np.int64)
        first, end, until, since = (np.empty(count, np.int64) for _ in range(4))
        exact, tuples = np.empty(count, np.bool_), empty_tuples(count)
        summarize_segments(segment, sides, lead, first, end, until, since, exact)
        original, reply = map(_tuples, self._parts)
        lead_tuples(lead, *vars(original).values(), *vars(reply).values(), *vars(tuples).values())
        return Segments(tuples, first, end, until, np.ones(count, np.bool_), since, exact)


def _shifted(times: Ints, shift: Ints | np.int64) -> Ints:
    if not np.any(shift):
        return times
    return np.where(times == UNKNOWN, UNKNOWN, times - shift)
