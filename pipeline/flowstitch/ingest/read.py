"""A whole export to canonical columns and the inventory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowstitch.ingest.discover import discover
from flowstitch.ingest.model import Account, Inventory, Source
from flowstitch.normalize.columns import concat_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from flowstitch.arrays import Columns
    from flowstitch.normalize.columns import Pools

# The table that the rows of a kind go to; every other known kind is inventory.
_TABLES = {"conntrack-list": "conntrack", "conntrack-events": "conntrack", "vpc-flow-log": "flows"}


@dataclass
class Export:
    """What an export says.

    Attributes
    ----------
    sources : its files in order of their names, unknown ones too.
    accounts : of each source.
    conntrack, flows : columns of those tables, in order of source and line.
    inventory : the cluster.
    duplicates : (dropped file, the file that has the same content).
    """

    sources: list[Source]
    accounts: list[Account]
    conntrack: Columns
    flows: Columns
    inventory: Inventory = field(default_factory=Inventory)
    duplicates: list[tuple[str, str]] = field(default_factory=list)


def read_export(
    exports: Sequence[str],
    pools: Pools,
    *,
    threads: int = 1,
    exclude: Path | None = None,
    progress: Callable[[Source], None] | None = None,
) -> Export:
    """Read every file of the exports.

    Parameters
    ----------
    exports : directories, files and globs, see ``discover``.
    pools : get the addresses and names.
    threads : files that are read at the same time; the rows and their order do not depend on it.
    exclude : a directory to pass over, the output.
    progress : called with each source that has been read, from whichever thread read it.

    Returns
    -------
    Export. Files of unknown kind are listed and have no rows.

    Raises
    ------
    UsageError : see ``discover``.
    """
    discovery = discover(exports, exclude=exclude)
    accounts = [Account() for _ in discovery.sources]
    for source, account in zip(discovery.sources, accounts, strict=True):
        # the readers of known kinds say for themselves
        if source.kind == "unknown" and source.name in discovery.notes:
            account.warnings.append(discovery.notes[source.name])
            account.incomplete = source.name in discovery.unreadable

    def rows_of(source: Source, account: Account) -> list[Columns]:
        parts = _read_rows(source, pools, account) if source.kind in _TABLES else []
        if progress is not None and source.kind in _TABLES:
            progress(source)
        return parts

    with ThreadPoolExecutor(max(1, threads)) as pool:
        parts = list(pool.map(rows_of, discovery.sources, accounts))
    inventory = Inventory()
    # one after the other: the order of the inventory's rows is that of the files
    for source, account in zip(discovery.sources, accounts, strict=True):
        if source.kind not in _TABLES:
            _read_facts(source, account, inventory)
            if progress is not None:
                progress(source)
    tables: dict[str, list[Columns]] = {"conntrack": [], "flows": []}
    for source, columns in zip(discovery.sources, parts, strict=True):
        if source.kind in _TABLES:
            tables[_TABLES[source.kind]] += columns
    return Export(
        discovery.sources,
        accounts,
        concat_columns("conntrack", tables["conntrack"]),
        concat_columns("flows", tables["flows"]),
        inventory,
        discovery.duplicates,
    )


def read_source(source: Source, pools: Pools, account: Account, inventory: Inventory) -> list[Columns]:
    """Read one source of whatever kind.

    Parameters
    ----------
    source : the file.
    pools : get the addresses and names.
    account : gets its rows.
    inventory : gets what it says of the cluster.

    Returns
    -------
    Columns of ``conntrack`` or ``flows``, part by part; nothing when the source is inventory or not known.
    """
    if source.kind in _TABLES:
        return _read_rows(source, pools, account)
    _read_facts(source, account, inventory)
    return []


def _read_rows(source: Source, pools: Pools, account: Account) -> list[Columns]:
    # the readers bring numba and polars, which a caller that only asks for the inventory does without
    if _TABLES[source.kind] == "flows":
        from flowstitch.ingest.jsonlines import read_flows  # noqa: PLC0415

        return list(read_flows(source, pools, account))
    from flowstitch.ingest.conntrack import read_conntrack, resolve_start  # noqa: PLC0415

    columns = concat_columns("conntrack", list(read_conntrack(source, pools, account)))
    resolve_start(columns, source)
    return [columns]


def _read_facts(source: Source, account: Account, inventory: Inventory) -> None:
    if source.kind != "unknown":
        from flowstitch.ingest.inventory import read_inventory  # noqa: PLC0415

        read_inventory(source, account, inventory)
