"""The answer on stdout or in a file: as table, JSON, CSV or Parquet."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import sys
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flowstitch.atomic import atomic_file
from flowstitch.cli.console import say
from flowstitch.cli.layout import BARS, fitted_table, plain_table
from flowstitch.errors import UsageError
from flowstitch.texts import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import IO

    import duckdb
    import pyarrow as pa

    Command = TypeVar("Command", bound=Callable[..., Any])
    Row = Sequence[Any]

FORMATS = ("table", "json", "csv", "parquet")
_OF_UNIQUE_NAMES = ("json", "parquet")
BATCH_ROWS = 1 << 14
# A table is laid out as a whole, and nobody reads more.
MAX_TABLE_ROWS = 10_000
# Types of DuckDB, as it calls them, whose values Arrow gives alike.
_PLAIN_NUMBERS = frozenset(
    [f"{sign}{size}" for sign in ("", "u") for size in ("tinyint", "smallint", "integer", "bigint")] + ["double", "float"]
)  # fmt: skip
_PLAIN_KINDS = _PLAIN_NUMBERS | {"varchar", "boolean"}
# Intervals in the text of a type of DuckDB, and what is quoted there, which may look like one.
_INTERVALS = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\bINTERVAL\b""")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def output_options(command: Command) -> Command:
    """Options ``--format`` and ``--output`` of a command that answers with rows."""
    command = click.option(
        "-o",
        "--output",
        type=click.Path(dir_okay=False),
        metavar="FILE",
        help="Write the answer to a file; its suffix can name the format.",
    )(command)
    return click.option(
        "-f",
        "--format",
        "form",
        type=click.Choice(FORMATS),
        help="How the answer is written.  [default: table]",
    )(command)


def write_relation(
    answer: duckdb.DuckDBPyRelation | None, form: str | None, output: str | None, *, title: str = ""
) -> None:
    """Write the answer of a query, None where it has none; see ``write_answer``.

    In JSON and Parquet columns of one name are told apart by numbers, as in a table that DuckDB makes: ``a``, ``a_1``.

    Raises
    ------
    UsageError : also when the query is wrong, with DuckDB's own words.
    """
    import duckdb

    if answer is None:
        raise UsageError("the query has no answer; expected one like SELECT, FROM, SHOW or DESCRIBE.")
    form = chosen_form(form, output)
    try:
        answer = _with_texts_of_intervals(answer)
        if form in _OF_UNIQUE_NAMES and len(set(answer.columns)) < len(answer.columns):
            # of a subquery DuckDB numbers columns that have one name
            answer = answer.project("*")
        kinds = [str(kind).lower() for kind in answer.types]
        # without Arrow, which takes longer to import than most answers to be found
        if form == "table" and all(kind in _PLAIN_KINDS for kind in kinds):
            rows = answer.limit(MAX_TABLE_ROWS + 1).fetchall()
            numeric = [kind in _PLAIN_NUMBERS for kind in kinds]
            write_table(answer.columns, _cut(iter(rows)), numeric, output=output, title=title)
        else:
            _write_by_arrow(answer, form, output, title)
    except duckdb.Error as error:
        raise UsageError(f"the query failed: {error}") from error


