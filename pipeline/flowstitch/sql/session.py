"""A DuckDB session over a result directory."""

from __future__ import annotations

import glob
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from flowstitch.catalog import table_names
from flowstitch.errors import UsageError, unknown_name
from flowstitch.runner.layout import MANIFEST, is_result
from flowstitch.sql.definitions import (
    LIST,
    PREFIX,
    execute_known,
    library,
    parquet_source,
    question_statements,
)

if TYPE_CHECKING:
    from typing import Self

    import duckdb
    import polars as pl
    import pyarrow as pa


class Result:
    """An open result: its tables, views and macros in an in-memory DuckDB session.

    Raises
    ------
    UsageError when the directory is not a result, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        import duckdb  # noqa: PLC0415

        if not path.is_dir():
            raise UsageError(f"{path}: no such directory; give the --out of a flowstitch run.")
        if not is_result(path):
            raise UsageError(
                f"{path}: is not a result, it has no {MANIFEST}; give the --out of a flowstitch run."
            )
        self.path = path
        self.tables = tuple(name for name in table_names() if (path / name).is_dir())
        self._connection = duckdb.connect(":memory:")
        self._connection.execute("set timezone = 'UTC'")
        for name, source in self._sources().items():
            try:
                self._connection.execute(f"create view {name} as from {source}")
            except duckdb.Error as error:
                self.close()
                raise UsageError(
                    f"{path}: table {name!r} cannot be opened: {str(error).splitlines()[0]}."
                ) from error
        self._questions_made = False
        execute_known(self._connection, library())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _sources(self) -> dict[str, str]:
        """What reads each table; what stands for several names in a pattern stands for itself here."""
        root = self.path.absolute()
        return {name: parquet_source(f"{glob.escape(str(root / name))}/*.parquet") for name in self.tables}

    def close(self) -> None:
        """Close the session."""
        self._connection.close()

    def sql(self, query: str, parameters: dict[str, Any] | None = None) -> duckdb.DuckDBPyRelation:
        """Relation of a query over the result's tables, views and macros.

        Raises
        ------
        UsageError with DuckDB's own words when the query is wrong.
        """
        import duckdb  # noqa: PLC0415

        self._make_questions(query)
        try:
            return self._connection.sql(query, params=parameters)
        except duckdb.Error as error:
            raise UsageError(f"the query failed: {error}") from error

    def table(self, name: str) -> pa.Table:
        """A table of the result as Arrow; ``UsageError`` with the nearest name when there is none."""
        self._check(name)
        return self._connection.table(name).to_arrow_table()

    def frame(self, name: str) -> pl.LazyFrame:
        """A table of the result as a polars frame that reads what is asked of it."""
        import polars as pl  # noqa: PLC0415

        self._check(name)
        return pl.scan_parquet(sorted((self.path / name).glob("*.parquet")), glob=False)

    def export_db(self, file: str | Path, *, overwrite: bool = False) -> dict[str, int]:
        """Write everything into one DuckDB file: tables, macros, views, questions, and what each column means.

        Returns
        -------
        Rows by table.

        Raises
        ------
        UsageError when the file exists and ``overwrite`` is not given, or is no such file, or cannot be written;
        FlowstitchError when writing fails, and nothing is left behind.
        """
        from flowstitch.sql.export import export_db  # noqa: PLC0415

        return export_db(self._sources(), Path(file), overwrite=overwrite)

    def _make_questions(self, query: str) -> None:
        """Make the views of the questions for the first query that may use them: to bind them all takes longer than most queries."""
        if not self._questions_made and any(
            name in query.lower() for name in (PREFIX, LIST, "show", "duckdb_")
        ):
            execute_known(self._connection, question_statements())
            self._questions_made = True

    def _check(self, name: str) -> None:
        if name not in self.tables:
            raise unknown_name("table", name, self.tables)
