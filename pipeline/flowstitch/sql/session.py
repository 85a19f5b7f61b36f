"""A DuckDB session over results."""

from __future__ import annotations

import difflib
import glob
import re
import tempfile
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from flowstitch.errors import FlowstitchError, MemoryShortError, UsageError, unknown_name
from flowstitch.ingest.memory import default_memory
from flowstitch.runner.layout import UNMATCHED
from flowstitch.runner.times import check_span
from flowstitch.sql.definitions import comments, execute_known, library, needed, question_statements
from flowstitch.sql.kept import kept_in
from flowstitch.sql.lacking import lacking_sentence, what_is_lacking
from flowstitch.sql.narrowing import KNOWN_NAMES, NODE, SERVICE, narrowed
from flowstitch.sql.questions import question
from flowstitch.sql.reading import check_reads
from flowstitch.sql.runs import RUNS, runs_query
from flowstitch.sql.tables import check_time, manifest_pattern, pattern_of, within
from flowstitch.sql.texts import parquet_source, quoted
from flowstitch.sql.uniting import manifest_of, read_tables, results_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    import duckdb
    import polars as pl
    import pyarrow as pa

# Schema of the tables of a second result.
AFTER = "after"
# Names of that schema in a query.
_OF_AFTER = re.compile(rf"\b{AFTER}\.(\w+)")
# A query with one of these may list the questions, or show what columns mean.
_LISTING = ("show", "duckdb_", "information_schema")
_COMMENTS = "duckdb_"
# Memory that DuckDB has at least.
_LEAST_MIB = 128
_UNKNOWN_COLUMN = re.compile(r'does not have a column named "([^"]+)"')


