"""What the files of an export are, from their first bytes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.ingest.blocks import HEAD_BYTES, MAX_LINE_BYTES
from flowstitch.ingest.content import read_head
from flowstitch.ingest.discover import discover
from flowstitch.ingest.holdings import Holdings
from flowstitch.ingest.model import ROW_KINDS, ROW_TABLES, Account
from flowstitch.ingest.read import read_source
from flowstitch.ingest.sniff import CANONICAL_TABLE, is_parquet
from flowstitch.ingest.watched import AtHand
from flowstitch.normalize.columns import NULL_TIME, Pools, span_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowstitch.arrays import Columns, Ints
    from flowstitch.ingest.discover import Discovery
    from flowstitch.ingest.model import Source
    from flowstitch.ingest.watched import Listener

READ_BYTES = 1 << 22
# A node that carries traffic is not silent for so long, and an ENI without any has a NODATA row for every window.
GAP_US = 60_000_000
SECOND_US = 1_000_000
# Rows that are plenty to compare clocks by.
SAMPLE_ROWS = 1 << 20
_SPANS = tuple(dict.fromkeys(ROW_TABLES.values()))
_LINES = (
    "conntrack-list",
    "conntrack-events",
    "vpc-flow-log",
    "lb-access-log",
    "lb-connection-log",
    "ipvs-rules",
    "sysctl",
    "terway-mapping",
)


@dataclass
class Inspection:
    """What a file is.

    Attributes
    ----------
    source : what is known of it without its rows.
    rows : its rows in what was read, None where they were not counted. whole : the file was read to its end.
    enis : ENIs of a flow log, sorted. window_s : the longest window of its rows, seconds, None without rows.
    first_seen, last_seen : span of the rows read, µs since the epoch; of a snapshot without times when it was taken.
    gaps : (from, to) in which an event stream or flow log has nothing for more than ``GAP_US``.
    warnings : sentences for the user. incomplete : the file is torn or unreadable, or says that events were lost.
    """

    source: Source
    rows: int | None = None
    whole: bool = True
    enis: list[str] = field(default_factory=list)
    window_s: int | None = None
    first_seen: int | None = None
    last_seen: int | None = None
    gaps: list[tuple[int, int]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    incomplete: bool = False


@dataclass
class Sample:
    """Rows of the tables that clocks are compared by, at most ``SAMPLE_ROWS`` of each and a file more."""

    pools: Pools = field(default_factory=Pools)
    parts: dict[str, list[Columns]] = field(default_factory=lambda: {"conntrack": [], "flows": []})
    rows: Counter[str] = field(default_factory=Counter)

    def take(self, table: str, part: Columns) -> None:
        """Keep rows, if there is room."""
        if table in self.parts and self.rows[table] < SAMPLE_ROWS:
            self.parts[table].append(part)
            self.rows[table] += part["line"].shape[0]


def inspect_export(
    exports: Sequence[str],
    listener: Listener | None = None,
    held: Holdings | None = None,
    sample: Sample | None = None,
) -> Iterator[Inspection]:
    """Look into every file of the exports; nothing is written.

    Parameters
    ----------
    exports : see ``find_files``.
    listener : is told of each file when it was looked into, as if all of it was read; it is ``READ_BYTES`` at most.
    held : takes note of everything that is read; its inventory is still to be finished when all files are.
    sample : keeps rows of what is read.

    Raises
    ------
    UsageError : see ``discover``.
    """
    discovery = discover(exports)
    held, sample = held or Holdings(), sample or Sample()
    held.inventory.dataplanes = discovery.dataplanes
    if listener is not None:
        listener.sources(len(discovery.sources), sum(source.size_bytes for source in discovery.sources))
    for source in discovery.sources:
        found = _inspect(source, discovery, held, sample)
        if listener is not None:
            listener.read(source.size_bytes)
        held.note(source)
        if found.rows is None or not found.whole or source.kind == CANONICAL_TABLE:
            held.unread.add((source.kind, source.node))
        yield found


def _inspect(source: Source, discovery: Discovery, held: Holdings, sample: Sample) -> Inspection:
    account = Account()
    found = Inspection(source, warnings=account.warnings)
    if source.name in discovery.notes:
        account.warnings.append(discovery.notes[source.name])
    account.warnings += [
        f"{left} has the same content and does not count."
        for left, kept in discovery.duplicates
        if kept == source.name
    ]
    if source.kind == "unknown":
        found.incomplete = source.name in discovery.unreadable
        return found
    torn: list[str] = []
    try:
        if source.kind == CANONICAL_TABLE:
            from flowstitch.ingest.parquet import rows_of  # noqa: PLC0415 - few exports have any

            found.rows = rows_of(source.path)
            return found
        if is_parquet(source.path):
            _read_parquet(source, found, account, held, sample)
            return found
        content = read_head(source.path, READ_BYTES + 1, torn.append)
    except OSError as error:
        account.warnings.append(f"the file cannot be read: {error.strerror or error}.")
        found.incomplete = True
        return found
    found.whole = len(content) <= READ_BYTES
    if not found.whole and (source.kind not in _LINES or _is_one_document(source, content)):
        account.warnings.append(
            f"a document of more than {READ_BYTES >> 20} MiB: its items were not counted."
        )
        return found
    if not found.whole:
        content = content[: content.rfind(b"\n", 0, READ_BYTES) + 1]
        account.warnings.append(f"rows, span and gaps are of its first {READ_BYTES >> 20} MiB.")
    _read(replace(source, path=AtHand(source.path, content)), found, account, held, sample)
    account.warnings += torn
    found.incomplete = account.incomplete or bool(torn)
    return found


def _is_one_document(source: Source, content: bytes) -> bool:
    """Whether a log that begins so is a document that nothing can be said of without its end."""
    if ROW_KINDS.get(source.kind) != "flows":
        return False
    from flowstitch.ingest.dialects import dialect_of  # noqa: PLC0415 - few logs are so large and have no lines
    from flowstitch.ingest.logs import FORMS  # noqa: PLC0415
    from flowstitch.ingest.unwrapped import is_document  # noqa: PLC0415
    from flowstitch.ingest.wrappers import wrapper_of  # noqa: PLC0415

    wrapper = wrapper_of(dialect_of(source, FORMS), content[:HEAD_BYTES])
    return wrapper is not None and wrapper.is_json and is_document(content[:MAX_LINE_BYTES])


def _read_parquet(
    source: Source, found: Inspection, account: Account, held: Holdings, sample: Sample
) -> None:
    """A log in Parquet: it cannot be cut, so a large one tells no more than its number of rows."""
    from flowstitch.ingest.parquet import rows_of  # noqa: PLC0415 - few exports have any

    if source.size_bytes <= READ_BYTES:
        _read(source, found, account, held, sample)
        found.incomplete = account.incomplete
        return
    found.rows, found.whole = rows_of(source.path), False
    account.warnings.append(f"more than {READ_BYTES >> 20} MiB of Parquet: span and gaps were not looked at.")


def _read(source: Source, found: Inspection, account: Account, held: Holdings, sample: Sample) -> None:
    pools = sample.pools
    parts = read_source(source, pools, account, held.inventory)
    found.rows = account.rows
    for part in parts:
        held.take(ROW_KINDS[source.kind], part, pools)
        sample.take(ROW_KINDS[source.kind], part)
    if account.rejected:
        counts = ", ".join(f"{reason} {count}" for reason, count in sorted(account.rejected.items()))
        account.warnings.append(f"rejected rows: {counts}.")
    found.enis = sorted(
        {pools.names.word(code) or "" for part in parts if "eni" in part for code in np.unique(part["eni"])}
        - {""}
    )
    begin, end = _times(parts)
    if begin.shape[0]:
        found.first_seen, found.last_seen = int(begin.min()), int(end.max())
    elif source.taken_at is not None:
        found.first_seen = found.last_seen = source.taken_at
    if source.kind == "vpc-flow-log" and begin.shape[0]:
        found.window_s = int((end - begin).max()) // SECOND_US
    if source.kind in {"conntrack-events", "vpc-flow-log"}:
        found.gaps = find_gaps(begin, end)


def _times(parts: Sequence[Columns]) -> tuple[Ints, Ints]:
    """Begin and end of every row that has both."""
    spans = [span_of(part, begin, end) for part in parts for begin, end in _SPANS if begin in part]
    if not spans:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    begin, end = (np.concatenate(side) for side in zip(*spans, strict=True))
    known = (begin != NULL_TIME) & (end != NULL_TIME)
    return begin[known], end[known]


def find_gaps(begin: Ints, end: Ints, least: int = GAP_US) -> list[tuple[int, int]]:
    """Times between the first and the last that no row covers.

    Parameters
    ----------
    begin, end : span of each row in any order, µs, shape (rows,) each.
    least : a gap is longer than this, µs.

    Returns
    -------
    (from, to) of each gap in order, µs.
    """
    order = np.argsort(begin, kind="stable")
    starts, covered = begin[order][1:], np.maximum.accumulate(end[order])[:-1]
    return [(int(covered[row]), int(starts[row])) for row in np.flatnonzero(starts - covered > least)]
