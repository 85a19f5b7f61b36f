"""What ``flowstitch convert`` wrote, read back as the sources that it came from."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from flowstitch.catalog import table
from flowstitch.errors import UsageError
from flowstitch.ingest.facts import FACT_TABLES, note_dump, take_rows
from flowstitch.ingest.merge import SourceRows
from flowstitch.ingest.model import ROW_TABLES, Account, Inventory, Reject, Source
from flowstitch.ingest.parquet import read_groups, readable
from flowstitch.ingest.watched import watched
from flowstitch.normalize.columns import from_arrow, take_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowstitch.arrays import Columns
    from flowstitch.ingest.places import Place
    from flowstitch.ingest.watched import Listener
    from flowstitch.normalize.columns import Pools

    Row = dict[str, Any]

INVENTORY_TABLES = (*Inventory().tables, *FACT_TABLES)
# The tables of a conversion. Of observations it has those of inventory, which are in no other table.
TABLES = (*ROW_TABLES, *INVENTORY_TABLES, "sources", "rejects", "observations")
LOST = "missing from the converted tables"
_COLUMNS = {"observations": ("source", "line")}


@dataclass
class _Conversion:
    """What was read of one directory.

    Attributes
    ----------
    files : its files in order of their names.
    parts : rows of the canonical tables of logs by source.
    rows : rows of the other tables.
    read : tables of which everything was read.
    unread : by name of a file, why not all of it was read.
    """

    files: list[Source]
    parts: dict[str, list[Columns]] = field(default_factory=lambda: defaultdict(list))
    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    read: set[str] = field(default_factory=set)
    unread: dict[str, str] = field(default_factory=dict)


def read_tables(
    files: Sequence[Source],
    pools: Pools,
    inventory: Inventory,
    listener: Listener | None = None,
) -> tuple[list[SourceRows], list[SourceRows]]:
    """Restore the sources of which conversions hold the rows.

    Parameters
    ----------
    files : of kind ``canonical-table``; those in one directory, or in directories side by side that bear the name of
        the table, belong together.
    pools : get the addresses and names.
    inventory : gets the inventory.
    listener : is told of their bytes.

    Returns
    -------
    The original sources, as they were when they were converted, and the files of which not everything could be read,
    as sources without rows. What is missing from an original source for that moves from parsed to skipped. The names
    of original sources of different conversions can be the same.

    Raises
    ------
    UsageError : the tables are of another version, or of a result.
    """
    conversions: dict[Place, _Conversion] = {}
    for file in files:
        conversions.setdefault(_directory(file), _Conversion([])).files.append(file)
    restored, torn = [], []
    for directory, conversion in conversions.items():
        for file in conversion.files:
            with watched(file, listener) as source:
                _read_file(source, conversion, pools)
        restored += _restore(directory, conversion, inventory)
        torn += [
            SourceRows(file, Account(incomplete=True, warnings=[conversion.unread[file.name]]))
            for file in conversion.files
            if file.name in conversion.unread
        ]
    return restored, torn


def _directory(file: Source) -> Place:
    folder = file.path.parent
    return folder.parent if folder.name == file.dialect else folder


def _read_file(file: Source, conversion: _Conversion, pools: Pools) -> None:
    name = file.dialect
    if name not in TABLES:
        raise UsageError(
            f"{file.path}: got table {name!r}, which is of a result; expected an export or what flowstitch convert made of it."
        )
    conversion.read.add(name)
    try:
        with readable():
            for data in read_groups(file.path, name, _COLUMNS.get(name)):
                if name in ROW_TABLES:
                    for source, part in _by_source(from_arrow(name, data, pools), pools):
                        conversion.parts[source].append(part)
                else:
                    conversion.rows[name] += _plain_rows(name, data)
    except OSError as error:
        conversion.unread[file.name] = f"the file cannot be read: {error}."


def _by_source(columns: Columns, pools: Pools) -> Iterator[tuple[str, Columns]]:
    """Rows of each source in their order."""
    order = np.argsort(columns["source"], kind="stable")
    ordered = take_columns(columns, order)
    edges = [0, *(np.flatnonzero(np.diff(ordered["source"])) + 1).tolist(), order.shape[0]]
    for begin, end in pairwise(edges):
        if begin < end:
            source = pools.names.word(int(ordered["source"][begin])) or ""
            yield source, {name: values[begin:end] for name, values in ordered.items()}


def _plain_rows(name: str, data: pa.Table) -> list[Row]:
    """Rows as the inventory has them: times are microseconds."""
    for item in table(name).fields:
        needed = name in FACT_TABLES or item.type in {"names", "counts", "count"}
        if needed and not item.null and item.name in data.column_names and data[item.name].null_count:
            raise ValueError(f"column {item.name!r} has rows without a value")
    columns = {
        item.name: data[item.name].cast(pa.int64()) if pa.types.is_timestamp(item.type) else data[item.name]
        for item in data.schema
    }
    rows: list[Row] = pa.table(columns).to_pylist()
    return rows


def _restore(directory: Place, conversion: _Conversion, inventory: Inventory) -> list[SourceRows]:
    unread = {file.dialect for file in conversion.files if file.name in conversion.unread}
    whole = conversion.read - unread
    if "sources" not in whole:
        for file in conversion.files:
            conversion.unread.setdefault(
                file.name, "the table sources, which says where its rows come from, is not beside it."
            )
        return []
    for name in INVENTORY_TABLES:
        take_rows(name, conversion.rows[name], inventory)
    items = {
        row["source"]: SourceRows(_source(directory, row), _account(row), copies=row["copies"] or [])
        for row in conversion.rows["sources"]
        if row["source"]
    }
    for row in conversion.rows["observations"]:
        if row["source"] in items:
            items[row["source"]].account.lines.append(row["line"])
    for row in conversion.rows["rejects"]:
        if row["source"] in items:
            items[row["source"]].account.rejects.append(_reject(row))
    strangers = 0
    for name, parts in conversion.parts.items():
        if name in items:
            items[name].parts = parts
        else:
            strangers += sum(_count(part) for part in parts)
    for item in items.values():
        _settle(item)
        if "ipvs_servers" in whole or item.source.kind != "ipvs-rules":
            note_dump(item.source, item.account, inventory)
    _note_missing(conversion, strangers)
    return list(items.values())


def _source(directory: Place, row: Row) -> Source:
    return Source(
        directory, row["source"], row["size_bytes"] or 0, row["kind"] or "unknown", row["dialect"] or "", row["node"] or ""
    )  # fmt: skip


def _account(row: Row) -> Account:
    return Account(
        parsed=row["parsed"] or 0,
        skipped=Counter(dict(row["skipped_by"] or ())),
        rejected=Counter(dict(row["rejected_by"] or ())),
        warnings=row["warnings"] or [],
        incomplete=not row["complete"],
    )


def _reject(row: Row) -> Reject:
    return Reject(row["line"], row["byte_offset"], row["reason"], (row["text"] or "").encode())


def _count(part: Columns) -> int:
    return int(part["line"].shape[0])


def _settle(item: SourceRows) -> None:
    """Make the account of a source say what there is of it."""
    account = item.account
    found = sum(map(_count, item.parts)) + len(account.lines)
    if found != account.parsed:
        account.warnings.append(
            f"{account.parsed} rows were converted, {found} are in the tables that were read."
        )
        account.incomplete = True
        if found < account.parsed:
            account.skipped[LOST] += account.parsed - found
        account.parsed = found


def _note_missing(conversion: _Conversion, strangers: int) -> None:
    """Say with the table ``sources`` what is not there or has no place."""
    sentences = []
    missing = sorted(set(TABLES) - conversion.read)
    if missing:
        sentences.append(f"the tables {', '.join(missing)} are not beside it.")
    if strangers:
        sentences.append(f"{strangers} rows beside it are of no source that it has; they were left out.")
    if sentences:
        file = next(file for file in conversion.files if file.dialect == "sources")
        conversion.unread[file.name] = " ".join(sentences)
