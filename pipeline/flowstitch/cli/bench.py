"""``flowstitch bench``: the benchmark suites of a checkout, and what is done with their results."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowstitch.catalog.load import packaged_root
from flowstitch.cli.console import Progress, log_options, say
from flowstitch.cli.output import write_table
from flowstitch.errors import SchemaError, UsageError
from flowstitch.texts import printable

if TYPE_CHECKING:
    from types import ModuleType

SUITES = {
    "parse": "Text to typed columns, against the readers of DuckDB, Polars and PyArrow, and flowlogs-reader.",
    "join": "Interned rows to paths with their legs and counters, against DuckDB, Polars and pandas.",
    "end-to-end": "Raw exports to Parquet tables, plain and gzipped, against a script for DuckDB.",
    "scale": "Time and memory of `join` and `end-to-end` as inputs grow.",
    "sql": "Each named question on a result: first from the disk, then warm.",
}
EXAMPLES = """\b
Examples:
  flowstitch bench parse --sizes 1e5 --repeats 5
  flowstitch bench parse --only aws-text --peers duckdb,polars
  flowstitch bench join --sizes 6e6,3e7 --inputs tables/
  flowstitch bench scale --sizes 1e5,3e5,1e6 --out scale.json
  flowstitch bench plot scale.json
  flowstitch bench compare before.json after.json --threshold 1.1 --relative duckdb

\b
Every contender runs in a process of its own, and its answer is compared with ours row for row before its times count.
Suites are part of a checkout: pip install -e '.[bench]' there brings the peers.
Exit codes: 0 done; 1 a peer failed or answered something else, or compare found us worse; 2 wrong use; 3 failed.
"""


def _part(name: str) -> ModuleType:
    """Module ``benchmarks.<name>`` of the checkout."""
    try:
        root = packaged_root("benchmarks")
    except SchemaError as error:
        raise UsageError(
            "there are no benchmarks in this installation; they are in a checkout of flowstitch: pip install -e '.[bench]' there."
        ) from error
    if str(root.parent) not in sys.path:
        sys.path.insert(0, str(root.parent))
    return import_module(f"benchmarks.{name}")


def _sizes(ctx: click.Context, param: click.Parameter, text: str | None) -> list[int]:  # noqa: ARG001 - click's signature
    try:
        sizes = [int(float(item)) for item in text.split(",")] if text else []
    except (ValueError, OverflowError):
        sizes = [0]
    if any(size < 1 for size in sizes):
        raise click.BadParameter(f"got {text!r}, expected numbers of rows like 1e5,1e6.")
    return sizes


def _names(ctx: click.Context, param: click.Parameter, text: str | None) -> list[str] | None:  # noqa: ARG001
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


@click.group("bench", epilog=EXAMPLES)
def command() -> None:
    """Run benchmark suites against other engines."""


def _suite_command(name: str, what: str) -> click.Command:
    @click.command(name, help=what)
    @click.option(
        "--sizes",
        metavar="ROWS,...",
        callback=_sizes,
        help="Records of the inputs.  [default: the suite's own]",
    )
    @click.option("--repeats", metavar="N", type=click.IntRange(0, 100), default=3, show_default=True,
                  help="Runs after the first; their median counts.")  # fmt: skip
    @click.option(
        "--peers",
        metavar="NAME,...",
        callback=_names,
        help="Peers to run, '' for none.  [default: all installed]",
    )
    @click.option("--only", metavar="CASE", default="", help="Cases whose names begin so.")
    @click.option(
        "--inputs",
        metavar="DIR",
        type=click.Path(file_okay=False),
        help="Keep inputs there for the next time.",
    )
    @click.option(
        "--cold", is_flag=True, help="Compile kernels anew: the first run tells how long that takes."
    )
    @click.option("--out", metavar="FILE", type=click.Path(dir_okay=False),
                  help="Where the result is written.  [default: bench-SUITE-TIME.json]")  # fmt: skip
    @log_options
    @click.pass_context
    def run(
        ctx: click.Context, /, log: str, *, out: str | None, inputs: str | None, quiet: bool, **wishes: Any
    ) -> None:
        runner, report = _part("common.run"), _part("common.report")
        path = Path(out or f"bench-{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json")
        asked = runner.Wishes(inputs=None if inputs is None else Path(inputs), **wishes)
        with Progress(log, quiet=quiet).shown() as progress:
            result = runner.run_suite(name, asked, progress.stage)
        report.write_result(result, path)
        numeric = [column not in {"case", "contender"} for column in report.COLUMNS]
        write_table(report.COLUMNS, report.table_rows(result), numeric)
        failures: list[str] = runner.failures(result)
        for sentence in failures:
            say(sentence)
        click.echo(f"\nNext: flowstitch bench compare {printable(shlex.quote(str(path)))} LATER.json")
        ctx.exit(int(bool(failures)))

    return run


@command.command("compare")
@click.argument("old", type=click.Path(dir_okay=False))
@click.argument("new", type=click.Path(dir_okay=False))
@click.option("--threshold", metavar="TIMES", type=click.FloatRange(1, min_open=True), default=1.1, show_default=True,
              help="More than so many times the old time or memory is worse.")  # fmt: skip
@click.option(
    "--relative",
    metavar="PEER",
    help="Times as multiples of that peer's in the same result: for another or a busy machine.",
)
@click.pass_context
def _compare(ctx: click.Context, /, old: str, new: str, threshold: float, relative: str | None) -> None:
    """Compare two results; exit 1 where ours became slower or needs more memory."""
    comparison, report = _part("common.compare"), _part("common.report")
    results = [report.read_result(Path(path)) for path in (old, new)]
    changes = comparison.compare(*results, threshold, relative)
    numeric = [column not in {"suite", "case", "contender", "verdict"} for column in comparison.COLUMNS]
    write_table(comparison.COLUMNS, [change.row() for change in changes], numeric)
    for sentence in comparison.gone(*results):
        say(sentence)
    ctx.exit(int(any(change.worse for change in changes)))


@command.command("plot")
@click.argument("results", metavar="RESULT...", nargs=-1, required=True, type=click.Path(dir_okay=False))
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Where SVG files go.  [default: benchmarks/plots]",
)
def _plot(results: tuple[str, ...], out: str | None) -> None:
    """Draw results as SVG: against records where there are several sizes, else by contender."""
    report = _part("common.report")
    read = [report.read_result(Path(path)) for path in results]
    if find_spec("matplotlib") is None:
        raise UsageError(
            "matplotlib, which draws, is not installed: pip install -e '.[bench]' in the checkout."
        )
    folder = Path(out) if out else packaged_root("benchmarks") / "plots"
    for path in _part("common.plot").plot(read, folder):
        click.echo(printable(str(path)))


for _name, _what in SUITES.items():
    command.add_command(_suite_command(_name, _what))
