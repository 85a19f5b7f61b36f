"""Arrow schemas of the tables."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa

from flowstitch.catalog.load import table

if TYPE_CHECKING:
    from flowstitch.catalog.model import Field

_WORDS = pa.dictionary(pa.int32(), pa.string())
_TYPES = {
    "address": _WORDS,
    "bytes": pa.int64(),
    "count": pa.int64(),
    "counts": pa.map_(pa.string(), pa.int64()),
    "enum": _WORDS,
    "flag": pa.bool_(),
    "id": pa.uint64(),
    "ids": pa.list_(pa.uint64()),
    "name": _WORDS,
    "names": pa.list_(pa.string()),
    "port": pa.uint16(),
    "text": pa.string(),
    "time": pa.timestamp("us"),
    "u8": pa.uint8(),
    "u16": pa.uint16(),
}
# What a Parquet file of ours says of itself: its table, and the ``TABLES_VERSION`` that it was written by.
TABLE_KEY, VERSION_KEY = b"flowstitch.table", b"flowstitch.tables_version"


def arrow_type(item: Field) -> pa.DataType:
    """Arrow type of a field; words are dictionary-encoded, times are UTC microseconds without a zone."""
    return _TYPES[item.type]


@cache
def arrow_schema(name: str) -> pa.Schema:
    """Arrow schema of the table of that name."""
    return pa.schema([pa.field(item.name, arrow_type(item)) for item in table(name).fields])
