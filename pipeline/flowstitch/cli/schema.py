"""``flowstitch schema``: which tables a result has, and what their columns mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flowstitch.catalog import Field, table, table_names
from flowstitch.cli.output import write_json, write_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem

FORMATS = ("table", "json", "markdown")
# What DuckDB calls the types of schemas/fields.toml.
DUCKDB_TYPES = {
    "address": "VARCHAR",
    "bytes": "BIGINT",
    "count": "BIGINT",
    "counts": "MAP(VARCHAR, BIGINT)",
    "enum": "VARCHAR",
    "flag": "BOOLEAN",
    "id": "UBIGINT",
    "ids": "UBIGINT[]",
    "name": "VARCHAR",
    "names": "VARCHAR[]",
    "port": "USMALLINT",
    "text": "VARCHAR",
    "time": "TIMESTAMP",
    "u8": "UTINYINT",
    "u16": "USMALLINT",
}
EXAMPLES = """\b
Examples:
  flowstitch schema                        the tables
  flowstitch schema datapaths              its columns
  flowstitch schema datapaths -f markdown
"""


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str | CompletionItem]:  # noqa: ARG001
    return [name for name in table_names() if name.startswith(incomplete)]


@click.command("schema", epilog=EXAMPLES)
@click.argument("name", metavar="[TABLE]", required=False, shell_complete=_complete)
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default=FORMATS[0],
    show_default=True,
    help="How it is written.",
)
def command(name: str | None, form: str) -> None:
    """Say which tables there are and what their columns mean.

    Without TABLE the tables with what one row is; with it the columns: DuckDB type, what null means, and what
    the column says.
    """
    rows = _table_rows() if name is None else [_column_row(item) for item in table(name).fields]
    if form == "json":
        write_json(rows)
    elif form == "markdown":
        click.echo("\n".join(_markdown(rows)))
    else:
        write_table(list(rows[0]), [list(row.values()) for row in rows], [False] * len(rows[0]))


def _table_rows() -> list[dict[str, Any]]:
    return [
        {"table": item.name, "grain": item.grain, "key": list(item.key), "doc": item.doc} for item in map(table, table_names())
    ]  # fmt: skip


def _column_row(item: Field) -> dict[str, Any]:
    values = f" One of: {', '.join(item.values)}." if item.values else ""
    return {
        "column": item.name,
        "type": DUCKDB_TYPES[item.type],
        "null": item.null or None,
        "doc": item.doc + values,
    }


def _markdown(rows: Sequence[dict[str, Any]]) -> list[str]:
    lines = [list(rows[0]), ["---"] * len(rows[0])]
    lines += [[_markdown_cell(value) for value in row.values()] for row in rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _markdown_cell(value: Any) -> str:
    text = ", ".join(value) if isinstance(value, list) else value or ""
    return text.replace("|", "\\|")
