"""Two results side by side: what became slower or larger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.common.model import OURS
from flowstitch.errors import UsageError

COLUMNS = (
    "suite",
    "case",
    "rows",
    "contender",
    "old s",
    "new s",
    "time",
    "old MB",
    "new MB",
    "memory",
    "verdict",
)


@dataclass(frozen=True)
class Change:
    """What became of one contender on one case.

    Attributes
    ----------
    time, memory : new as a multiple of old. verdict : in words, empty where both are within the threshold.
    worse : one of them is past it, and the contender is ours: a peer that became slower is no matter of ours.
    """

    place: tuple[str, str, int, str]
    old: dict[str, Any]
    new: dict[str, Any]
    time: float
    memory: float
    verdict: str
    worse: bool

    def row(self) -> Sequence[Any]:
        """Cells of ``COLUMNS``."""
        figures = []
        for name, unit, ratio in (("warm_s", 1, self.time), ("peak_rss_bytes", 1e6, self.memory)):
            figures += [f"{one[name] / unit:.{3 if unit == 1 else 0}f}" for one in (self.old, self.new)] + [
                f"{ratio:.2f}"
            ]
        return (*self.place, *figures, self.verdict)


def compare(old: dict[str, Any], new: dict[str, Any], threshold: float, relative: str | None) -> list[Change]:
    """Changes from an old result to a new one, of what both have figures for.

    Parameters
    ----------
    threshold : how many times the old figure is too much; its inverse is an improvement.
    relative : name of a contender; times are taken as multiples of its time on the same case in the same result, so that
        another machine, or one that is busier, says nothing.

    Raises
    ------
    UsageError : the two have nothing in common.
    """
    before, after = (_by_place(result, relative) for result in (old, new))
    found = list(_changes(before, after, threshold))
    if not found:
        what = f" with times of {relative!r}" if relative else ""
        raise UsageError(
            f"the two results have no case in common{what}; run the same suite with the same --sizes."
        )
    return found


def gone(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """A sentence for each case and contender with figures in the old result and none in the new one."""
    before, after = (_by_place(result, None) for result in (old, new))
    return [
        f"{case}, {rows} rows: {contender} has figures in the old result only."
        for _, case, rows, contender in before
        if (old["suite"], case, rows, contender) not in after
    ]


def _changes(
    before: dict[tuple[str, str, int, str], Any],
    after: dict[tuple[str, str, int, str], Any],
    threshold: float,
) -> Iterator[Change]:
    for place, (one, unit) in before.items():
        if place not in after:
            continue
        other, other_unit = after[place]
        time = (other["warm_s"] / other_unit) / (one["warm_s"] / unit)
        memory = other["peak_rss_bytes"] / one["peak_rss_bytes"]
        words = [
            word
            for ratio, more, less in ((time, "slower", "faster"), (memory, "more memory", "less memory"))
            for word in [more if ratio > threshold else less if ratio * threshold < 1 else ""]
            if word
        ]
        worse = place[-1] == OURS and max(time, memory) > threshold
        yield Change(place, one, other, time, memory, ", ".join(words), worse)


def _by_place(result: dict[str, Any], relative: str | None) -> dict[tuple[str, str, int, str], Any]:
    """Measurements that have figures, and the time that theirs is a multiple of."""
    done = [one for one in result["measurements"] if not one["failure"]]
    units = {(one["case"], one["rows"]): one["warm_s"] for one in done if one["contender"] == relative}
    return {
        (result["suite"], one["case"], one["rows"], one["contender"]): (
            one,
            units.get((one["case"], one["rows"]), 1.0),
        )
        for one in done
        if relative is None or ((one["case"], one["rows"]) in units and one["contender"] != relative)
    }
