"""Results out: Parquet files and manifests."""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from flowstitch.catalog import table
from flowstitch.catalog.arrow import TABLE_KEY, TABLES_VERSION, VERSION_KEY, arrow_schema
from flowstitch.normalize.columns import concat_columns, take_columns, to_arrow
from flowstitch.normalize.pieces import PIECE_ROWS, Pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from flowstitch.arrays import Columns
    from flowstitch.normalize.columns import Pools

# Types of few distinct values, and how what rises from row to row or hardly changes is written: by its differences.
WORDS = {"address", "name", "enum"}
RISING = "DELTA_BINARY_PACKED"


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
    (directory / name).mkdir()
    return _write(_file(directory, name), name, [arrow_table(name, data, pools)])


def write_tables(directory: Path, tables: Mapping[str, Any], pools: Pools, threads: int) -> dict[str, int]:
    """Write tables by name, as many files at a time as there are threads; returns the rows of each.

    Parameters
    ----------
    tables : what ``write_table`` takes, or ``Pieces``.
    """
    with ThreadPoolExecutor(threads) as workers:
        written: dict[str, list[Future[int]]] = {}
        # what takes longest first
        for name, data in sorted(tables.items(), key=lambda item: not isinstance(item[1], Pieces)):
            if isinstance(data, Pieces):
                (directory / name).mkdir()
                written[name] = [
                    workers.submit(
                        _write_file, _file(directory, name, number), name, (make() for make in file), pools
                    )
                    for number, file in enumerate(data.files)
                ]
            else:
                written[name] = [workers.submit(write_table, directory, name, data, pools)]
        return {name: sum(rows.result() for rows in written[name]) for name in tables}


def write_parts(directory: Path, name: str, parts: Iterable[Columns], pools: Pools) -> int:
    """Write the table ``name`` below ``directory``, a row group at a time however it is cut; returns its rows."""
    (directory / name).mkdir()
    return _write_file(_file(directory, name), name, parts, pools)


def _file(directory: Path, name: str, number: int = 0) -> Path:
    return directory / name / f"part-{number:05}.parquet"


def _write_file(path: Path, name: str, parts: Iterable[Columns], pools: Pools) -> int:
    return _write(path, name, (to_arrow(name, group, pools) for group in _row_groups(name, parts)))


def _row_groups(name: str, parts: Iterable[Columns]) -> Iterator[Columns]:
    """Rows of all parts in order, ``PIECE_ROWS`` at a time; one group at least."""
    waiting: list[Columns] = []
    rows, none = 0, True
    for part in parts:
        none = False
        waiting.append(part)
        rows += len(next(iter(part.values())))
        if rows >= PIECE_ROWS:
            columns = concat_columns(name, waiting) if len(waiting) > 1 else part
            rows %= PIECE_ROWS
            whole = len(next(iter(columns.values()))) - rows
            for begin in range(0, whole, PIECE_ROWS):
                yield take_columns(columns, slice(begin, begin + PIECE_ROWS))
            waiting = [take_columns(columns, slice(whole, None))] if rows else []
    if rows or none:
        yield concat_columns(name, waiting)


def _write(path: Path, name: str, tables: Iterable[pa.Table]) -> int:
    schema = arrow_schema(name).with_metadata({TABLE_KEY: name, VERSION_KEY: TABLES_VERSION})
    rows = 0
    with pq.ParquetWriter(
        path, schema, compression="zstd", write_page_checksum=True,
        use_dictionary=[item.name for item in table(name).fields if item.type in WORDS],
        column_encoding={item.name: RISING for item in table(name).fields if item.type in {"time", "count"}},
    ) as writer:  # fmt: skip
        for data in tables:
            writer.write_table(data.replace_schema_metadata(schema.metadata), PIECE_ROWS)
            rows += data.num_rows
    return rows


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a manifest: sorted keys, one final newline."""
    path.write_text(
        json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
