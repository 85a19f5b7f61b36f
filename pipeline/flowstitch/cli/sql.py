"""``flowstitch sql``: any query over a result."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from flowstitch.cli.output import output_options, write_relation
from flowstitch.cli.results import also_option, memory_option

EXAMPLES = """\b
Examples:
  flowstitch sql result/ "show tables"
  flowstitch sql result/ "select scenario, count(*) from datapaths group by all order by 2 desc"
  flowstitch sql result/ "from datapaths where return_lands_on = 'primary'" -o primary.parquet
  flowstitch sql result/ - < query.sql
  flowstitch sql result/ "from questions"           what `flowstitch ask` knows, each answered by a view
  flowstitch sql monday/ --also tuesday/ "from datapaths"
  flowstitch sql result/ --unsafe "copy datapaths to 'paths.csv'"
"""


@click.command("sql", epilog=EXAMPLES)
@click.argument("result", type=click.Path())
@click.argument("query")
@also_option
@click.option("--unsafe", is_flag=True, help="Let the query write, and reach other files and extensions.")
@memory_option
@output_options
def command(
    result: str,
    query: str,
    also: tuple[str, ...],
    memory_bytes: int | None,
    form: str | None,
    output: str | None,
    *,
    unsafe: bool,
) -> None:
    """Run a DuckDB query over the tables of a result.

    RESULT is the directory that `flowstitch run` wrote; `flowstitch schema` says which tables and columns there
    are. A QUERY of `-` is read from standard input. Times are UTC. A query is one statement that reads the result and
    nothing else; --unsafe lets it be several, and do what DuckDB can.
    """
    from flowstitch.sql.session import Result  # noqa: PLC0415

    with Result([Path(one) for one in (result, *also)]) as session:
        session.limit(memory_bytes=memory_bytes)
        if not unsafe:
            session.lock()
        write_relation(session.sql(sys.stdin.read() if query == "-" else query), form, output)
