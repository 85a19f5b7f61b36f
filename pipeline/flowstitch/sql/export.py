"""Results as one DuckDB file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowstitch.atomic import atomic_file, check_replaceable
from flowstitch.errors import FlowstitchError
from flowstitch.sql.definitions import comments, execute_known, library, made, question_statements
from flowstitch.sql.kept import kept_in
from flowstitch.sql.runs import RUNS, runs_query
from flowstitch.sql.tables import manifest_pattern
from flowstitch.sql.texts import quoted
from flowstitch.sql.uniting import read_tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb

# Any DuckDB from this version on opens the file.
STORAGE_VERSION = "v1.2.0"
# Behind the checksum of the first block: https://duckdb.org/docs/stable/internals/storage
_MAGIC, _MAGIC_AT = b"DUCK", 8


def export_db(results: Sequence[Path], file: Path, *, overwrite: bool = False) -> dict[str, int]:
    """Write tables, macros, views, questions and comments into one database file.

    Parameters
    ----------
    results : see ``results_of``; of several one database is made.
    overwrite : replace a DuckDB file that is there already.

    Returns
    -------
    Rows by table.

    Raises
    ------
    UsageError when the file exists and ``overwrite`` is not given, or is no DuckDB file, or cannot be written;
    FlowstitchError when writing fails, and nothing is left behind.
    """
    import duckdb  # noqa: PLC0415

    check_replaceable(file, overwrite=overwrite, mark=_MAGIC, mark_at=_MAGIC_AT, what="DuckDB file")
    with atomic_file(file, "file") as partial:
        partial.unlink()
        try:
            with duckdb.connect(":memory:") as connection:
                connection.execute("set timezone = 'UTC'")
                sources = read_tables(connection, results, "united")
                connection.execute(
                    f"attach {quoted(str(partial))} as made (storage_version {quoted(STORAGE_VERSION)})"
                )
                connection.execute("use made")
                for name, source in sources.items():
                    connection.execute(f"create table {name} as from {source}")
                connection.execute(f"create table {RUNS} as {runs_query(*map(manifest_pattern, results))}")
                kept = kept_in(results[0]) if len(results) == 1 else {}
                execute_known(connection, [made(item, kept, "table") for item in library()])
                execute_known(connection, [*question_statements(), *comments(list(sources), "table", kept)])
                rows = {name: _count(connection, name) for name in sources}
                connection.execute("use memory")
                connection.execute("detach made")
        except duckdb.Error as error:
            raise FlowstitchError(f"{file}: writing failed: {str(error).splitlines()[0]}") from error
        finally:
            partial.with_name(f"{partial.name}.wal").unlink(missing_ok=True)
    return rows


def _count(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    ((rows,),) = connection.execute(f"select count(*) from {name}").fetchall()
    return int(rows)
