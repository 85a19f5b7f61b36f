"""Less of an answer: the rows of a service or a node, the first so many.

What is left out is left out of the answer, not of what it is computed from: shares keep their meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowstitch.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import duckdb

    from flowstitch.sql.questions import Question

SERVICE, NODE = "--service", "--node"
WHAT = {SERVICE: "service", NODE: "node"}
# What the inventory and the sources call them.
KNOWN_NAMES = {
    SERVICE: "select namespace || '/' || name from services",
    NODE: "select name from nodes union select node from sources where node is not null",
}
# Columns that an option looks into.
_COLUMNS = {
    SERVICE: {"service", "target"},
    NODE: {"node", "client_node", "server_node", "near_node", "far_node"},
}


def narrowing_columns(asked: Question, option: str) -> list[str]:
    """Columns of the answer that ``--service`` or ``--node`` looks into; none where it means nothing."""
    return [name for name, _ in asked.columns if name in _COLUMNS[option]]


def narrowed(
    answer: duckdb.DuckDBPyRelation, asked: Question, wishes: Mapping[str, str], known: Mapping[str, Collection[str]], top: int | None
) -> duckdb.DuckDBPyRelation:  # fmt: skip
    """Rows of an answer that have the service and the node in one of their columns, the first ``top`` of them.

    Parameters
    ----------
    wishes : by option what it names. known : by option names that there are; others can stand in the answer.

    Raises
    ------
    UsageError when the answer has no such column; with the nearest name when there is no such service or node.
    """
    import duckdb  # noqa: PLC0415

    chosen = answer
    for option, value in wishes.items():
        columns = narrowing_columns(asked, option)
        if not columns:
            told = ", ".join(name for name, _ in asked.columns)
            raise UsageError(
                f"question {asked.name!r} has no column that {option} could look into; its columns: {told}."
            )
        if value not in known[option]:
            names = _names_in(answer, columns)
            if value not in names:
                raise unknown_name(WHAT[option], value, names.union(known[option]))
        matches = [duckdb.ColumnExpression(name) == duckdb.ConstantExpression(value) for name in columns]
        wanted = matches[0]
        for match in matches[1:]:
            wanted |= match
        chosen = chosen.filter(wanted)
    return chosen if top is None else chosen.limit(top)


def _names_in(answer: duckdb.DuckDBPyRelation, columns: list[str]) -> set[str]:
    """What stands in some columns of an answer."""
    return {
        value
        for name in columns
        for (value,) in answer.project(f'"{name}"').distinct().fetchall()
        if value is not None
    }
