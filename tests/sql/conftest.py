"""What the tests of SQL share, and those that are SQL themselves: files ``*.test`` in this directory.

A file is a sequence of blocks with empty lines between them; ``#`` begins a comment line::

    include world              runs the statements of world.sql
    statement                  runs the SQL below
    query                      compares the answer of the SQL above ---- with the rows below it,
    ----                       cells with ` | ` between them, NULL for null; no rows where nothing follows
    error                      the SQL above ---- fails with the words below it

Tables are empty and complete, macros, views and questions are there. A second result and its views stand in schema ``after``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import flowstitch
from cli.conftest import call
from rawlogs import Logs
from sql.second import Ask, Known
from truth import read_truth

__all__ = ["call"]


@pytest.fixture(scope="session")
def ask(result: Path) -> Iterable[Ask]:
    with flowstitch.open(result) as opened:
        yield lambda name: opened.ask(name).to_arrow_table().to_pylist()


@pytest.fixture(scope="session")
def truth(capture: Path) -> list[Known]:
    """What conntrack saw of the connections that a pod, a node or somebody outside opened."""
    rows = read_truth(capture.parent / "truth.csv.gz")
    return [
        row for row in rows if row["in_conntrack"] == "yes" and not row["lab_case"].startswith("ext_to_l7")
    ]


@pytest.fixture(scope="session")
def logs(capture: Path) -> Logs:
    return Logs(capture)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix != ".test":
        return None
    return SqlFile.from_parent(parent, path=file_path)


class SqlFile(pytest.File):
    """A file of blocks, one test."""

    def collect(self) -> Iterator[pytest.Item]:
        yield SqlItem.from_parent(self, name=self.path.stem)


class SqlItem(pytest.Item):
    """Runs the blocks in order."""

    def runtest(self) -> None:
        import duckdb

        with duckdb.connect() as connection:
            _prepare(connection)
            checked = 0
            for kind, text in _blocks(self.path):
                checked += _run(connection, self.path, kind, text)
            assert checked, f"{self.path.name} compares nothing"

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.name


def _prepare(connection: Any) -> None:
    from flowstitch.catalog import table_names
    from flowstitch.catalog.ddl import create_statement
    from flowstitch.sql.definitions import library, question_statements
    from flowstitch.sql.runs import RUNS

    connection.execute("set timezone = 'UTC'")
    # rows that are made by hand are all that there are
    whole = f"create view {RUNS} as select 'all' as observations"
    made = [*map(create_statement, table_names()), whole, *(item.body for item in library())]
    for statement in [
        "create schema after",
        "use memory.after",
        *made,
        "use memory.main",
        *made,
        *question_statements(),
    ]:
        connection.execute(statement)


def _blocks(path: Path) -> Iterator[tuple[str, str]]:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    for block in "\n".join(lines).split("\n\n"):
        head, _, text = block.strip().partition("\n")
        if head:
            yield head, text


def _run(connection: Any, path: Path, kind: str, text: str) -> bool:
    import duckdb

    if kind.startswith("include "):
        shared = path.with_name(f"{kind.removeprefix('include ')}.sql")
        connection.execute(shared.read_text(encoding="utf-8"))
        return False
    if kind == "statement":
        connection.execute(text)
        return False
    assert kind in {"query", "error"}, f"{path.name}: unknown block {kind!r}"
    query, mark, wanted = text.partition("----")
    assert mark, f"{path.name}: no ---- below {query!r}"
    if kind == "error":
        with pytest.raises(duckdb.Error, match=wanted.strip()):
            connection.execute(query)
        return True
    rows = connection.execute(_query(query)).fetchall()
    told = [" | ".join(_cell(value) for value in row) for row in rows]
    known = [line.strip() for line in wanted.strip().splitlines()]
    assert told == known, f"{path.name}: {query.strip()}\n" + "\n".join(["expected:", *known, "got:", *told])
    return True


def _query(text: str) -> str:
    """The query; a question about two results is no view and is named as ``from drift-between``."""
    from flowstitch.sql.questions import questions

    for item in questions():
        if item.compares:
            text = text.replace(f"from {item.name}", f"from (\n{item.sql}\n)")
    return text


def _cell(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return "[" + ", ".join(map(_cell, value)) + "]"
    return str(value)
