"""What makes a DuckDB session of a result: its tables, macros, views and questions, as statements.

A session over the Parquet files, ``open.sql`` in a result and a database file are made of the same statements.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from flowstitch.catalog import table
from flowstitch.runner.layout import MANIFEST
from flowstitch.sql.questions import parse_question, questions
from flowstitch.sql.runs import COLUMNS as RUN_COLUMNS
from flowstitch.sql.runs import DOC as RUNS_DOC
from flowstitch.sql.runs import RUNS, runs_query
from flowstitch.sql.texts import parquet_source, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import duckdb

    from flowstitch.catalog import Field
    from flowstitch.sql.questions import Question

_HERE = Path(__file__).parent
_WORD = re.compile(r"\w+")
_MADE = re.compile(r"create or replace (?:macro|view) (\w+)")
# The view that lists the questions, and how those that answer them begin: ``from ask_return_eni``.
LIST, PREFIX = "questions", "ask_"
OPEN = "open.sql"
# Columns of the list of questions, and what they mean.
LISTED = {
    "question": "Name of the question on the command line.",
    "view_name": "The view that answers it.",
    "title": "The question.",
    "why": "What somebody does with the answer.",
    "grain": "What one row of the answer is.",
    "needs": "What the export has to have, and what the answer is without it.",
}
_OPEN_HEAD = """\
-- Opens this result in DuckDB 1.5 or later: its tables, macros and views, a view for each question, what each column means.
--   cd RESULT && duckdb -init open.sql
-- Paths are those from here. From elsewhere, in the shell of DuckDB:
--   set file_search_path = 'RESULT';
--   .read RESULT/open.sql
-- Then for example: show tables; from questions; from ask_return_eni; select column_name, comment from duckdb_columns();
set timezone = 'UTC';
"""


@dataclass(frozen=True)
class Definition:
    """What makes a view, or some macros.

    Attributes
    ----------
    name : of the view, or of the file of the macros. body : the statements.
    makes, words : names that it makes, and all words of it.
    """

    name: str
    body: str
    makes: frozenset[str]
    words: frozenset[str]


@cache
def library() -> tuple[Definition, ...]:
    """Macros, then views, each behind what it reads: the texts of their files, without headers."""
    macros = [
        (path.stem, path.read_text(encoding="utf-8").strip())
        for path in sorted((_HERE / "macros").glob("*.sql"))
    ]
    return tuple(
        Definition(name, body, frozenset(_MADE.findall(body)), words_of(body))
        for name, body in (*macros, *((view.name, view.body) for view in views()))
    )


@cache
def answers() -> tuple[Definition, ...]:
    """The views that answer the questions which need no other result."""
    asked = [(view_name(item.name), item.body) for item in questions() if not item.compares]
    return tuple(
        Definition(view, f"create or replace view {view} as\n{body};", frozenset([view]), words_of(body))
        for view, body in asked
    )


def words_of(text: str) -> frozenset[str]:
    """All words of a text of SQL in lower case, those in quotes and comments too."""
    return frozenset(_WORD.findall(text.lower()))


def needed(query: str, read: Mapping[str, str]) -> list[tuple[str, str]]:
    """Names and statements of what a query needs of the library and of the questions, in order.

    Parameters
    ----------
    read : what is read instead of a view, by its name, see ``flowstitch.sql.kept``.
    """
    words, found = set(words_of(query)), []
    asked = answers() if any(word.startswith(PREFIX) for word in words) else ()
    for item in reversed((*library(), *asked)):
        if item.makes & words:
            found.append((item.name, made(item, read)))
            words |= item.words if item.name not in read else set()
    return found[::-1]


def made(item: Definition, read: Mapping[str, str], kind: str = "view") -> str:
    """Statement that makes a definition; of what is read instead a view or a table, as ``kind`` says."""
    if item.name not in read:
        return item.body
    return f"create or replace {kind} {item.name} as from {read[item.name]};"


@cache
def views() -> tuple[Question, ...]:
    """The views, each behind those that it reads."""
    files = sorted((_HERE / "views").glob("*.sql"))
    waiting = {path.stem: parse_question(path.stem, path.read_text(encoding="utf-8")) for path in files}
    ordered: list[Question] = []
    while waiting:
        words = {
            name: set(re.findall(r"\w+", view.sql)) & set(waiting) - {name} for name, view in waiting.items()
        }
        ready = [name for name, others in words.items() if not others] or list(waiting)
        ordered += [waiting.pop(name) for name in ready]
    return tuple(ordered)


def view_name(question: str) -> str:
    """Name of a question in SQL."""
    return PREFIX + question.replace("-", "_")


def question_statements() -> Iterator[str]:
    """Statements that make a view of each question that needs no other result, and the list of them."""
    for answer in answers():
        yield answer.body
    asked = [item for item in questions() if not item.compares]
    rows = [(item.name, view_name(item.name), item.title, item.why, item.grain, item.needs) for item in asked]
    values = ",\n".join(f"({', '.join(map(quoted, row))})" for row in rows)
    yield f"create or replace view {LIST} as\nfrom (values\n{values}\n) as listed({', '.join(LISTED)});"


def execute_known(connection: duckdb.DuckDBPyConnection, statements: Iterable[str]) -> None:
    """Execute statements; what is over a table or column that the result, made by an earlier version, does not have is left out."""
    import duckdb  # noqa: PLC0415

    for statement in statements:
        with suppress(duckdb.CatalogException, duckdb.BinderException):
            connection.execute(statement)


def comments(tables: Sequence[str], kind: str, kept: Iterable[str] = ()) -> Iterator[str]:
    """Statements that say what tables, views, questions and each of their columns are.

    Parameters
    ----------
    tables : names of tables. kind : what they are to DuckDB, ``table`` or ``view``. kept : views that are of that kind too.
    """
    for name in tables:
        known = table(name)
        yield f"comment on {kind} {name} is {quoted(_with_grain(known.doc, known.grain))};"
        for item in known.fields:
            yield f'comment on column {name}."{item.name}" is {quoted(column_comment(item))};'
    yield f"comment on {kind} {RUNS} is {quoted(RUNS_DOC)};"
    for column, (_, meaning) in RUN_COLUMNS.items():
        yield f"comment on column {RUNS}.{column} is {quoted(meaning)};"
    described = [(item.name, item) for item in views()]
    described += [(view_name(item.name), item) for item in questions() if not item.compares]
    for view, asked in described:
        its_kind = kind if view in kept else "view"
        yield f"comment on {its_kind} {view} is {quoted(_with_grain(asked.title, asked.grain))};"
        for column, meaning in asked.columns:
            yield f'comment on column {view}."{column}" is {quoted(meaning)};'
    yield f"comment on view {LIST} is 'The questions, each answered by a view.';"
    for column, meaning in LISTED.items():
        yield f"comment on column {LIST}.{column} is {quoted(meaning)};"


def _with_grain(doc: str, grain: str) -> str:
    return f"{doc} {grain[:1].upper()}{grain[1:]}."


def column_comment(item: Field) -> str:
    """What a column means: unit, values and null too."""
    unit = f" In {item.unit}." if item.unit else ""
    values = f" One of: {', '.join(item.values)}." if item.values else ""
    null = f" Null: {item.null}." if item.null else ""
    return item.doc + unit + values + null


def open_script(tables: Sequence[str], read: Mapping[str, str]) -> str:
    """Text of ``open.sql`` of a result.

    Parameters
    ----------
    tables : that it has. read : see ``needed``.
    """
    statements = [
        f"create or replace view {name} as from {parquet_source(f'{name}/*.parquet')};" for name in tables
    ]
    statements.append(f"create or replace view {RUNS} as {runs_query(MANIFEST)};")
    statements += [made(item, read) for item in library()]
    statements += [*question_statements(), *comments(tables, "view")]
    return _OPEN_HEAD + "\n".join(statements) + "\n"
