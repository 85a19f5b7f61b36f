"""Segments chained into paths over the entries that translate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.kernels.chain import link_edges, walk_chains
from flowstitch.kernels.choose import choose_rows

if TYPE_CHECKING:
    from flowstitch.arrays import Ints, Narrow
    from flowstitch.join.buckets import Workers
    from flowstitch.join.segments import Sides


# More translations than any data plane makes; what is longer is kept and not classified.
MAX_TRANSLATIONS = 4


@dataclass(frozen=True)
class Chains:
    """Paths as chains of segments; of all rows the arrays are int32, for all of them are in memory.

    Attributes
    ----------
    path, position : shape (segments,), path of each segment and its place there, from 0 at the client.
    next_segment, next_entry : shape (segments,), the segment that follows and the entry that leads there, -1 at the end.
    root, tail : shape (paths,), first and last segment.
    left_out : translated entries that could not be linked because another one was already there.
    """

    path: Narrow
    position: Narrow
    next_segment: Narrow
    next_entry: Narrow
    root: Narrow
    tail: Narrow
    left_out: int

    def __len__(self) -> int:
        return int(self.root.shape[0])

    def by_path(self) -> tuple[Ints, Ints]:
        """Segments by (path, position), and where each path begins, shape (paths + 1,)."""
        pointer = np.append(0, np.cumsum(np.bincount(self.path, minlength=len(self))))
        order = np.empty_like(self.path)
        order[pointer[self.path] + self.position] = np.arange(order.shape[0])
        return order, pointer


def build_chains(sides: Sides, segments: int, workers: Workers) -> Chains:
    """Paths from the segments that nobody feeds to the last ones, numbered in the order of those, and circles behind them."""
    replies = sides.reply.shape[0] - int(np.count_nonzero(sides.reply))
    entry, target = sides.entry[replies:], sides.segment[replies:]
    next_segment, next_entry, path = (np.full(segments, -1, np.int32) for _ in range(3))
    fed = np.zeros(segments, np.bool_)
    left_out = link_edges(sides.segment[entry], target, entry, next_segment, next_entry, fed)
    position, root, tail = (np.empty(segments, np.int32) for _ in range(3))
    shares = workers.shares(segments)
    before = np.cumsum([0, *(np.count_nonzero(~fed[share]) for share in shares)]).tolist()

    def walk(share: slice, count: int, circles: bool = False) -> int:
        return walk_chains(
            share.start, share.stop, count, circles, next_segment, fed, path, position, root, tail
        )

    workers.map(walk, shares, before[:-1])
    count = walk(slice(0, segments), before[-1], circles=True)
    return Chains(
        path, position, next_segment, next_entry, root[:count].copy(), tail[:count].copy(), left_out
    )


def first_of_each(keys: Ints, count: int, *ranks: Ints) -> Ints:
    """Row with the least ranks (the first rank counts most) of each key, shape (count,), -1 where there is none."""
    out = np.full(count, -1, np.int64)
    choose_rows(keys.astype(np.int64, copy=False), np.stack(ranks, axis=1).astype(np.int64, copy=False), out)
    return out
