"""A DuckDB session over a result directory."""

from __future__ import annotations

import difflib
import glob
import re
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from flowstitch.errors import UsageError, unknown_name
from flowstitch.sql.definitions import execute_known, library, question_statements, quoted
from flowstitch.sql.narrowing import narrowed
from flowstitch.sql.questions import question
from flowstitch.sql.reading import check_reads
from flowstitch.sql.tables import result_sources, within

if TYPE_CHECKING:
    from typing import Self

    import duckdb
    import polars as pl
    import pyarrow as pa

# Schema of the tables of a second result.
AFTER = "after"
# A query with one of these may list the questions.
_LISTING = ("show", "duckdb_", "information_schema")
_UNKNOWN_COLUMN = re.compile(r'does not have a column named "([^"]+)"')


class Result:
    """An open result: its tables, views and macros in an in-memory DuckDB session.

    Parameters
    ----------
    after : a later result to compare with; its tables stand in schema ``after``.
    since, until : what tables show of what happened, µs since the epoch, half-open; None is open.

    Raises
    ------
    UsageError when a directory is not a result, or cannot be opened.
    """

    def __init__(
        self, path: Path, *, after: Path | None = None, since: int | None = None, until: int | None = None
    ) -> None:
        import duckdb  # noqa: PLC0415

        self.path = path
        self._sources = result_sources(path)
        self.tables = tuple(self._sources)
        self._compares = after is not None
        others = {} if after is None else result_sources(after)
        opened = [str(one.absolute()) for one in (path, after) if one is not None]
        # as they are, and as they stand in the patterns of the views
        self._directories = [*opened, *map(glob.escape, opened)]
        self._questions_made = self._locked = False
        self._connection = duckdb.connect(":memory:")
        self._connection.execute("set timezone = 'UTC'")
        # a name that is no table must not be taken for a variable of this module
        self._connection.execute("set python_enable_replacements = false")
        self._make_tables(
            path, {name: within(name, source, since, until) for name, source in self._sources.items()}
        )
        if after is not None:
            self._connection.execute(f"create schema {AFTER}")
            self._make_tables(
                after,
                {f"{AFTER}.{name}": within(name, source, since, until) for name, source in others.items()},
            )
        execute_known(self._connection, library())

    def _make_tables(self, path: Path, sources: dict[str, str]) -> None:
        import duckdb  # noqa: PLC0415

        for name, source in sources.items():
            try:
                self._connection.execute(f"create view {name} as from {source}")
            except duckdb.Error as error:
                self.close()
                raise UsageError(
                    f"{path}: table {name!r} cannot be opened: {str(error).splitlines()[0]}."
                ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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

        if self._locked:
            check_reads(query)
        if any(word in query.lower() for word in _LISTING):
            self._make_questions()
        try:
            return self._connection.sql(query, params=parameters)
        except duckdb.CatalogException as error:
            if self._make_questions():
                return self.sql(query, parameters)
            raise self._failed(query, parameters, error) from error
        except duckdb.Error as error:
            raise self._failed(query, parameters, error) from error

    def _failed(self, query: str, parameters: dict[str, Any] | None, error: duckdb.Error) -> UsageError:
        """Error of a query in DuckDB's own words, with the place, which a relation may not tell."""
        import duckdb  # noqa: PLC0415

        if isinstance(error, duckdb.CatalogException | duckdb.BinderException) and "LINE " not in str(error):
            try:
                # fails before it does anything, as it did
                self._connection.execute(duckdb.extract_statements(query)[-1], parameters)
            except duckdb.Error as placed:
                error = placed
        return UsageError(f"the query failed: {error}{self._nearest_column(str(error))}")

    def _nearest_column(self, words: str) -> str:
        """The nearest column to a qualified one that DuckDB does not know; it tells that of others itself."""
        unknown = _UNKNOWN_COLUMN.search(words)
        if unknown is None:
            return ""
        rows = self._connection.execute(
            "select distinct column_name from duckdb_columns() where not internal"
        ).fetchall()
        near = difflib.get_close_matches(unknown[1], sorted(name for (name,) in rows), n=1)
        return f'\n\nDid you mean "{near[0]}"?' if near else ""

    def lock(self) -> None:
        """From here on queries read the result and nothing else: they write nothing, reach no other file and load no extension."""
        directories = ", ".join(map(quoted, self._directories))
        for setting in (
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
            f"allowed_directories = [{directories}]",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            self._connection.execute(f"set {setting}")
        self._locked = True

    def ask(
        self, name: str, *, service: str | None = None, node: str | None = None, top: int | None = None
    ) -> duckdb.DuckDBPyRelation:
        """Answer of a named question.

        Parameters
        ----------
        service, node : only rows that have it. top : only the first so many.

        Raises
        ------
        UsageError with the nearest name when there is no such question; when it has no column of a service or node;
        when it compares two results, and only one is open, or the other way round.
        """
        import duckdb  # noqa: PLC0415

        asked = question(name)
        if asked.compares and not self._compares:
            raise UsageError(
                f"question {name!r} compares two results; name {asked.compares} too: flowstitch ask {name} BEFORE AFTER."
            )
        if self._compares and not asked.compares:
            raise UsageError(f"question {name!r} is about one result; two were given.")
        try:
            answer = self._connection.sql(asked.sql)
        except duckdb.Error as error:
            raise self._failed(asked.sql, None, error) from error
        return narrowed(answer, asked, service, node, top)

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

        return export_db(self._sources, Path(file), overwrite=overwrite)

    def report(
        self, file: str | Path, *, overwrite: bool = False, before: str | Path | None = None
    ) -> list[str]:
        """Write one page for people, see ``flowstitch.report.write.write_report``; returns its answer in sentences."""
        from flowstitch.report.write import write_report  # noqa: PLC0415

        earlier = None if before is None else Path(before)
        return write_report(self, Path(file), overwrite=overwrite, before=earlier)

    def _make_questions(self) -> bool:
        """Make the views of the questions, once: to bind them all takes longer than most queries; whether that was now."""
        if self._questions_made:
            return False
        execute_known(self._connection, question_statements())
        self._questions_made = True
        return True

    def _check(self, name: str) -> None:
        if name not in self.tables:
            raise unknown_name("table", name, self.tables)
