"""Less of an answer: the rows of a service or a node, the first so many.

What is left out is left out of the answer, not of what it is computed from: shares keep their meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowstitch.errors import UsageError

if TYPE_CHECKING:
    import duckdb

    from flowstitch.sql.questions import Question

SERVICE, NODE = "--service", "--node"
# Columns that an option looks into.
_COLUMNS = {
    SERVICE: {"service", "target"},
    NODE: {"node", "client_node", "server_node", "near_node", "far_node"},
}


def narrowing_columns(asked: Question, option: str) -> list[str]:
    """Columns of the answer that ``--service`` or ``--node`` looks into; none where it means nothing."""
    return [name for name, _ in asked.columns if name in _COLUMNS[option]]


def narrowed(
    answer: duckdb.DuckDBPyRelation, asked: Question, service: str | None, node: str | None, top: int | None
) -> duckdb.DuckDBPyRelation:
    """Rows of an answer that have the service and the node in one of their columns, the first ``top`` of them.

    Raises
    ------
    UsageError when the answer has no such column.
    """
    import duckdb  # noqa: PLC0415

    for option, value in ((SERVICE, service), (NODE, node)):
        if value is None:
            continue
        columns = narrowing_columns(asked, option)
        if not columns:
            known = ", ".join(name for name, _ in asked.columns)
            raise UsageError(
                f"question {asked.name!r} has no column that {option} could look into; its columns: {known}."
            )
        matches = [duckdb.ColumnExpression(name) == duckdb.ConstantExpression(value) for name in columns]
        wanted = matches[0]
        for match in matches[1:]:
            wanted |= match
        answer = answer.filter(wanted)
    return answer if top is None else answer.limit(top)
