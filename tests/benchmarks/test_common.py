"""What suites share: times count only behind a right answer, limits hold, differences are told."""

from __future__ import annotations

import os
from pathlib import Path

import benchmarks.common.measure
import polars as pl
import pytest
from benchmarks.common.answers import difference
from benchmarks.common.measure import Limits
from benchmarks.common.model import OURS, Case, Contender
from benchmarks.common.run import Wishes, failures, run_case

from flowstitch.errors import FlowstitchError


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def run(*functions: str, **wishes: object) -> dict[str, dict[str, object]]:
    contenders = [Contender(name, f"stand_ins:{name}") for name in functions]
    case = Case("a case", 20, {"rows": 20}, [Contender(OURS, "stand_ins:right"), *contenders], key=["key"])
    return {one.contender: one for one in run_case(case, Wishes(repeats=2, **wishes), lambda _: None)}


def test_times_count_behind_a_right_answer_only() -> None:
    found = run("right_in_other_order", "wrong_in_one_row", "failing")
    assert found["right_in_other_order"].failure == ""
    assert len(found["right_in_other_order"].runs_s) == 3
    assert found["right_in_other_order"].warm_s > 0
    assert (
        found["right_in_other_order"].peak_rss_bytes >= found["right_in_other_order"].idle_rss_bytes > 1 << 20
    )
    wrong = found["wrong_in_one_row"]
    assert wrong.failure == "wrong answer: value of {'key': 19}: we say 57, they 58"
    assert (wrong.runs_s, wrong.warm_s, wrong.rows_per_s) == ((), 0, 0)
    assert found["failing"].failure == "ValueError: cannot do 20 rows"
    told = failures(
        {
            "measurements": [
                {"case": "a case", "rows": 20, "contender": one.contender, "failure": one.failure}
                for one in found.values()
            ]
        }
    )
    assert [sentence.split(": ")[1] for sentence in told] == ["wrong_in_one_row", "failing"]


def test_who_takes_too_much_is_stopped() -> None:
    limits = Limits(seconds=8, memory_bytes=600 << 20)
    found = run("slow", "large", limits=limits)
    assert found["slow"].failure == "stopped after 8 s"
    assert found["large"].failure == "stopped at 0.6 GB of memory"


def test_a_contender_does_not_outlive_whoever_is_told_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def interrupted(pid: int, *_: object) -> str:
        started.append(pid)
        raise KeyboardInterrupt

    monkeypatch.setattr(benchmarks.common.measure, "_past", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert not Path(f"/proc/{started[0]}").exists()


def test_peak_memory_is_the_contender_s_own() -> None:
    held = bytearray(os.urandom(1)) * (1 << 29)
    found = run()
    assert found[OURS].peak_rss_bytes < len(held)


def test_without_our_own_answer_there_is_nothing_to_compare() -> None:
    case = Case("a case", 3, {"rows": 3}, [Contender(OURS, "stand_ins:failing")])
    with pytest.raises(FlowstitchError, match="a case with 3 rows failed: ValueError: cannot do 3 rows"):
        list(run_case(case, Wishes(), lambda _: None))


def test_peers_that_are_not_asked_for_or_not_installed_do_not_run() -> None:
    assert list(run("right", "failing", peers=["right"])) == [OURS, "right"]
    case = Case(
        "c",
        3,
        {"rows": 3},
        [Contender(OURS, "stand_ins:right"), Contender("x", "stand_ins:right", needs=["no_such_module"])],
    )
    *_, last = run_case(case, Wishes(repeats=0), lambda _: None)
    assert last.failure == "not installed: no_such_module"


FRAME = pl.DataFrame({"a": [2, 1, None], "b": ["x", None, "y"]})


@pytest.mark.parametrize(
    ("theirs", "key", "said"),
    [
        (FRAME, (), ""),
        (FRAME.cast({"a": pl.UInt8, "b": pl.Categorical}), (), ""),
        (FRAME.reverse(), ("a",), ""),
        (FRAME.reverse(), (), "a of row 1: we say 2, they None"),
        (FRAME.head(2), ("a",), "we have 3 rows, they 2"),
        (FRAME.rename({"b": "c"}), (), "we have columns a, b, they a, c"),
        (FRAME.with_columns(b=pl.Series(["x", "", "y"])), ("a",), "b of {'a': 1}: we say None, they ''"),
    ],
)
def test_differences_are_told(theirs: pl.DataFrame, key: tuple[str, ...], said: str) -> None:
    assert difference(FRAME, theirs, key) == said
