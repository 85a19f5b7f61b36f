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
    from typing import Any

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns, Flags, Ints
    from flowstitch.join.buckets import Buckets, Workers
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
    turned = {name: values[both] for name, values in _facts(entries, entries.reply).items()}
    replies = tuple_buckets(_tuples(turned), bits)
    owned = _facts(entries, entries.orig)
    own = [
        {name: values[begin:end] for name, values in owned.items()}
        for begin, end in zip(begins[:-1].tolist(), begins[1:].tolist(), strict=True)
    ]
    seen = workers.map(lambda *parts: _Seen(parts, ranks), own, replies.parts(replies.move(turned, workers)))
    nodes = np.flatnonzero(np.bincount(entries.node, minlength=1))
    offsets = join_offsets(workers.map(_Seen.clock_samples, seen), ranks[nodes])
    found = workers.map(lambda part: part.align(offsets), drained(seen))
    segments = [part for *_, part in found]
    first = np.cumsum([0, *map(len, segments)])
    segment = [numbers + begin for (numbers, *_), begin in zip(found, first.tolist(), strict=False)]
    candidates = [fitting for _, fitting, _ in found]
    sides = Sides(
        np.concatenate([np.arange(len(entries)), both]), np.arange(len(entries) + both.shape[0]) >= len(entries),
        *(_in_order(parts, np.diff(begins), replies) for parts in (segment, candidates)),
    )  # fmt: skip
    ahead = np.zeros(ranks.shape[0], np.int64)
    ahead[nodes] = offsets[ranks[nodes]]
    return sides, segments, ahead


def _facts(entries: Entries, tuples: Tuples) -> Columns:
    """What sides of those tuples know of their entries, by field."""
    known = ("node", "zone", "start_lo", "start_hi", "surely", "last", "held", "seen", "translated")
    return vars(tuples) | {name: getattr(entries, name) for name in known}


def _tuples(facts: Columns) -> Tuples:
    return Tuples(*(facts[name] for name in Tuples.__dataclass_fields__))


def _in_order(parts: Sequence[Ints], own: Ints, replies: Buckets) -> Ints:
    """Of what each bucket has, ``own`` original sides first, the original sides of all and the reply sides as they were before."""
    first = [part[:count] for part, count in zip(parts, own.tolist(), strict=True)]
    rest = [part[count:] for part, count in zip(parts, own.tolist(), strict=True)]
    return np.concatenate([*first, np.concatenate(rest)[replies.places]])


class _Seen:
    """What the entries of a bucket saw: original sides, then the reply sides of what translates into it."""

    def __init__(self, parts: tuple[Columns, Columns], ranks: Ints) -> None:
        self._parts, self._ranks = parts, ranks
        numbers, wires = wire_numbers(*map(_tuples, parts))
        self._order, self._pointer = runs_of(np.concatenate(numbers), wires)

    def _all(self, name: str) -> NDArray[Any]:
        return np.concatenate([part[name] for part in self._parts])

    def _new(self) -> Flags:
        return (self._all("seen") & (1 << NEW)) > 0

    def clock_samples(self) -> Ints:
        """Samples for ``join_offsets``."""
        start = np.where(self._new(), self._all("start_hi"), UNKNOWN)
        samples = np.empty((self._pointer.shape[0] - 1, 3), np.int64)
        count = pair_starts(self._order, self._pointer, self._ranks[self._all("node")], start, samples)
        return samples[:count].copy()

    def align(self, offsets: Ints) -> tuple[Ints, Ints, Segments]:
        """Segment and candidates of each side, and the segments; ``offsets`` is by node, µs."""
        read = np.empty((6, self._order.shape[0]), np.int64)
        first = self._parts[0]["node"].shape[0]
        for part, out in zip(self._parts, (read[:, :first], read[:, first:]), strict=True):
            read_sides(
                self._ranks, part["node"], part["zone"],
                part["start_lo"], part["start_hi"], part["surely"], part["last"], part["held"], offsets, out,
            )  # fmt: skip
        observer, hi, last, lo, surely, held = read
        sort_runs(read[:3], self._pointer, self._order, np.empty_like(self._order))
        segment, candidates = (np.empty_like(self._order) for _ in range(2))
        count = align_observers(
            self._order, self._pointer, observer, lo, hi, surely, held, NEAR, FAR, JITTER, segment, candidates
        )
        return segment, candidates, self._segments(segment, lo, hi, last, held, count)

    def _segments(self, segment: Ints, lo: Ints, start: Ints, last: Ints, held: Ints, count: int) -> Segments:
        """Time span of each segment; its direction is that of the side that knows best who began."""
        new = self._new()
        lead = np.full(count, -1, np.int64)
        first, end, until, since = (np.empty(count, np.int64) for _ in range(4))
        sure = self._all("translated") | new
        summarize_segments(segment, sure, lo, start, last, held, lead, first, end, until, since)
        tuples = concat_tuples(*map(_tuples, self._parts)).take(lead)
        return Segments(tuples, first, end, until, np.ones(count, np.bool_), since, new[lead])


def _shifted(times: Ints, shift: Ints | np.int64) -> Ints:
    if not np.any(shift):
        return times
    return np.where(times == UNKNOWN, UNKNOWN, times - shift)
