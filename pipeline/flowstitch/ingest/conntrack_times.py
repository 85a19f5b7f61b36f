"""Times that conntrack(8) prints in the dumping host's local time, and the time of a dump that has none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

import numpy as np

from flowstitch.catalog.load import field
from flowstitch.kernels import clock_votes as cv
from flowstitch.normalize.columns import LAST_TIME, NULL_TIME

if TYPE_CHECKING:
    from flowstitch.arrays import Columns, Ints
    from flowstitch.ingest.model import Source


class FileTimes:
    """The times of one file that take all of its rows to know: what is local in them, and when a dump was taken.

    Every part of the file is shown to ``note``, then each is set right by ``settle``.

    Parameters
    ----------
    source : a conntrack list or event stream; its ``timezone`` counts where the rows do not tell the zone.
    start_is_local : ``start_at`` and ``stop_at`` hold local time read as UTC; else ``seen_at`` of events does.
    """

    # columns without which ``settle`` cannot do
    ASKED = ("event", "seen_at", "start_at", "stop_at")

    def __init__(self, source: Source, *, start_is_local: bool) -> None:
        self._start_is_local = start_is_local
        self._zone = source.timezone
        self._dated = source.kind != "conntrack-list" or source.taken_at is not None
        self._listed = field("event").code("list")
        self._votes = np.zeros(2 * cv.MOST_QUARTERS + 1, np.int64)
        self._latest = np.zeros(3, np.int64)

    def note(self, columns: Columns) -> None:
        """Take note of a part: how far UTC is ahead of local time by rows that have both, and the latest start plus age."""
        cv.count_votes(
            columns["seen_at"], columns["start_at"], columns["stop_at"], columns["delta_time_s"], columns["event"],
            self._listed, self._start_is_local, self._votes, self._latest,
        )  # fmt: skip

    def settle(self, columns: Columns) -> None:
        """Set the times of a part right, in place; null where nothing tells the zone, and beyond the year 9999.

        A dump without a time of its own gets the latest start plus age, the sum of two whole seconds.
        """
        if self._start_is_local:
            for name in ("start_at", "stop_at"):
                self._to_utc(cast("Ints", columns[name]))
        else:
            # the time of a list is that of its file
            rows = columns["event"] != self._listed
            seen = columns["seen_at"][rows]
            self._to_utc(seen)
            columns["seen_at"][rows] = seen
        if self._latest[cv.FOUND] and not self._dated:
            start = self._latest[cv.START : cv.AGE].copy()
            if self._start_is_local:
                self._to_utc(start)
            seen_s = int(start[0]) // cv.SECOND + int(self._latest[cv.AGE])
            if start[0] != NULL_TIME and seen_s * cv.SECOND <= LAST_TIME:
                columns["seen_at"][:] = seen_s * cv.SECOND

    def _to_utc(self, local: Ints) -> None:
        """Set local times to UTC: by the median of all rows; without any, or with one that no zone has, by the zone."""
        total = int(self._votes.sum())
        quarters = int(np.searchsorted(np.cumsum(self._votes), (total + 1) // 2)) - cv.MOST_QUARTERS
        if total and abs(quarters) < cv.MOST_QUARTERS:
            cv.shift_times(local, quarters * cv.QUARTER_HOUR, LAST_TIME)
        else:
            known = local != NULL_TIME
            local[known] = _dated(_in_zone(local[known], self._zone))


def _dated(times: Ints) -> Ints:
    dated: Ints = np.where(times <= LAST_TIME, times, NULL_TIME)
    return dated


def _in_zone(local: Ints, zone: str) -> Ints:
    """UTC of local times in microseconds; null without a zone and where the zone's clock was put forward or back."""
    out = np.full(local.shape[0], NULL_TIME, np.int64)
    if not zone:
        return out
    info = ZoneInfo(zone)
    quarters, index = np.unique(local // cv.QUARTER_HOUR, return_inverse=True)
    offsets = np.array([_offset(int(quarter), info) for quarter in quarters.tolist()], np.int64)[index]
    known = offsets != NULL_TIME
    out[known] = local[known] - offsets[known]
    return out


def _offset(quarter: int, info: ZoneInfo) -> int:
    local = datetime.fromtimestamp(quarter * cv.QUARTER_HOUR // cv.SECOND, UTC).replace(tzinfo=info)
    early, late = local.utcoffset(), local.replace(fold=1).utcoffset()
    return NULL_TIME if early is None or early != late else int(early.total_seconds()) * cv.SECOND
