"""Tables in DuckDB's words."""

from __future__ import annotations

from flowstitch.catalog.load import table

# What DuckDB calls the types of schemas/fields.toml.
DUCKDB_TYPES = {
    "address": "VARCHAR",
    "bytes": "BIGINT",
    "count": "BIGINT",
    "counts": "MAP(VARCHAR, BIGINT)",
    "enum": "VARCHAR",
    "flag": "BOOLEAN",
    "id": "UBIGINT",
    "ids": "UBIGINT[]",
    "name": "VARCHAR",
    "names": "VARCHAR[]",
    "port": "USMALLINT",
    "text": "VARCHAR",
    "time": "TIMESTAMP",
    "u8": "UTINYINT",
    "u16": "USMALLINT",
}


def create_statement(name: str) -> str:
    """Statement that makes the table of that name, empty."""
    columns = ", ".join(f'"{item.name}" {DUCKDB_TYPES[item.type]}' for item in table(name).fields)
    return f"create table {name} ({columns});"
