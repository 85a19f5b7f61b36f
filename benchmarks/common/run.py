"""A suite from its inputs to its result: every answer is compared before its times count."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.common.answers import difference, read_answer
from benchmarks.common.machine import commit, machine, versions
from benchmarks.common.measure import Limits, Measured, measure
from benchmarks.common.model import OURS, Case, Contender, Suite, suite
from flowstitch.errors import FlowstitchError, UsageError, unknown_name

WRONG, MISSING = "wrong answer", "not installed"


@dataclass(frozen=True)
class Wishes:
    """How a suite is run.

    Attributes
    ----------
    sizes : records of the inputs, empty for the suite's own. repeats : runs after the first.
    peers : names of peers, None for all that are installed. only : beginning of the names of cases.
    inputs : directory in which inputs stay for the next time, None for one that goes.
    cold : compile kernels anew. limits : what a contender may take.
    """

    sizes: Sequence[int] = ()
    repeats: int = 3
    peers: Sequence[str] | None = None
    only: str = ""
    inputs: Path | None = None
    cold: bool = False
    limits: Limits = field(default_factory=Limits)


def run_suite(name: str, wishes: Wishes, tell: Callable[[str], object]) -> dict[str, Any]:
    """Result of a suite, as it is written to a file.

    Parameters
    ----------
    tell : is told what is being done.

    Raises
    ------
    UsageError : no such peer, or one that is not installed; FlowstitchError when we have no answer ourselves.
    """
    asked = suite(name)
    _check_peers(asked, wishes.peers)
    result: dict[str, Any] = {
        "suite": name, "taken_at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(),
        "versions": versions(), "commit": commit(), "repeats": wishes.repeats, "cold": wishes.cold, "measurements": [],
    }  # fmt: skip
    with _inputs(wishes.inputs) as folder:
        for case in asked.cases(folder, wishes.sizes or asked.sizes):
            if not case.name.startswith(wishes.only):
                continue
            for one in run_case(case, wishes, tell):
                result["measurements"].append(_written(case, one))
    if not result["measurements"]:
        raise UsageError(f"--only: no case of suite {name} begins with {wishes.only!r}.")
    return result


def run_case(case: Case, wishes: Wishes, tell: Callable[[str], object]) -> Iterator[Measured]:
    """What each contender took; a peer whose answer is another than ours has no times."""
    chosen = [item for item in case.contenders if _is_chosen(item, wishes.peers)]
    with tempfile.TemporaryDirectory(prefix="flowstitch-bench-") as name:
        ours = Path(name) / "ours.arrow"
        for contender in chosen:
            tell(f"{case.name}, {case.rows} rows: {contender.name}")
            if contender.missing():
                yield Measured(
                    contender.name, case.rows, failure=f"{MISSING}: {', '.join(contender.missing())}"
                )
                continue
            table = ours if contender.name == OURS else Path(name) / "theirs.arrow"
            found = measure(case, contender, wishes.repeats, table, limits=wishes.limits, cold=wishes.cold)
            if contender.name == OURS and found.failure:
                raise FlowstitchError(f"{case.name} with {case.rows} rows failed: {found.failure}")
            if contender.name != OURS and not found.failure:
                said = difference(read_answer(ours), read_answer(table), case.key)
                if said:
                    found = Measured(contender.name, found.rows, failure=f"{WRONG}: {said}")
            yield found


def failures(result: dict[str, Any]) -> list[str]:
    """A sentence for each peer that should have answered and did not, or wrongly; being stopped at a limit is a figure too."""
    return [
        f"{one['case']}, {one['rows']} rows: {one['contender']}: {one['failure']}"
        for one in result["measurements"]
        if one["failure"] and not one["failure"].startswith((MISSING, "stopped "))
    ]


def _written(case: Case, one: Measured) -> dict[str, Any]:
    paths = {} if case.paths is None else {"paths": case.paths, "paths_per_s": _rate(case.paths, one.warm_s)}
    figures = {} if one.failure else {
        "rows_per_s": _rate(one.rows, one.warm_s), "ns_per_row": round(one.warm_s / max(1, one.rows) * 1e9, 1), **paths,
    }  # fmt: skip
    return {"case": case.name, **asdict(one), **figures}


def _rate(count: int, seconds: float) -> int:
    return round(count / seconds) if seconds else 0


def _is_chosen(contender: Contender, peers: Sequence[str] | None) -> bool:
    return peers is None or contender.name == OURS or contender.name in peers


def _check_peers(asked: Suite, peers: Sequence[str] | None) -> None:
    for name in peers or ():
        if name not in asked.peers:
            raise unknown_name(f"peer of suite {asked.name}", name, asked.peers)


@contextmanager
def _inputs(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="flowstitch-bench-") as name:
        yield Path(name)
