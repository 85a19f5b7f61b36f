"""A whole export to canonical columns and the inventory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from flowstitch.ingest.discover import discover
from flowstitch.ingest.lessons import Lessons, Taught
from flowstitch.ingest.memory import WHOLE_SHARE, default_memory
from flowstitch.ingest.merge import SourceRows, merge_sources
from flowstitch.ingest.model import ROW_KINDS, ROW_TABLES, Account, Inventory, Source
from flowstitch.ingest.parts import Parts
from flowstitch.ingest.sniff import CANONICAL_TABLE
from flowstitch.ingest.watched import watched
from flowstitch.normalize.columns import concat_columns
from flowstitch.normalize.scratch import Scratch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from flowstitch.arrays import Columns
    from flowstitch.ingest.conntrack_times import FileTimes
    from flowstitch.ingest.watched import Listener
    from flowstitch.normalize.columns import Pools


@dataclass
class Export:
    """What an export says.

    Attributes
    ----------
    sources : its files in order of their names, unknown ones too; those that canonical tables came from, not the tables.
    accounts : of each source.
    parts : rows of each source, part by part, until ``rows`` has put them together.
    inventory : the cluster.
    duplicates : (dropped file, the file that has the same content).
    threads : how many put ``rows`` together.
    """

    sources: list[Source]
    accounts: list[Account]
    parts: list[Sequence[Columns]]
    inventory: Inventory = field(default_factory=Inventory)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    threads: int = 1

    def parts_of(self, table: str, names: Collection[str] | None = None) -> Iterator[Columns]:
        """Rows of a table in order of source and line, part by part; with ``names`` no other columns are asked of them."""
        if "rows" in self.__dict__:
            yield self.rows[table]
            return
        for source, parts in zip(self.sources, self.parts, strict=True):
            if ROW_KINDS.get(source.kind) == table:
                if names is not None and isinstance(parts, Parts):
                    yield from parts.with_columns(names)
                else:
                    yield from parts

    def drain(self, table: str, *sources: int) -> Iterator[Columns]:
        """The same, of all sources or of those with these numbers; each part is forgotten here as it is handed on."""
        for number in sources or range(len(self.sources)):
            if ROW_KINDS.get(self.sources[number].kind) == table:
                parts, self.parts[number] = self.parts[number], ()
                yield from parts.drain() if isinstance(parts, Parts) else parts

    @cached_property
    def rows(self) -> dict[str, Columns]:
        """Columns of each of ``ROW_TABLES``, in order of source and line, all in memory."""
        with ThreadPoolExecutor(self.threads) as workers:
            rows = {name: concat_columns(name, list(self.parts_of(name)), workers) for name in ROW_TABLES}
        self.parts = [() for _ in self.parts]
        return rows


def read_export(
    exports: Sequence[str],
    pools: Pools,
    *,
    threads: int = 1,
    exclude: Path | None = None,
    memory_bytes: int | None = None,
    listener: Listener | None = None,
    scratch: Scratch | None = None,
) -> Export:
    """Read every file of the exports.

    Parameters
    ----------
    exports : see ``find_files``.
    pools : get the addresses and names.
    threads : logs that are read, and blocks that are parsed, at the same time, beside the inventory; the rows and their order do not depend on it.
    exclude : a directory to pass over, the output.
    memory_bytes : memory that reading may take, by default half of the machine's; what can only be read whole may have
        ``WHOLE_SHARE`` of it.
    listener : is told how much is to be read and how much was.
    scratch : keeps the rows; in memory without.

    Returns
    -------
    Export. Files of unknown kind are listed and have no rows. Where canonical tables and raw files describe one
    object of the inventory, the raw files count.

    Raises
    ------
    UsageError : see ``discover``.
    """
    discovery = discover(exports, exclude=exclude)
    if listener is not None:
        listener.sources(len(discovery.sources), sum(source.size_bytes for source in discovery.sources))
    whole_bytes = (memory_bytes or default_memory()) // WHOLE_SHARE
    canonical = [source for source in discovery.sources if source.kind == CANONICAL_TABLE]
    read = [
        SourceRows(source, Account(whole_bytes=whole_bytes))
        for source in discovery.sources
        if source.kind != CANONICAL_TABLE
    ]
    copies: dict[str, list[str]] = {}
    for left, kept in discovery.duplicates:
        copies.setdefault(kept, []).append(left)
    for item in read:
        item.copies = copies.get(item.source.name, [])
        # the readers of known kinds say for themselves
        if item.source.kind == "unknown" and item.source.name in discovery.notes:
            item.account.warnings.append(discovery.notes[item.source.name])
            item.account.incomplete = item.source.name in discovery.unreadable

    inventory = Inventory(dataplanes=discovery.dataplanes)
    with (
        ThreadPoolExecutor(max(1, threads)) as files,
        ThreadPoolExecutor(max(1, threads)) as pool,
        ThreadPoolExecutor(1) as clerk,
    ):
        # one for files and one for their blocks: a reader that waits for its blocks must not hold the place of their worker;
        # and one for what is read one file after the other, canonical tables and the inventory
        workers = pool if threads > 1 else None
        lessons = Lessons(Taught)

        def read_rows(item: SourceRows) -> None:
            if item.source.kind in ROW_KINDS:
                with watched(item.source, listener) as source:
                    item.parts = _read_rows(source, pools, item.account, workers, scratch, lessons)

        def read_others() -> tuple[list[SourceRows], list[SourceRows]]:
            tables = _read_tables(canonical, pools, inventory, listener)
            # one after the other: the order of the inventory's rows is that of the files
            for item in read:
                if item.source.kind not in ROW_KINDS:
                    with watched(item.source, listener) as source:
                        _read_facts(source, item.account, inventory)
            return tables

        others = clerk.submit(read_others)
        list(files.map(read_rows, read))
        restored, torn = others.result()
    return _assemble(merge_sources([*read, *torn], restored, pools), inventory, max(1, threads))


def _assemble(items: Sequence[SourceRows], inventory: Inventory, threads: int) -> Export:
    return Export(
        [item.source for item in items],
        [item.account for item in items],
        [item.parts for item in items],
        inventory,
        sorted((copy, item.source.name) for item in items for copy in item.copies),
        threads,
    )


def read_source(
    source: Source, pools: Pools, account: Account, inventory: Inventory, workers: Executor | None = None
) -> Sequence[Columns]:
    """Read one source of whatever kind.

    Parameters
    ----------
    source : the file.
    pools : get the addresses and names.
    account : gets its rows.
    inventory : gets what it says of the cluster.
    workers : threads that parse blocks of a log.

    Returns
    -------
    Columns of the kind's table, part by part; nothing when the source is inventory or not known.
    """
    if source.kind in ROW_KINDS:
        return _read_rows(source, pools, account, workers)
    _read_facts(source, account, inventory)
    return []


def _read_rows(
    source: Source,
    pools: Pools,
    account: Account,
    workers: Executor | None = None,
    scratch: Scratch | None = None,
    lessons: Lessons | None = None,
) -> Parts:
    # the readers bring numba and polars, which a caller that only asks for the inventory does without
    times: FileTimes | None = None
    rows: Iterator[Columns]
    if ROW_KINDS[source.kind] in {"flows", "requests", "lb_connections"}:
        from flowstitch.ingest.logs import read_log  # noqa: PLC0415

        rows = read_log(source, pools, account, workers, lessons)
    elif ROW_KINDS[source.kind] == "ipvs_connections":
        from flowstitch.ingest.ipvs_connections import read_ipvs_connections  # noqa: PLC0415

        rows = read_ipvs_connections(source, pools, account)
    elif source.dialect == "conntrack-xml":
        from flowstitch.ingest.conntrack_xml import read_conntrack_xml, xml_times  # noqa: PLC0415

        rows, times = read_conntrack_xml(source, pools, account), xml_times(source)
    elif source.dialect == "conntrack-save":
        from flowstitch.ingest.conntrack_save import read_conntrack_save  # noqa: PLC0415

        rows = read_conntrack_save(source, pools, account)
    else:
        from flowstitch.ingest.conntrack import read_conntrack, text_times  # noqa: PLC0415

        rows, times = read_conntrack(source, pools, account, workers), text_times(source)
    parts = Parts(scratch or Scratch(), times)
    for part in rows:
        parts.put(part)
    parts.close()
    return parts


def _read_tables(
    files: Sequence[Source], pools: Pools, inventory: Inventory, listener: Listener | None
) -> tuple[list[SourceRows], list[SourceRows]]:
    if not files:
        return [], []
    from flowstitch.ingest.tables import read_tables  # noqa: PLC0415

    return read_tables(files, pools, inventory, listener)


def _read_facts(source: Source, account: Account, inventory: Inventory) -> None:
    if source.kind != "unknown":
        from flowstitch.ingest.inventory import read_inventory  # noqa: PLC0415

        read_inventory(source, account, inventory)
