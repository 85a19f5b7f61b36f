"""What a field and a table are."""

from __future__ import annotations

from dataclasses import dataclass

# Version of the tables as ``schemas/tables`` has them, which results and Parquet files of ours name.
TABLES_VERSION = "1"
FIELD_TYPES = (
    "address", "bytes", "count", "counts", "enum", "flag", "id", "ids", "name", "names", "port", "text", "time", "u16", "u8",
)  # fmt: skip


@dataclass(frozen=True)
class Field:
    """A column, declared once for every table that has it.

    Attributes
    ----------
    name : column name.
    type : one of ``FIELD_TYPES``.
    doc : what it means.
    unit : unit of the number, empty where the type says it.
    null : what null means, empty where the column is never null.
    values : for an ``enum``, its values; code ``k`` stands for ``values[k - 1]``, code 0 for null.
    example : an example value as text.
    """

    name: str
    type: str
    doc: str
    unit: str = ""
    null: str = ""
    values: tuple[str, ...] = ()
    example: str = ""

    def code(self, value: str) -> int:
        """Code of an enum value, from 1; ``ValueError`` when there is no such value."""
        return self.values.index(value) + 1


@dataclass(frozen=True)
class Table:
    """A table: ordered fields, what one row is, and which columns tell rows apart."""

    name: str
    doc: str
    grain: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]

    def __getitem__(self, name: str) -> Field:
        """Field of that name; ``KeyError`` when the table has none."""
        for item in self.fields:
            if item.name == name:
                return item
        raise KeyError(name)
