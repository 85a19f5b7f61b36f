"""Results out: Parquet files and manifests."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from flowstitch.catalog import table
from flowstitch.catalog.arrow import TABLE_KEY, TABLES_VERSION, VERSION_KEY, arrow_schema
from flowstitch.normalize.columns import concat_columns, take_columns, to_arrow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from flowstitch.arrays import Columns
    from flowstitch.normalize.columns import Pools

ROW_GROUP_ROWS = 1 << 17


def arrow_table(name: str, data: Mapping[str, object] | Sequence[dict[str, Any]], pools: Pools) -> pa.Table:
    """Arrow table of the table ``name``.

    Parameters
    ----------
    data : columns as ``to_arrow`` takes them, or rows as dictionaries.
    """
    if not hasattr(data, "keys"):
        data = {item.name: [row[item.name] for row in data] for item in table(name).fields}
    return to_arrow(name, data, pools)  # type: ignore[arg-type]


def write_table(
    directory: Path, name: str, data: Mapping[str, object] | Sequence[dict[str, Any]], pools: Pools
) -> int:
    """Write the table ``name`` below ``directory``; returns its rows.

    Parameters
    ----------
    data : columns as ``to_arrow`` takes them, or rows as dictionaries.
    """
    return _write(directory, name, [arrow_table(name, data, pools)])


def write_tables(directory: Path, tables: Mapping[str, Any], pools: Pools, threads: int) -> dict[str, int]:
    """Write tables by name, as many at a time as there are threads; returns the rows of each."""
    with ThreadPoolExecutor(threads) as workers:
        written = {
            name: workers.submit(write_table, directory, name, data, pools) for name, data in tables.items()
        }
        return {name: rows.result() for name, rows in written.items()}


def write_parts(directory: Path, name: str, parts: Iterable[Columns], pools: Pools) -> int:
    """Write the table ``name`` below ``directory``, a row group at a time however it is cut; returns its rows."""
    return _write(directory, name, (to_arrow(name, group, pools) for group in _row_groups(name, parts)))


def _row_groups(name: str, parts: Iterable[Columns]) -> Iterator[Columns]:
    """Rows of all parts in order, ``ROW_GROUP_ROWS`` at a time; one group at least."""
    waiting: list[Columns] = []
    rows = 0
    for part in parts:
        waiting.append(part)
        rows += part["line"].shape[0]
        if rows >= ROW_GROUP_ROWS:
            columns = concat_columns(name, waiting)
            whole = rows - rows % ROW_GROUP_ROWS
            for begin in range(0, whole, ROW_GROUP_ROWS):
                yield take_columns(columns, slice(begin, begin + ROW_GROUP_ROWS))
            waiting, rows = [take_columns(columns, slice(whole, None))], rows - whole
    if rows or not waiting:
        yield concat_columns(name, waiting)


def _write(directory: Path, name: str, tables: Iterable[pa.Table]) -> int:
    (directory / name).mkdir()
    schema = arrow_schema(name).with_metadata({TABLE_KEY: name, VERSION_KEY: TABLES_VERSION})
    rows = 0
    with pq.ParquetWriter(
        directory / name / "part-00000.parquet", schema, compression="zstd", write_page_checksum=True,
        use_dictionary=[item.name for item in table(name).fields if item.type in {"address", "name", "enum"}],
    ) as writer:  # fmt: skip
        for data in tables:
            writer.write_table(data.replace_schema_metadata(schema.metadata), ROW_GROUP_ROWS)
            rows += data.num_rows
    return rows


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a manifest: sorted keys, one final newline."""
    path.write_text(
        json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