class Result:
    """An open result: its tables, views and macros in an in-memory DuckDB session.

    Several results are one, see ``flowstitch.sql.uniting``.

    Parameters
    ----------
    paths : directory of a result, or those of several.
    after : a later result to compare with; its tables, and the views of them, stand in schema ``after``.
    since, until : what tables show of what happened, µs since the epoch, half-open; None is open.

    Attributes
    ----------
    name : directories, for messages. tables : names of the tables.

    Raises
    ------
    UsageError when a directory is not a result, cannot be opened, or not with the others; when ``since`` is not before ``until``.
    """

    def __init__(
        self, paths: Path | Sequence[Path], *, after: Path | None = None, since: int | None = None, until: int | None = None
    ) -> None:  # fmt: skip
        import duckdb  # noqa: PLC0415

        given = [paths] if isinstance(paths, Path) else list(paths)
        if not given:
            raise UsageError("got no result; give the --out of a flowstitch run.")
        check_span(since, until)
        self.name = ", ".join(map(str, given))
        self._results = results_of(given)
        others = [] if after is None else results_of([after])
        self._compares = after is not None
        opened = [str(one.absolute()) for one in (*given, *others)]
        # as they are, and as they stand in the patterns of the views
        self._directories = [*opened, *map(glob.escape, opened)]
        self._questions_made = self._commented = self._locked = False
        # of the library what queries have needed, and what is read instead of its views
        self._made: set[tuple[str, str]] = set()
        whole_time = since is None and until is None
        self._reads_all = len(self._results) == 1 and whole_time
        self._kept = kept_in(self._results[0]) if self._reads_all else {}
        self._kept_after = kept_in(others[0]) if others and whole_time else {}
        self._connection = _settled(duckdb.connect(":memory:"))
        self.tables = self._make_tables(self._results, "main", since, until)
        if others:
            self._connection.execute(f"create schema {AFTER}")
            self._make_tables(others, AFTER, since, until)

    def _make_tables(
        self, results: Sequence[Path], schema: str, since: int | None, until: int | None
    ) -> tuple[str, ...]:
        """Make a view of each table, and that of the runs; returns the names of the tables."""
        import duckdb  # noqa: PLC0415

        name = "datapaths"
        try:
            sources = read_tables(self._connection, results, f"{schema}_united")
            if (since is not None or until is not None) and "sources" in sources:
                check_time(self._connection, self.name, sources["sources"], since, until)
            for name, source in sources.items():
                self._connection.execute(
                    f"create view {schema}.{name} as from {within(name, source, since, until)}"
                )
        except duckdb.Error as error:
            self.close()
            raise UsageError(
                f"{self.name}: table {name!r} cannot be opened: {str(error).splitlines()[0]}."
            ) from error
        runs = runs_query(*map(manifest_pattern, results))
        execute_known(self._connection, [f"create view {schema}.{RUNS} as {runs}"])
        return tuple(sources)

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
        UsageError with DuckDB's own words when the query is wrong, or with what the result lacks for it when another version made it.
        """
        import duckdb  # noqa: PLC0415

        if self._locked:
            check_reads(query)
        if any(word in query.lower() for word in _LISTING):
            self._make_questions()
        self._make_library(query)
        if _COMMENTS in query.lower():
            self._make_comments()
        try:
            return self._connection.sql(query, params=parameters)
        except duckdb.CatalogException as error:
            if self._make_questions():
                return self.sql(query, parameters)
            raise self._failed(query, parameters, error) from error
        except duckdb.Error as error:
            raise self._failed(query, parameters, error) from error

    def _failed(self, query: str, parameters: dict[str, Any] | None, error: duckdb.Error) -> UsageError:
        """Error of a query: what the result lacks for it, else DuckDB's own words with the place, which a relation may not tell."""
        import duckdb  # noqa: PLC0415

        if isinstance(error, duckdb.CatalogException | duckdb.BinderException):
            there = {name: self._connection.table(name).columns for name in self.tables}
            lacking = what_is_lacking(query, there)
            if lacking:
                return UsageError(lacking_sentence(self.name, self.manifests(), lacking))
        if isinstance(error, duckdb.CatalogException | duckdb.BinderException) and "LINE " not in str(error):
            try:
                # fails before it does anything, as it did
                self._connection.execute(duckdb.extract_statements(query)[-1], parameters)
            except duckdb.Error as placed:
                error = placed
        if isinstance(error, duckdb.InvalidInputException) and not self.whole:
            # what a view of ours says of the result
            return UsageError(f"{self.name}: {str(error).removeprefix('Invalid Input Error: ')}.")
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

    @property
    def whole(self) -> bool:
        """Whether ``observations`` has the rows of what is on a path."""
        ((whole,),) = self._connection.execute(
            f"select coalesce(bool_and(observations is distinct from '{UNMATCHED}'), true) from {RUNS}"
        ).fetchall()
        return bool(whole)

    def manifests(self) -> list[dict[str, Any]]:
        """What the manifest of each of the results says, see ``run.json``."""
        return [manifest_of(one) for one in self._results]

    def has_view(self, name: str) -> bool:
        """Whether there is such a view; a result of an earlier version may lack what it reads."""
        self._make_library(name)
        query = "from duckdb_views() where view_name = $name"
        return bool(self._connection.execute(query, {"name": name}).fetchall())

    def limit(
        self, *, memory_bytes: int | None = None, threads: int | None = None, scratch: Path | None = None
    ) -> None:
        """Bound what DuckDB may have: None is half of the machine's memory, all cores, and the system's directory for what has no room in memory."""
        # a locked session reads the directory, so it has to be one of its own; DuckDB makes it when there is need of it, and removes it
        place = scratch or Path(tempfile.gettempdir(), f"flowstitch-{uuid4().hex}")
        settings = {
            "memory_limit": f"'{max((memory_bytes or default_memory()) >> 20, _LEAST_MIB)}MiB'",
            "temp_directory": quoted(str(place)),
            **({} if threads is None else {"threads": threads}),
        }
        for name, value in settings.items():
            self._connection.execute(f"set {name} = {value}")

    def prepare(self, view: str) -> None:
        """Make a view and what it reads, for ``write_view``."""
        self._make_library(view)

    def write_view(self, name: str, file: Path) -> None:
        """Write the rows of a view that is prepared, sorted, as Parquet; several threads may do so at the same time.

        Raises
        ------
        FlowstitchError when writing fails, MemoryShortError where that is for want of memory.
        """
        import duckdb  # noqa: PLC0415

        form = "(format parquet, compression zstd)"
        try:
            with _settled(self._connection.cursor()) as cursor:
                cursor.execute(f"copy (from {name} order by all) to {quoted(str(file))} {form}")
        except duckdb.Error as error:
            short = isinstance(error, duckdb.OutOfMemoryException)
            kind, remedy = (MemoryShortError, "; more of --memory.") if short else (FlowstitchError, "")
            raise kind(f"{file}: writing failed: {str(error).splitlines()[0]}{remedy}") from error

    def read_view(self, name: str, file: Path) -> None:
        """From here on read a view from where it was written."""
        self._kept[name] = parquet_source(pattern_of(file))
        self._connection.execute(f"create or replace view {name} as from {self._kept[name]}")

    def lock(self) -> None:
        """From here on queries are one statement and read the result, nothing else: they write nothing, reach no other file and load no extension."""
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
        UsageError with the nearest name when there is no such question, service or node; when it has no column of a service or node;
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
        self._make_library(asked.sql)
        try:
            answer = self._connection.sql(asked.sql)
        except duckdb.Error as error:
            raise self._failed(asked.sql, None, error) from error
        wishes = {option: name for option, name in ((SERVICE, service), (NODE, node)) if name is not None}
        known = {option: self._known_names(option) for option in wishes}
        return narrowed(answer, asked, wishes, known, top)

    def _known_names(self, option: str) -> set[str]:
        """Names of services or nodes that the inventory and the sources tell of."""
        return {name for (name,) in self._connection.sql(KNOWN_NAMES[option]).fetchall()}

    def table(self, name: str) -> pa.Table:
        """A table of the result as Arrow; ``UsageError`` with the nearest name when there is none."""
        self._check(name)
        return self._connection.table(name).to_arrow_table()

    def frame(self, name: str) -> pl.LazyFrame:
        """A table of the result as a polars frame that reads what is asked of it."""
        import polars as pl  # noqa: PLC0415

        self._check(name)
        if not self._reads_all:
            return self._connection.table(name).pl(lazy=True)
        (result,) = self._results
        return pl.scan_parquet(sorted((result / name).glob("*.parquet")), glob=False)

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

        return export_db(self._results, Path(file), overwrite=overwrite)

    def report(
        self, file: str | Path, *, overwrite: bool = False, before: str | Path | None = None
    ) -> list[str]:
        """Write one page for people, see ``flowstitch.report.write.write_report``; returns its answer in sentences."""
        from flowstitch.report.write import write_report  # noqa: PLC0415

        earlier = None if before is None else Path(before)
        return write_report(self, Path(file), overwrite=overwrite, before=earlier)

    def _make_library(self, query: str) -> None:
        """Make the macros and views that a query needs: to make all takes longer than most queries."""
        self._make_in("main", needed(query, self._kept))
        of_after = " ".join(_OF_AFTER.findall(query.lower()))
        if self._compares and of_after:
            # what they read is found in the schema that they are made in
            self._connection.execute(f"set schema = '{AFTER}'")
            self._make_in(AFTER, needed(of_after, self._kept_after))
            self._connection.execute("set schema = 'main'")

    def _make_in(self, schema: str, statements: Sequence[tuple[str, str]]) -> None:
        for name, statement in statements:
            if (schema, name) not in self._made:
                execute_known(self._connection, [statement])
                self._made.add((schema, name))

    def _make_questions(self) -> bool:
        """Make the views of the questions, once: to bind them all takes longer than most queries; whether that was now."""
        if self._questions_made:
            return False
        for item in library():
            self._make_library(item.name)
        execute_known(self._connection, question_statements())
        self._questions_made = True
        return True

    def _make_comments(self) -> None:
        """Say what tables, views and columns are, once: only who lists them sees it."""
        if not self._commented:
            execute_known(self._connection, comments(self.tables, "view"))
            self._commented = True

    def _check(self, name: str) -> None:
        if name not in self.tables:
            raise unknown_name("table", name, self.tables)


def _settled(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A connection with the settings that each has of its own."""
    connection.execute("set timezone = 'UTC'")
    # a name that is no table must not be taken for a variable of this module
    connection.execute("set python_enable_replacements = false")
    # what a file says of its columns is read once, not with each query; a file that was written again is read again
    connection.execute("set parquet_metadata_cache = true")
    return connection


def open_result(
    result: str | Path | Sequence[str | Path], *, after: str | Path | None = None, since: int | None = None, until: int | None = None
) -> Result:  # fmt: skip
    """Open a result; a context manager with ``sql``, ``ask``, ``table``, ``frame`` and ``export_db``.

    Parameters
    ----------
    result : its directory, or those of several, which are one then: a path that several tell is told once.
    after : a later result, whose tables stand in schema ``after``.
    since, until : what tables show of what happened, µs since the epoch, half-open; None is open.

    Raises
    ------
    UsageError when it is not a result, or results cannot be opened together; when ``since`` is not before ``until``.
    """
    paths = [Path(result)] if isinstance(result, str | Path) else [Path(one) for one in result]
    return Result(paths, after=None if after is None else Path(after), since=since, until=until)
