"""``flowstitch bench`` as a user meets it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from benchmarks.common.model import SUITES

import flowstitch.cli.bench
from flowstitch.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Bench = Callable[..., Result]


def test_every_suite_is_a_command(bench: Bench) -> None:
    assert list(flowstitch.cli.bench.SUITES) == list(SUITES)
    for name in SUITES:
        assert bench(name, "--help").exit_code == 0


def test_a_suite_prints_a_table_and_writes_a_dated_result(bench: Bench, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    done = bench(
        "parse",
        "--sizes",
        "2e3",
        "--repeats",
        1,
        "--only",
        "conntrack-list",
        "--peers",
        "duckdb",
        "--out",
        out,
    )
    assert done.exit_code == 0, done.output
    head, *rows = [line.split() for line in done.stdout.splitlines() if line]
    assert head[:3] == ["case", "rows", "contender"]
    assert [row[:3] for row in rows[:2]] == [
        ["conntrack-list", "2000", name] for name in ("flowstitch", "duckdb")
    ]
    result = json.loads(out.read_text())
    assert result["taken_at"].endswith("+00:00")
    assert {"processor", "cores", "memory_bytes"} <= set(result["machine"])
    assert {"python", "numpy", "duckdb", "polars", "pyarrow"} <= set(result["versions"])
    for one in result["measurements"]:
        assert one["rows_per_s"] == pytest.approx(2000 / one["warm_s"], abs=1)
        assert one["peak_rss_bytes"] > 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--peers", "duckbd"], "there is no peer of suite parse 'duckbd'; did you mean 'duckdb'?"),
        (["--sizes", "1e5,many"], "expected numbers of rows like 1e5,1e6"),
        (["--only", "nothing", "--sizes", "100"], "no case of suite parse begins with 'nothing'"),
    ],
)
def test_wrong_use_is_one_sentence(bench: Bench, arguments: list[str], sentence: str) -> None:
    done = bench("parse", "-q", *arguments)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_a_checkout_it_says_where_benchmarks_are(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(name: str) -> Path:
        raise SchemaError(name)

    monkeypatch.setattr(flowstitch.cli.bench, "packaged_root", nowhere)
    done = bench("parse")
    assert done.exit_code == 2
    assert "they are in a checkout of flowstitch: pip install -e '.[bench]' there" in done.stderr
