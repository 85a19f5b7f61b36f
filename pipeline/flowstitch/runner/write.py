"""Results out: Parquet files and manifests."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import pyarrow.parquet as pq

from flowstitch.catalog import TABLES_VERSION, table
from flowstitch.catalog.arrow import TABLE_KEY, VERSION_KEY, arrow_schema
from flowstitch.normalize.columns import concat_columns, take_columns, to_arrow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    import pyarrow as pa

    from flowstitch.arrays import Columns
    from flowstitch.normalize.columns import Pools

# Types of few distinct values, with where in a column those stand; and how what rises from row to row or hardly changes is written: by its differences.
WORDS = {"address": "", "name": "", "enum": "", "names": ".list.element"}
RISING = "DELTA_BINARY_PACKED"
# Rows of a row group.
ROW_GROUP = 1 << 17


def arrow_table(name: str, data: Mapping[str, object] | Sequence[dict[str, Any]], pools: Pools) -> pa.Table:
    """Arrow table of the table ``name``.

    Parameters
    ----------
    data : columns as ``to_arrow`` takes them, or rows as dictionaries.
    """
    if not hasattr(data, "keys"):
        data = {item.name: [row[item.name] for row in data] for item in table(name).fields}
    return to_arrow(name, data, pools)  # type: ignore[arg-type]


class TableFile:
    """A file of a table, written a row group at a time however its rows come."""

    def __init__(self, directory: Path, name: str, pools: Pools, number: int = 0) -> None:
        """Begin the file.

        Parameters
        ----------
        directory : of all tables; that of this one is made if need be.
        number : of the file among those of its table.
        """
        (directory / name).mkdir(exist_ok=True)
        fields = table(name).fields
        self.rows = 0
        self._name, self._pools = name, pools
        self._waiting: list[Columns] = []
        self._schema = arrow_schema(name).with_metadata({TABLE_KEY: name, VERSION_KEY: TABLES_VERSION})
        self._file = pq.ParquetWriter(
            directory / name / f"part-{number:05}.parquet", self._schema, compression="zstd", write_page_checksum=True,
            use_dictionary=[f"{item.name}{WORDS[item.type]}" for item in fields if item.type in WORDS],
            column_encoding={item.name: RISING for item in fields if item.type in {"time", "count"}},
            # the least and the most of words tell nobody where to look, and finding them was a third of the time of writing
            write_statistics=[item.name for item in fields if item.type not in WORDS],
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._waiting:
                self._write(concat_columns(self._name, self._waiting))
        finally:
            self._file.close()

    def add(self, columns: Columns) -> None:
        """Add rows, columns as ``to_arrow`` takes them; what does not fill a row group waits for more."""
        self._waiting.append(columns)
        waiting = sum(_rows(part) for part in self._waiting)
        if waiting < ROW_GROUP:
            return
        whole = concat_columns(self._name, self._waiting) if len(self._waiting) > 1 else columns
        end = waiting - waiting % ROW_GROUP
        for begin in range(0, end, ROW_GROUP):
            self._write(take_columns(whole, slice(begin, begin + ROW_GROUP)))
        self._waiting = [take_columns(whole, slice(end, None))] if end < waiting else []

    def write(self, data: pa.Table) -> None:
        """Write rows as they are."""
        self._file.write_table(data.replace_schema_metadata(self._schema.metadata), ROW_GROUP)
        self.rows += data.num_rows

    def _write(self, columns: Columns) -> None:
        self.write(to_arrow(self._name, columns, self._pools))


def _rows(columns: Columns) -> int:
    return len(next(iter(columns.values())))


def write_table(
    directory: Path, name: str, data: Mapping[str, object] | Sequence[dict[str, Any]], pools: Pools
) -> int:
    """Write the table ``name`` below ``directory``; returns its rows.

    Parameters
    ----------
    data : columns as ``to_arrow`` takes them, or rows as dictionaries.
    """
    with TableFile(directory, name, pools) as file:
        file.write(arrow_table(name, data, pools))
    return file.rows


def write_tables(directory: Path, tables: Mapping[str, Any], pools: Pools, threads: int) -> dict[str, int]:
    """Write tables by name, as many at a time as there are threads; returns the rows of each.

    Parameters
    ----------
    tables : what ``write_table`` takes.
    """
    with ThreadPoolExecutor(threads) as workers:
        rows = workers.map(lambda name: write_table(directory, name, tables[name], pools), tables)
        return dict(zip(tables, rows, strict=True))


def write_parts(directory: Path, name: str, parts: Iterable[Columns], pools: Pools) -> int:
    """Write the table ``name`` below ``directory``, a row group at a time however it is cut; returns its rows."""
    with TableFile(directory, name, pools) as file:
        for part in parts:
            file.add(part)
    return file.rows


def write_together(
    directory: Path, tables: Mapping[str, Columns], pools: Pools, number: int
) -> dict[str, int]:
    """Write a file of each of several tables, a row group at a time; returns the rows of each.

    Parameters
    ----------
    number : of the files among those of their tables.
    """
    counts = {}
    for name, columns in tables.items():
        with TableFile(directory, name, pools, number) as file:
            file.add(columns)
        counts[name] = file.rows
    return counts


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a manifest: sorted keys, one final newline."""
    path.write_text(
        json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
