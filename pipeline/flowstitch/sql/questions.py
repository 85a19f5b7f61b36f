"""Named questions: files in ``sql/questions``, each a query with a header that says what it answers.

The header is the comment above the query::

    -- title: one line, a question
    -- why: what somebody does with the answer
    -- grain: what one row is
    -- needs: what the export has to have, and what the answer is without it
    -- compares: only of a question about two results: what the second one is
    -- kept: only of a view that a run writes into its result: why it does
    -- columns:
    --   name: what the column means, one line for each column, in order
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import dropwhile
from pathlib import Path

from flowstitch.errors import SchemaError, unknown_name

_HERE = Path(__file__).parent / "questions"
_KEYS = ("title", "why", "grain", "needs")


@dataclass(frozen=True)
class Question:
    """A named question.

    Attributes
    ----------
    name : name of its file.
    title, why, grain, needs : from its header.
    compares : what the second result is, whose tables stand in schema ``after``; empty where it needs none.
    kept : why a run writes the answer of a view into its result; empty where it does not.
    columns : (name, meaning) of each column of the answer, in order.
    sql : the query; it has no parameters.
    """

    name: str
    title: str
    why: str
    grain: str
    needs: str
    compares: str
    kept: str
    columns: tuple[tuple[str, str], ...]
    sql: str

    @property
    def body(self) -> str:
        """The query without its header."""
        lines = self.sql.strip().splitlines()
        return "\n".join(dropwhile(lambda line: line.startswith("--"), lines))


@cache
def question_names() -> tuple[str, ...]:
    """Names of all questions, sorted."""
    return tuple(sorted(path.stem for path in _HERE.glob("*.sql")))


def questions() -> list[Question]:
    """All questions, by name."""
    return [question(name) for name in question_names()]


def question(name: str) -> Question:
    """Question of that name.

    Raises
    ------
    UsageError with the nearest name when there is none; SchemaError when its header is not complete.
    """
    if name not in question_names():
        raise unknown_name("question", name, question_names())
    return parse_question(name, (_HERE / f"{name}.sql").read_text(encoding="utf-8"))


def parse_question(name: str, sql: str) -> Question:
    """Question of the text of its file; ``SchemaError`` when the header lacks something."""
    values: dict[str, str] = {}
    columns: list[tuple[str, str]] = []
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        text = line.removeprefix("--")
        key, _, value = text.strip().partition(":")
        if text.startswith("   ") and "columns" in values:
            columns.append((key, value.strip()))
        else:
            values[key] = value.strip()
    missing = [key for key in _KEYS if not values.get(key)] + ["columns"] * (not columns)
    if missing:
        raise SchemaError(f"questions/{name}.sql: the header lacks {', '.join(missing)}.")
    return Question(
        name,
        values["title"],
        values["why"],
        values["grain"],
        values["needs"],
        values.get("compares", ""),
        values.get("kept", ""),
        tuple(columns),
        sql,
    )
