"""Tables and columns as rows for people, and as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowstitch.catalog.ddl import DUCKDB_TYPES
from flowstitch.catalog.load import table, table_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowstitch.catalog.model import Field


def table_row(name: str) -> dict[str, Any]:
    """What a table is, in words."""
    item = table(name)
    return {"table": item.name, "grain": item.grain, "key": list(item.key), "doc": item.doc}


def column_row(item: Field) -> dict[str, Any]:
    """What a column is, in words."""
    values = f" One of: {', '.join(item.values)}." if item.values else ""
    return {
        "column": item.name,
        "type": DUCKDB_TYPES[item.type],
        "null": item.null or None,
        "doc": item.doc + values,
    }


def markdown_table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Lines of a Markdown table; the keys of the rows are its head."""
    lines = [list(rows[0]), ["---"] * len(rows[0])]
    lines += [[_cell(value) for value in row.values()] for row in rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _cell(value: Any) -> str:
    text = ", ".join(value) if isinstance(value, list) else value or ""
    return text.replace("|", "\\|")


def field_reference() -> Iterator[str]:
    """Lines of the reference of all tables and columns."""
    yield "# Tables and their columns"
    yield ""
    yield "Made of `schemas/` by `python -m flowstitch.reference`. Times are UTC; null is said where a column can be null."
    for name in table_names():
        item = table(name)
        yield from ("", f"## {name}", f"{item.doc} {item.grain[:1].upper()}{item.grain[1:]}.", "")
        yield from markdown_table([column_row(field) for field in item.fields])
