"""``flowstitch convert``: an export in, its canonical tables out."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import click

from flowstitch.cli.console import Progress, log_options
from flowstitch.cli.exports import FORMS, exports_argument, reading_options
from flowstitch.cli.output import write_table
from flowstitch.cli.run import tell_warnings
from flowstitch.texts import printable

EXAMPLES = """\b
Examples:
  flowstitch convert export/ --out tables/
  flowstitch convert hour-*/ --out day/ --overwrite
  flowstitch convert oss://bucket/vpc-flow/2026/11/23/ --out tables/
  flowstitch run tables/ --out result/              the same result as of export/

\b
Exit codes: 0 done; 1 done, but a source was torn or unreadable, lost events, or had more than
--max-rejects of its rows rejected; 2 wrong use; 3 failed, and nothing was left behind.
"""


@click.command("convert", epilog=EXAMPLES + FORMS)
@exports_argument
@click.option("--out", required=True, metavar="DIR", type=click.Path(), help="Directory of the tables.")
@reading_options
@click.option("--overwrite", is_flag=True, help="Replace earlier tables in DIR.")
@log_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    exports: tuple[str, ...],
    out: str,
    log: str,
    threads: int | None,
    *,
    quiet: bool,
    **wishes: Any,
) -> None:
    """Write the canonical tables of an export as Parquet.

    The tables are an EXPORT themselves: a run over them has the same result, and
    every row in it is still traced to the file and line that it came from. `flowstitch schema` says what they hold.
    """
    from flowstitch.runner.convert import convert  # noqa: PLC0415

    given = {name: value for name, value in wishes.items() if value is not None}
    given["threads"] = threads or len(os.sched_getaffinity(0))
    with Progress(log, quiet=quiet).shown() as progress:
        summary = convert(exports, Path(out), listener=progress, **given)
    tell_warnings(summary, progress)
    write_table(["table", "rows"], [[name, count] for name, count in summary.counts.items()], [False, True])
    click.echo()
    click.echo(f"Next: flowstitch run {printable(shlex.quote(out))} --out result/")
    ctx.exit(int(summary.incomplete))
