"""Times that conntrack(8) prints in the dumping host's local time, and the time of a dump that has none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

import numpy as np

from flowstitch.normalize.columns import LAST_TIME, NULL_TIME

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowstitch.arrays import Columns, Flags, Ints
    from flowstitch.ingest.model import Source

SECOND = 1_000_000
_QUARTER_HOUR = 900
# zones reach from -12 to +14 hours
_MOST_QUARTERS = 60


class FileTimes:
    """The times of one file that take all of its rows to know: what is local in them, and when a dump was taken.

    Every part of the file is shown to ``note``, then each is set right by ``settle``.

    Parameters
    ----------
    source : a conntrack list or event stream; its ``timezone`` counts where the rows do not tell the zone.
    offsets : of a part, how far UTC is ahead of local time by each row that has one time in both, µs.
    local : of a part, columns that hold local time read as UTC, each with the rows in which it does.
    start_is_local : ``start_at`` is one of them.
    """

    def __init__(
        self,
        source: Source,
        offsets: Callable[[Columns], Ints],
        local: Callable[[Columns], list[tuple[Ints, Flags]]],
        *,
        start_is_local: bool,
    ) -> None:
        self._offsets, self._local, self._start_is_local = offsets, local, start_is_local
        self._zone = source.timezone
        self._dated = source.kind != "conntrack-list" or source.taken_at is not None
        self._votes = np.zeros(2 * _MOST_QUARTERS + 3, np.int64)
        self._latest: tuple[int, int] | None = None

    def note(self, columns: Columns) -> None:
        """Take note of a part: how far UTC is ahead of local time by rows that have both, and the latest start plus age."""
        quarters = np.rint(self._offsets(columns) / (_QUARTER_HOUR * SECOND)).astype(np.int64)
        beyond = _MOST_QUARTERS + 1
        self._votes += np.bincount(quarters.clip(-beyond, beyond) + beyond, minlength=self._votes.shape[0])
        if self._dated:
            return
        start, age = cast("Ints", columns["start_at"]), cast("Ints", columns["delta_time_s"])
        known = np.flatnonzero((start != NULL_TIME) & (age >= 0))
        if known.size:
            row = known[np.argmax(start[known] // SECOND + age[known])]
            found = int(start[row]), int(age[row])
            if self._latest is None or _sum_s(found) > _sum_s(self._latest):
                self._latest = found

    def settle(self, columns: Columns) -> None:
        """Set the times of a part right, in place; null where nothing tells the zone, and beyond the year 9999.

        A dump without a time of its own gets the latest start plus age, the sum of two whole seconds.
        """
        for values, rows in self._local(columns):
            values[rows] = self._to_utc(values[rows])
        if self._latest is not None:
            start = np.array(self._latest[:1], np.int64)
            start = self._to_utc(start) if self._start_is_local else start
            seen = _sum_s((int(start[0]), self._latest[1])) * SECOND
            if start[0] != NULL_TIME and seen <= LAST_TIME:
                columns["seen_at"][:] = seen

    def _to_utc(self, local: Ints) -> Ints:
        """UTC of local times: the median of all rows, rounded to 15 minutes; without any, or with one that no zone has, the zone."""
        total = int(self._votes.sum())
        if total:
            middle = int(np.searchsorted(np.cumsum(self._votes), (total + 1) // 2))
            quarters = middle - _MOST_QUARTERS - 1
            if abs(quarters) <= _MOST_QUARTERS:
                return _dated(local + quarters * _QUARTER_HOUR * SECOND)
        return _dated(_in_zone(local, self._zone))


def _dated(times: Ints) -> Ints:
    dated: Ints = np.where(times <= LAST_TIME, times, NULL_TIME)
    return dated


def _sum_s(start_and_age: tuple[int, int]) -> int:
    """Second in which something of that start (µs) has that age (s)."""
    return start_and_age[0] // SECOND + start_and_age[1]


def _in_zone(local: Ints, zone: str) -> Ints:
    """UTC of local times in microseconds; null without a zone and where the zone's clock was put forward or back."""
    out = np.full(local.shape[0], NULL_TIME, np.int64)
    if not zone:
        return out
    info = ZoneInfo(zone)
    quarters, index = np.unique(local // (_QUARTER_HOUR * SECOND), return_inverse=True)
    offsets = np.array([_offset(int(quarter), info) for quarter in quarters.tolist()], np.int64)[index]
    known = offsets != NULL_TIME
    out[known] = local[known] - offsets[known]
    return out


def _offset(quarter: int, info: ZoneInfo) -> int:
    local = datetime.fromtimestamp(quarter * _QUARTER_HOUR, UTC).replace(tzinfo=info)
    early, late = local.utcoffset(), local.replace(fold=1).utcoffset()
    return NULL_TIME if early is None or early != late else int(early.total_seconds()) * SECOND
