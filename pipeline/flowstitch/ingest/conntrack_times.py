"""Times that conntrack(8) prints in the dumping host's local time, and the time of a dump that has none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

import numpy as np

from flowstitch.normalize.columns import NULL_TIME

if TYPE_CHECKING:
    from flowstitch.arrays import Columns, Ints

SECOND = 1_000_000
_QUARTER_HOUR = 900
# zones reach from -12 to +14 hours
_MAX_OFFSET = 15 * 3600


def to_utc(local: Ints, offsets: Ints, zone: str) -> Ints:
    """UTC of local times of one file, shape (n,), int64, µs; null where nothing tells the offset.

    Parameters
    ----------
    local : shape (n,), int64, local times read as UTC, µs.
    offsets : shape (m,), int64, how far UTC is ahead of local time by what rows of the file have in both, µs; the median
        counts, rounded to 15 minutes. Without any, or with one that no zone has, ``zone`` counts.
    zone : IANA name, empty when not known.
    """
    if offsets.size:
        offset = round(float(np.median(offsets)) / SECOND / _QUARTER_HOUR) * _QUARTER_HOUR
        if abs(offset) <= _MAX_OFFSET:
            shifted: Ints = local + offset * SECOND
            return shifted
    return _in_zone(local, zone)


def set_dump_time(columns: Columns) -> None:
    """Set ``seen_at`` of all rows of a dump to its latest start plus age; nothing when no row has both.

    The age is the difference of two whole seconds.
    """
    start, age, seen = (cast("Ints", columns[name]) for name in ("start_at", "delta_time_s", "seen_at"))
    known = (start != NULL_TIME) & (age >= 0)
    if known.any():
        seen[:] = (start[known] // SECOND + age[known]).max() * SECOND


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
