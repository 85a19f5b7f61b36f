"""How many rows of each source are on paths and how many are not: the balance of a result, whether or not all ``observations`` are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flowstitch.runner.layout import OVERLAP

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowstitch.arrays import Columns, Ints
    from flowstitch.ingest.model import Source
    from flowstitch.normalize.columns import Pools

# A line number has no more bits.
_LINE_BITS = 40


@dataclass(frozen=True)
class Count:
    """Rows of a part of ``observations``.

    Attributes
    ----------
    lone : shape (sources,), rows on one path. unmatched : shape (sources,), rows on none.
    shared : shape (n,), source and line of the rows on several paths, which other parts may have too, as one number.
    """

    lone: Ints
    unmatched: Ints
    shared: Ints


class Balance:
    """Counts the rows of parts, each row once."""

    def __init__(self, sources: Sequence[Source], pools: Pools) -> None:
        """Begin with none; sources are numbered as they are given."""
        codes = pools.names.codes([source.name for source in sources])
        self._number = np.zeros(len(pools.names), np.int64)
        self._number[codes] = np.arange(len(sources))
        self._counts: list[Count] = []
        self._sources = len(sources)

    def count(self, observations: Columns) -> Count:
        """Rows of a part, columns of ``observations`` of which each row and path has one."""
        source, paths = self._number[observations["source"]], observations["shared_by"]
        several = paths > 1
        shared = np.unique(source[several] << _LINE_BITS | observations["line"][several])
        return Count(self._by_source(source[paths == 1]), self._by_source(source[paths == 0]), shared)

    def _by_source(self, source: Ints) -> Ints:
        return np.bincount(source, minlength=self._sources)

    def add(self, count: Count) -> None:
        """Take in what a part has."""
        self._counts.append(count)

    def settle(self, sources: Sequence[dict[str, Any]], *, overlap: bool) -> None:
        """Say in the rows of ``sources`` how many rows are on a path.

        Parameters
        ----------
        overlap : more was read than is told; what was parsed and stands in no part is skipped.
        """
        matched = np.sum([count.lone for count in self._counts], axis=0)
        unmatched = np.sum([count.unmatched for count in self._counts], axis=0)
        shared = np.unique(np.concatenate([count.shared for count in self._counts]))
        matched += self._by_source(shared >> _LINE_BITS)
        for row, on, off in zip(sources, matched.tolist(), unmatched.tolist(), strict=True):
            row["matched"] = on
            beyond = row["parsed"] - on - off
            if overlap and beyond:
                row["parsed"] -= beyond
                row["skipped"] += beyond
                row["skipped_by"] = sorted([*row["skipped_by"], (OVERLAP, beyond)])


def without_matched(tables: Mapping[str, Columns]) -> dict[str, Columns]:
    """Tables of which ``observations`` has only the rows that are on no path."""
    rows = tables["observations"]
    kept = np.flatnonzero(rows["shared_by"] == 0)
    return dict(tables) | {"observations": {name: values[kept] for name, values in rows.items()}}
