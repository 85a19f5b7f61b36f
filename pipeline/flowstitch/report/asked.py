"""What is asked of a result for its page: the queries of ``queries/``, and named questions with a path for each row."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from flowstitch.errors import UsageError
from flowstitch.sql.definitions import view_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowstitch.sql.session import Result

    Row: TypeAlias = dict[str, Any]

_HERE = Path(__file__).parent / "queries"


def result_path(session: Result) -> Path:
    """The directory that the page is of, as it was named.

    Raises
    ------
    UsageError where several were opened together, or the rows of paths were left out.
    """
    path = Path(session.name)
    if not path.is_dir():
        raise UsageError(f"{session.name}: is several results; a report is of one.")
    if not session.whole:
        raise UsageError(
            f"{session.name}: was made with --observations unmatched, and a report counts rows of paths; run it again without."
        )
    return path


def ask_own(session: Result, name: str) -> list[Row]:
    """Rows of a query of the page's own: what no named question gives, such as totals.

    Parameters
    ----------
    name : name of its file in ``queries/``, without suffix.
    """
    return rows(session, _query(name))


def ask_question(session: Result, name: str) -> list[Row]:
    """All rows of a named question."""
    return rows(session, f"from {view_name(name)}")


def rows(session: Result, query: str) -> list[Row]:
    """Rows of a query, each a mapping from column to value."""
    found: list[Row] = session.sql(query).to_arrow_table().to_pylist()
    return found


@contextmanager
def computed_once(session: Result, views: Sequence[str]) -> Iterator[None]:
    """Compute these views, or those that answer questions, once for all that the block asks: tables of their names stand before them.

    A session that is locked computes them as often as they are asked for.
    """
    made = []
    with suppress(UsageError):
        for view in views:
            session.sql(f"create temp table {view} as from main.{view}")
            made.append(view)
    try:
        yield
    finally:
        for view in made:
            session.sql(f"drop table temp.{view}")


@cache
def _query(name: str) -> str:
    return (_HERE / f"{name}.sql").read_text(encoding="utf-8")
