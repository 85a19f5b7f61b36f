"""``flowstitch schema``: which tables a result has, what their columns mean, and how data planes route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flowstitch.catalog import table, table_names
from flowstitch.catalog.dataplanes import dataplane_names, read_dataplane
from flowstitch.catalog.reference import column_row, markdown_table, table_row
from flowstitch.cli.output import write_json, write_table
from flowstitch.cli.scenarios import scenario_rows, text_rows, write_dataplanes
from flowstitch.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem

DATAPLANES = "dataplanes"
FORMATS = ("table", "json", "markdown")
EXAMPLES = """\b
Examples:
  flowstitch schema                            the tables
  flowstitch schema datapaths                  its columns
  flowstitch schema datapaths -f markdown
  flowstitch schema dataplanes                 the scenarios of all data planes, hop by hop
  flowstitch schema dataplanes terway-eniip    those of one
"""


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str | CompletionItem]:
    if param.name == "name":
        names = [*table_names(), DATAPLANES]
    else:
        names = dataplane_names() if ctx.params.get("name") == DATAPLANES else []
    return [name for name in names if name.startswith(incomplete)]


@click.command("schema", epilog=EXAMPLES)
@click.argument("name", metavar="[TABLE | dataplanes]", required=False, shell_complete=_complete)
@click.argument("dataplane", metavar="[NAME]", required=False, shell_complete=_complete)
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default=FORMATS[0],
    show_default=True,
    help="How it is written.",
)
def command(name: str | None, dataplane: str | None, form: str) -> None:
    """Say what tables and columns mean, and how data planes route.

    Without TABLE the tables with what one row is; with it the columns: DuckDB type, what null means, and what
    the column says. With `dataplanes` the scenarios of data planes, or of the one of that NAME: what makes a path one of them,
    the hops of request and reply, how many network stacks it goes through, and what a healthy one shows.
    """
    if name == DATAPLANES:
        _write_scenarios(dataplane, form)
    elif dataplane is not None:
        raise UsageError(f"got {dataplane!r} behind {name!r}; only {DATAPLANES!r} takes a name.")
    elif name is None:
        _write([table_row(item) for item in table_names()], form)
    elif name not in table_names():
        raise unknown_name("table", name, [*table_names(), DATAPLANES])
    else:
        _write([column_row(item) for item in table(name).fields], form)


def _write_scenarios(dataplane: str | None, form: str) -> None:
    names = dataplane_names() if dataplane is None else [dataplane]
    for name in names:
        read_dataplane(name)
    if form == "json":
        write_json(scenario_rows(names))
    elif form == "markdown":
        _write(text_rows(scenario_rows(names)), form)
    else:
        write_dataplanes(names)


def _write(rows: Sequence[dict[str, Any]], form: str) -> None:
    if form == "json":
        write_json(rows)
    elif form == "markdown":
        click.echo("\n".join(markdown_table(rows)))
    else:
        write_table(list(rows[0]), [list(row.values()) for row in rows], [False] * len(rows[0]))