def _with_texts_of_intervals(answer: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """The same rows, each interval as DuckDB's own text: neither JSON nor Parquet has what counts months, days and microseconds."""
    kinds = list(map(str, answer.types))
    told = [
        _INTERVALS.sub(lambda word: "VARCHAR" if word[0] == "INTERVAL" else word[0], kind) for kind in kinds
    ]
    if told == kinds:
        return answer
    names = [name.replace('"', '""') for name in answer.columns]
    return answer.project(
        ", ".join(
            f'#{place}::{kind} as "{name}"'
            for place, (kind, name) in enumerate(zip(told, names, strict=True), 1)
        )
    )


def _write_by_arrow(
    answer: duckdb.DuckDBPyRelation, form: str | None, output: str | None, title: str
) -> None:
    import pyarrow as pa

    try:
        write_answer(answer.to_arrow_reader(BATCH_ROWS), form, output, title=title)
    except pa.ArrowException as error:
        raise UsageError(f"the query failed: {error}") from error


def write_answer(
    reader: pa.RecordBatchReader, form: str | None, output: str | None, *, title: str = ""
) -> None:
    """Write rows to stdout or to a file.

    Parameters
    ----------
    reader : the rows, batch by batch; times without a zone are UTC.
    form : one of ``FORMATS``, None for the one that the suffix of ``output`` names, else a table.
    output : file to write, None for stdout; it appears whole or not at all.
    title : said above a table on a terminal.

    Raises
    ------
    UsageError : Parquet for a terminal, or a file that cannot be written.
    """
    form = chosen_form(form, output)
    if form == "parquet":
        _write_parquet(reader, output)
    elif form == "table":
        names, numeric = reader.schema.names, [_is_number(kind) for kind in reader.schema.types]
        write_table(names, _cut(_rows(reader)), numeric, output=output, title=title)
    else:
        write = _write_json if form == "json" else _write_csv
        with text_sink(output) as sink:
            write(reader.schema.names, _rows(reader), sink)


def chosen_form(form: str | None, output: str | None) -> str:
    """Format that was asked for: by name, else by the suffix of the file, else a table."""
    suffix = Path(output or "").suffix.removeprefix(".")
    return form or (suffix if suffix in FORMATS else FORMATS[0])


def write_table(
    names: Sequence[str],
    rows: Iterable[Row],
    numeric: Sequence[bool],
    *,
    output: str | None = None,
    title: str = "",
) -> None:
    """Write rows as an aligned table: plain text in a file or a pipe, fitted to a terminal.

    Parameters
    ----------
    numeric : by column, whether it is aligned to the right.
    title : said above the table on a terminal.
    """
    names = [printable(name) for name in names]
    cells = [[_cell(value) for value in row] for row in rows]
    with text_sink(output) as sink:
        if not _is_terminal(sink):
            sink.writelines(f"{line}\n" for line in plain_table(names, cells, numeric))
            return
        lines = fitted_table(names, cells, numeric, shutil.get_terminal_size().columns)
        for line, is_head in chain([(title, True), ("", False)] if title else [], lines):
            click.echo(_styled(line, is_head=is_head))


def write_json(rows: Sequence[dict[str, Any]]) -> None:
    """Write objects to stdout as a JSON list, one object on a line."""
    names = list(rows[0]) if rows else []
    _write_json(names, (list(row.values()) for row in rows), sys.stdout)


def write_document(document: dict[str, Any]) -> None:
    """Write one object to stdout as JSON, indented; times are ISO 8601 in UTC."""
    click.echo(json.dumps(_plain(document), ensure_ascii=False, indent=2))


def time_text(moment: datetime | int | str) -> str:
    """ISO 8601 in UTC of a time (without a zone: UTC) or of microseconds since the epoch; a text stays as it is."""
    if isinstance(moment, str):
        # what DuckDB gives where Python has no such time
        return moment
    if isinstance(moment, int):
        moment = _EPOCH + timedelta(microseconds=moment)
    utc = moment.astimezone(UTC) if moment.tzinfo else moment
    return utc.replace(tzinfo=None).isoformat() + "Z"


def _rows(reader: pa.RecordBatchReader) -> Iterator[Row]:
    maps = [str(kind).startswith("map<") for kind in reader.schema.types]
    for batch in reader:
        columns = [_values(column) for column in batch.columns]
        for place, is_map in enumerate(maps):
            if is_map:
                columns[place] = [None if value is None else dict(value) for value in columns[place]]
        yield from zip(*columns, strict=True)


def _values(column: pa.Array) -> list[Any]:
    """Values of a column; as text where Python has no such time: past the year 9999, infinite, in nanoseconds."""
    try:
        return column.to_pylist()
    except (OverflowError, ValueError):
        return column.cast("string").to_pylist()


def _cut(rows: Iterator[Row]) -> list[Row]:
    shown = list(islice(rows, MAX_TABLE_ROWS))
    if next(rows, None) is not None:
        say(f"the table was cut after {MAX_TABLE_ROWS} rows; --format csv, json or parquet has them all.")
    return shown


def _is_number(kind: pa.DataType) -> bool:
    return any(str(kind).startswith(name) for name in ("int", "uint", "float", "double", "decimal"))


def _cell(value: Any) -> str:
    """Value as it stands in a table; null is a dash."""
    if isinstance(value, list):
        return printable(", ".join(map(_cell, value))) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{printable(str(key))}: {_cell(item)}" for key, item in value.items()) or "-"
    plain = _plain(value)
    return "-" if plain is None else printable(json.dumps(plain) if isinstance(plain, bool) else str(plain))


def _plain(value: Any) -> Any:
    """Value in what JSON has; times are ISO 8601 in UTC."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, float) and value - value != 0:
        # JSON has neither infinity nor NaN
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _write_json(names: Sequence[str], rows: Iterable[Row], sink: IO[str]) -> None:
    before = "[\n"
    for row in rows:
        item = {name: _plain(value) for name, value in zip(names, row, strict=True)}
        text = json.dumps(item, ensure_ascii=False)
        sink.write(before + (text if text.isprintable() else json.dumps(item)))
        before = ",\n"
    sink.write("[]\n" if before == "[\n" else "\n]\n")


def _write_csv(names: Sequence[str], rows: Iterable[Row], sink: IO[str]) -> None:
    safe: Callable[[str], str] = printable if _is_terminal(sink) else str
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow([safe(name) for name in names])
    for row in rows:
        writer.writerow([safe(_field(_plain(value))) for value in row])


def _field(plain: Any) -> str:
    if plain is None:
        return ""
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _write_parquet(reader: pa.RecordBatchReader, output: str | None) -> None:
    import pyarrow.parquet as pq

    if output is None and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal; give --output FILE or send it into a pipe.")
    with _binary_sink(output) as sink, pq.ParquetWriter(sink, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)


def _is_terminal(sink: IO[str]) -> bool:
    return sink is sys.stdout and sink.isatty()


def terminal_width() -> int | None:
    """Columns of the terminal that stdout is, None where it is a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _styled(line: str, *, is_head: bool) -> str:
    """Line for a terminal: heads bold, bars in colour, unless it or its user wants none."""
    if not _is_styled():
        return line
    return (
        click.style(line, bold=True)
        if is_head
        else BARS.sub(lambda bar: click.style(bar[0], fg="cyan"), line)
    )


def _is_styled() -> bool:
    return "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


@contextmanager
def text_sink(output: str | None) -> Iterator[IO[str]]:
    """Text file to write; it appears whole or not at all. None is stdout."""
    if output is None:
        yield sys.stdout
        return
    with (
        atomic_file(Path(output), "--output") as path,
        path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        yield file


@contextmanager
def _binary_sink(output: str | None) -> Iterator[IO[bytes]]:
    if output is None:
        yield sys.stdout.buffer
        return
    with atomic_file(Path(output), "--output") as path, path.open("wb") as file:
        yield file
