"""``flowstitch export-db``: a result as one DuckDB file."""

from __future__ import annotations

from pathlib import Path

import click

from flowstitch.cli.output import write_table
from flowstitch.cli.results import also_option, memory_option

EXAMPLES = """\b
Examples:
  flowstitch export-db result/ result.duckdb
  flowstitch export-db result/ result.duckdb --overwrite
  flowstitch export-db monday/ days.duckdb --also tuesday/ --also wednesday/

\b
Then, with any DuckDB client from 1.2 on:
  show tables;                                      the tables
  from questions;                                   the questions, each a view
  from ask_return_eni limit 10;
  select column_name, comment from duckdb_columns() where table_name = 'datapaths';
"""


@click.command("export-db", epilog=EXAMPLES)
@click.argument("result", type=click.Path())
@click.argument("file", type=click.Path(dir_okay=False))
@also_option
@memory_option
@click.option("--overwrite", is_flag=True, help="Replace a DuckDB file that is there already.")
def command(
    result: str, file: str, also: tuple[str, ...], memory_bytes: int | None, *, overwrite: bool
) -> None:
    """Write everything into one database file.

    RESULT is the directory that `flowstitch run` wrote. FILE gets its tables, macros, views and questions, and a
    comment on each column; it needs neither RESULT nor flowstitch any more.
    """
    from flowstitch.sql.session import Result  # noqa: PLC0415

    with Result([Path(one) for one in (result, *also)]) as session:
        session.limit(memory_bytes=memory_bytes)
        rows = session.export_db(file, overwrite=overwrite)
    write_table(["table", "rows"], list(rows.items()), [False, True])
