"""``flowstitch report``: a result as one page that can be mailed."""

from __future__ import annotations

from pathlib import Path

import click

from flowstitch.cli.results import memory_option

EXAMPLES = """\b
Examples:
  flowstitch report result/ -o report.html
  flowstitch report result/ -o report.html --overwrite
  flowstitch report --compare before/ after/ -o report.html   what moved, too
"""


@click.command("report", epilog=EXAMPLES)
@click.argument("result", type=click.Path())
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="The page; it appears whole or not at all.",
)
@click.option(
    "--compare",
    "before",
    metavar="BEFORE",
    type=click.Path(),
    help="An earlier result, to say what moved since.",
)
@memory_option
@click.option("--overwrite", is_flag=True, help="Replace a report that is there already.")
def command(
    result: str, output: str, before: str | None, memory_bytes: int | None, *, overwrite: bool
) -> None:
    """Write what a result says into one page.

    RESULT is the directory that `flowstitch run` wrote. The page is one file that needs no network: which returns land
    on the primary ENI, of which nodes and services, why, and what to do about it; pictures; each scenario hop by hop; tables of the named questions, each row with the
    command that shows a path of it; what was read. The answer is printed as well.
    """
    from flowstitch.sql.session import Result  # noqa: PLC0415

    with Result(Path(result)) as session:
        session.limit(memory_bytes=memory_bytes)
        for sentence in session.report(output, overwrite=overwrite, before=before):
            click.echo(sentence)
