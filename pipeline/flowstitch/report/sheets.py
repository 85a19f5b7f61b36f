"""Answers of named questions as bounded tables, with the path that ``explain`` shows of each row."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowstitch.report.asked import rows
from flowstitch.sql.definitions import view_name
from flowstitch.sql.questions import question

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowstitch.report.asked import Row
    from flowstitch.sql.questions import Question
    from flowstitch.sql.session import Result

_SHEETS = Path(__file__).parent / "page" / "tables.toml"
# Rows of a table that the page has at most; the question has them all.
MAX_ROWS = 100
# What is put beside the columns of the answer.
TOTAL, PATH = "total rows", "example path"


@dataclass(frozen=True)
class Sheet:
    """A table of the page.

    Attributes
    ----------
    question : whose answer it is.
    section : of the page, ``tables`` or ``sources``.
    keys : by column of the answer what it is in ``paths``; empty where rows are not of paths.
    paths : table, view or query with ``path_id`` in which the path of a row is looked for. where : which of them count.
    first : condition on rows that come before all others; empty for the order of the answer.
    """

    question: str
    section: str = "tables"
    keys: Mapping[str, str] = field(default_factory=dict)
    paths: str = "datapaths"
    where: str = "true"
    first: str = ""


@dataclass(frozen=True)
class Filled:
    """A table with its rows.

    Attributes
    ----------
    asked : the question. rows : its first rows, with ``PATH``. total : rows of the whole answer.
    """

    asked: Question
    rows: list[Row]
    total: int


@cache
def sheets() -> tuple[Sheet, ...]:
    """The tables of the page, in order."""
    read: list[dict[str, Any]] = tomllib.loads(_SHEETS.read_text(encoding="utf-8"))["table"]
    return tuple(Sheet(**one) for one in read)


def fill(session: Result, sheet: Sheet) -> Filled:
    """Ask for the rows of a table."""
    asked = question(sheet.question)
    # a question about two results has no view
    answer = asked.body if asked.compares else f"from {view_name(asked.name)}"
    found = rows(session, _query(answer, sheet))
    return Filled(asked, found, found[0][TOTAL] if found else 0)


def _query(body: str, sheet: Sheet) -> str:
    """The first rows of an answer; of each the path with the greatest number, so that it is always the same."""
    front = f"not coalesce({sheet.first}, false), " if sheet.first else ""
    answer = f"""
        with asked as (select row_number() over () as place, count(*) over () as "{TOTAL}", * from ({body})),
        answer as (from asked order by {front}place limit {MAX_ROWS})"""
    if not sheet.keys:
        return f'{answer} select * exclude (place), null as "{PATH}" from answer order by {front}place'
    named = ", ".join(f'{inner} as "{name}"' for name, inner in sheet.keys.items())
    equal = " and ".join(f'answer."{name}" is not distinct from examples."{name}"' for name in sheet.keys)
    # of the paths only those of these rows are put together
    return f"""{answer},
        named as (select {named}, path_id from {sheet.paths} where {sheet.where}),
        examples as (
            select * exclude (path_id), max(path_id) as "{PATH}"
            from named as examples
            semi join answer on {equal}
            group by all
        )
        select answer.* exclude (place), "{PATH}" from answer left join examples on {equal} order by {front}place"""
