"""Times that a user gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flowstitch.errors import UsageError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_MICROS = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


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
