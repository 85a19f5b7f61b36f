"""``compare`` and ``plot``: what is made of results."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import flowstitch.cli.bench

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Bench = Callable[..., Result]

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def measurement(contender: str, rows: int, warm_s: float, peak_mb: int, failure: str = "") -> dict[str, Any]:
    return {
        "case": "join", "contender": contender, "rows": rows, "first_s": warm_s, "warm_s": warm_s, "cpu_s": warm_s, "failure": failure,
        "peak_rss_bytes": peak_mb * 1_000_000, "rows_per_s": rows / warm_s, "ns_per_row": warm_s / rows * 1e9,
    }  # fmt: skip


RESULT = {
    "suite": "join",
    "measurements": [
        measurement(name, rows, rows / speed, 100 + rows // 1000)
        for rows in (100_000, 1_000_000)
        for name, speed in (("flowstitch", 2e6), ("duckdb", 1e6))
    ],
}


def written(path: Path, result: dict[str, Any]) -> Path:
    path.write_text(json.dumps(result))
    return path


def changed(change: dict[int, dict[str, float]]) -> dict[str, Any]:
    """The result with some figures of some measurements times a factor."""
    result = copy.deepcopy(RESULT)
    for number, factors in change.items():
        for name, factor in factors.items():
            result["measurements"][number][name] *= factor
    return result


@pytest.mark.parametrize(
    ("change", "options", "code", "verdicts"),
    [
        ({}, [], 0, {}),
        ({0: {"warm_s": 1.09}}, [], 0, {}),
        ({0: {"warm_s": 1.2}}, [], 1, {0: "slower"}),
        ({0: {"warm_s": 1.2}}, ["--threshold", 1.25], 0, {}),
        ({2: {"peak_rss_bytes": 1.5}}, [], 1, {2: "more memory"}),
        ({2: {"warm_s": 0.5, "peak_rss_bytes": 1.5}}, [], 1, {2: "faster, more memory"}),
        # a peer that became slower is no matter of ours
        ({1: {"warm_s": 3}}, [], 0, {1: "slower"}),
        # the machine was busy: all took twice as long
        ({number: {"warm_s": 2} for number in range(4)}, [], 1, dict.fromkeys(range(4), "slower")),
        ({number: {"warm_s": 2} for number in range(4)}, ["--relative", "duckdb"], 0, {}),
        ({0: {"warm_s": 2}, 1: {"warm_s": 1.5}}, ["--relative", "duckdb"], 1, {0: "slower"}),
    ],
)
def test_compare_says_which_and_ends_with_1_past_the_threshold(
    bench: Bench,
    change: dict[int, dict[str, float]],
    options: list[object],
    code: int,
    verdicts: dict[int, str],
    tmp_path: Path,
) -> None:
    old, new = written(tmp_path / "old.json", RESULT), written(tmp_path / "new.json", changed(change))
    done = bench("compare", old, new, *options)
    assert done.exit_code == code, done.output
    head, *rows = done.stdout.splitlines()
    place = head.index("verdict")
    told = {tuple(row.split()[2:4]): row[place:].strip() for row in rows}
    expected = {
        (str(one["rows"]), one["contender"]): verdicts.get(number, "-").replace("-", "")
        for number, one in enumerate(RESULT["measurements"])
        if "--relative" not in options or one["contender"] != "duckdb"
    }
    assert {key: word.removesuffix("-") for key, word in told.items()} == expected


def test_compare_tells_what_is_gone(bench: Bench, tmp_path: Path) -> None:
    less = copy.deepcopy(RESULT)
    less["measurements"][3] |= {"failure": "stopped after 900 s"}
    done = bench("compare", written(tmp_path / "old.json", RESULT), written(tmp_path / "new.json", less))
    assert done.exit_code == 0
    assert done.stderr == "flowstitch: join, 1000000 rows: duckdb has figures in the old result only.\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("{}", "no result of a benchmark"),
        ("[1]", "no result of a benchmark"),
        ("not JSON", "no result of a benchmark"),
        ('{"suite": "parse", "measurements": []}', "the two results have no case in common"),
    ],
)
def test_what_is_no_result_is_refused(bench: Bench, text: str | None, sentence: str, tmp_path: Path) -> None:
    new = tmp_path / "new.json"
    if text is not None:
        new.write_text(text)
    done = bench("compare", written(tmp_path / "old.json", RESULT), new)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_plot_draws_growth_and_rates(bench: Bench, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    single = {
        "suite": "parse",
        "measurements": [one | {"case": "aws-text"} for one in RESULT["measurements"][:2]],
    }
    files = [written(tmp_path / "join.json", RESULT), written(tmp_path / "parse.json", single)]
    done = bench("plot", *files, "--out", tmp_path / "plots")
    assert done.exit_code == 0, done.output
    drawn = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert drawn == ["join-join.svg", "parse.svg"]
    first = (tmp_path / "plots" / "join-join.svg").read_bytes()
    assert first.startswith(b"<?xml")
    bench("plot", *files, "--out", tmp_path / "again")
    assert (tmp_path / "again" / "join-join.svg").read_bytes() == first


def test_the_pictures_are_of_the_results_beside_them(bench: Bench, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    done = bench("plot", *sorted((BENCHMARKS / "results").glob("*.json")), "--out", tmp_path)
    assert done.exit_code == 0, done.output
    drawn, kept = (
        {path.name: re.findall("<!-- (.*) -->", path.read_text()) for path in folder.glob("*.svg")}
        for folder in (tmp_path, BENCHMARKS / "plots")
    )
    assert drawn == kept
    shown = re.findall(r"\(plots/(.*)\)", (BENCHMARKS / "README.md").read_text())
    assert sorted(shown) == sorted(kept)


def test_plot_without_matplotlib_says_what_to_do(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(flowstitch.cli.bench, "find_spec", lambda _: None)
    done = bench("plot", written(tmp_path / "join.json", RESULT))
    assert done.exit_code == 2
    assert "pip install -e '.[bench]'" in done.stderr
