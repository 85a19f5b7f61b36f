"""What a suite consists of: cases, and who answers them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flowstitch.errors import unknown_name

OURS = "flowstitch"
SUITES = {
    "parse": "benchmarks.parse.suite",
    "join": "benchmarks.join.suite",
    "end-to-end": "benchmarks.end_to_end.suite",
    "scale": "benchmarks.scale.suite",
    "sql": "benchmarks.sql.suite",
}


@dataclass(frozen=True)
class Contender:
    """Who answers a case.

    Attributes
    ----------
    name : shown in tables, and what ``--peers`` takes.
    work : ``module:function``, called with the arguments of the case by name; this is what is timed.
    answer : ``module:function`` that makes of what ``work`` returned the Arrow table that is compared, given the arguments
        too; None where it is that table already. It is not timed.
    prepare : ``module:function`` that is called before, with the arguments; it is not timed.
    needs : modules that must be installed.
    extra : arguments beside those of the case.
    rows, timed : a smaller input for who would take too long: its rows, and its arguments; None for those of the case.
    """

    name: str
    work: str
    answer: str | None = None
    needs: Sequence[str] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    prepare: str | None = None
    rows: int | None = None
    timed: Mapping[str, Any] | None = None

    def missing(self) -> list[str]:
        """Modules that it needs and that are not installed."""
        return [name for name in self.needs if find_spec(name) is None]


@dataclass(frozen=True)
class Case:
    """One question on one input.

    Attributes
    ----------
    name : of the case. rows : records of the input.
    arguments : of each contender's ``work``, what JSON has.
    contenders : ours first.
    key : columns that put the rows of an answer in order; without them rows are compared as they come.
    checked : arguments of an input that is small enough to compare answers on; None for that of the case.
    paths : datapaths in the input, None where that is not the question.
    """

    name: str
    rows: int
    arguments: Mapping[str, Any]
    contenders: Sequence[Contender]
    key: Sequence[str] = ()
    checked: Mapping[str, Any] | None = None
    paths: int | None = None

    def inputs(self, contender: Contender) -> tuple[dict[str, Any], dict[str, Any]]:
        """Arguments of what is timed, and of what is compared; often the same."""
        timed = {**(contender.timed or self.arguments), **contender.extra}
        return timed, {**(self.checked or self.arguments), **contender.extra}


@dataclass(frozen=True)
class Suite:
    """A suite: ``module`` has ``cases``, ``PEERS`` and ``SIZES``.

    Attributes
    ----------
    sizes : records of the inputs, unless others are asked for.
    peers : names of all peers.
    cases : given a directory for inputs and the sizes, makes the inputs one by one.
    """

    name: str
    sizes: Sequence[int]
    peers: Sequence[str]
    cases: Callable[[Path, Sequence[int]], Iterator[Case]]


def suite(name: str) -> Suite:
    """Suite of that name; ``UsageError`` with the nearest name when there is none."""
    if name not in SUITES:
        raise unknown_name("suite", name, SUITES)
    module = import_module(SUITES[name])
    return Suite(name, module.SIZES, module.PEERS, module.cases)


def loaded(place: str) -> Callable[..., Any]:
    """Function at ``module:function``."""
    module, _, name = place.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function
