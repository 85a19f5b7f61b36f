"""Times that a user gives."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from flowstitch.errors import UsageError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_MICROS = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_DURATION = re.compile(r"(\d{1,9})\s*(s|m|h|d)?")
_SECONDS = {None: 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_duration(text: str, option: str) -> int:
    """Microseconds of a duration like ``90s``, ``10m``, ``1h`` or ``2d``; without a unit it is seconds.

    Raises
    ------
    UsageError when it is none.
    """
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise UsageError(f"{option}: got {text!r}, expected a duration like 90s, 10m, 1h or 2d.")
    return int(found[1]) * _SECONDS[found[2]] * 1_000_000


def parse_time(text: str, option: str) -> int:
    """Microseconds since the epoch of an ISO 8601 time or of epoch seconds; a time without zone is UTC.

    Raises
    ------
    UsageError when it is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
        micros = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
        return micros // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        pass
    try:
        number = round(float(text) * 1_000_000)
    except (ValueError, OverflowError):
        number = -1
    if not 0 <= number <= _MOST_MICROS:
        raise UsageError(
            f"{option}: got {text!r}, expected a time like 2026-11-23T00:44:00Z or epoch seconds."
        )
    return number


def check_span(since: int | None, until: int | None) -> None:
    """Raise ``UsageError`` for a span of time with nothing in it.

    Parameters
    ----------
    since, until : µs since the epoch, half-open; None is open.
    """
    if since is not None and until is not None and since >= until:
        begin, end = (
            (_EPOCH + timedelta(microseconds=moment)).replace(tzinfo=None).isoformat()
            for moment in (since, until)
        )
        raise UsageError(f"--since {begin}Z is not before --until {end}Z; nothing would be left.")
