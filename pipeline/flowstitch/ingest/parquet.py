"""Parquet files, with bounded footers: those that hold a table of ``schemas/tables``, and the logs of others."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from flowstitch.catalog import TABLES_VERSION
from flowstitch.catalog.arrow import TABLE_KEY, VERSION_KEY, arrow_schema
from flowstitch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowstitch.ingest.places import Place

# What a row group may take; ours have ``ROW_GROUP_ROWS`` rows.
MAX_GROUP_ROWS = 1 << 20
MAX_GROUP_BYTES = 1 << 30
BATCH_ROWS = 1 << 16
_MAX_FOOTER_ITEMS = 1 << 20
_MAX_FOOTER_BYTES = 1 << 26
_MAX_SENTENCE = 200


def table_of(path: Place) -> str:
    """Name of the table that a Parquet file says it holds, '' when it says nothing; ``OSError`` when it cannot be read."""
    with _opened(path) as file:
        return _said(file, TABLE_KEY)


def columns_of(path: Place) -> list[str]:
    """Names of the columns of a Parquet file; ``OSError`` when it cannot be read."""
    with _opened(path) as file:
        names: list[str] = file.schema_arrow.names
        return names


def rows_of(path: Place) -> int:
    """Rows of a Parquet file; ``OSError`` when it cannot be read."""
    with _opened(path) as file:
        rows: int = file.metadata.num_rows
        return rows


def read_groups(path: Place, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Rows of a file of the table ``name``, one row group after the other.

    Parameters
    ----------
    columns : those that are wanted, all of the table without.

    Raises
    ------
    UsageError : the file is of another version of the tables, or its columns are not those of the table.
    OSError : it cannot be read, or a row group is larger than ``MAX_GROUP_ROWS`` or ``MAX_GROUP_BYTES``.
    """
    wanted = list(columns or arrow_schema(name).names)
    with _opened(path) as file:
        _check(file, path, name)
        for number in range(file.num_row_groups):
            group = file.metadata.row_group(number)
            if group.num_rows > MAX_GROUP_ROWS or group.total_byte_size > MAX_GROUP_BYTES:
                raise OSError(
                    f"a row group of {group.num_rows} rows and {group.total_byte_size} bytes is too large"
                )
            data = file.read_row_group(number, wanted, use_threads=False).select(wanted)
            data.validate(full=True)
            yield data


def read_batches(path: Place, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of a file of whatever table, ``BATCH_ROWS`` rows at a time; ``OSError`` when it cannot be read.

    Each column once, without what the file says beside its values, as texts, numbers, flags or times in µs; nulls where it
    is none of those.
    """
    with _opened(path) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=list(columns), use_threads=False):
            # what was read is not looked at: texts need be no UTF-8
            batch.validate(full=True)
            found = dict(zip(batch.schema.names[::-1], batch.columns[::-1], strict=True))
            plain = {name: _plain(found[name]) for name in columns if name in found}
            yield pa.table(plain)


def _plain(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us"), safe=False)
    if pa.types.is_decimal(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return column.cast(pa.string())
    if pa.types.is_float16(kind):
        return column.cast(pa.float32())
    numbers = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    texts = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return column if numbers or texts else pa.nulls(len(column), pa.string())


@contextmanager
def readable() -> Iterator[None]:
    """Turn what Arrow and the columns say of a damaged file into ``OSError`` with a short sentence."""
    try:
        yield
    except (pa.ArrowException, ValueError, IndexError, OverflowError, OSError) as error:
        words = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise OSError(words[:_MAX_SENTENCE].rstrip(".")) from error


@contextmanager
def _opened(path: Place) -> Iterator[pq.ParquetFile]:
    with (
        readable(),
        path.open("rb") as raw,
        pq.ParquetFile(
            raw,
            thrift_string_size_limit=_MAX_FOOTER_BYTES,
            thrift_container_size_limit=_MAX_FOOTER_ITEMS,
            page_checksum_verification=True,
        ) as file,
    ):
        yield file


def _said(file: pq.ParquetFile, key: bytes) -> str:
    return ((file.schema_arrow.metadata or {}).get(key) or b"").decode("utf-8", "backslashreplace")


def _check(file: pq.ParquetFile, path: Place, name: str) -> None:
    again = "convert the export again with this version of flowstitch."
    version = _said(file, VERSION_KEY)
    if version != TABLES_VERSION:
        raise UsageError(f"{path}: got tables of version {version!r}, expected {TABLES_VERSION!r}; {again}")
    found = file.schema_arrow
    for item in arrow_schema(name):
        place = found.get_field_index(item.name)
        if place < 0:
            raise UsageError(f"{path}: got no column {item.name!r}, expected one in table {name!r}; {again}")
        if found.field(place).type != item.type:
            got = found.field(place).type
            raise UsageError(f"{path}: column {item.name!r}: got {got}, expected {item.type}; {again}")
