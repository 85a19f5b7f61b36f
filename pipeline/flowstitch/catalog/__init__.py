"""The schemas as objects: fields, tables, dialects, data planes. ``schemas/README.md`` is the grammar."""

from flowstitch.catalog.load import field, fields, load_toml, schema_root, table, table_names
from flowstitch.catalog.model import TABLES_VERSION, Field, Table

__all__ = [
    "TABLES_VERSION",
    "Field",
    "Table",
    "field",
    "fields",
    "load_toml",
    "schema_root",
    "table",
    "table_names",
]
