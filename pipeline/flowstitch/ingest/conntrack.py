"""Conntrack lists and event streams to canonical columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

import numpy as np

from flowstitch.catalog.load import field as schema_field
from flowstitch.ingest.conntrack_grammar import conntrack_grammar, conntrack_notices
from flowstitch.ingest.content import read_blocks
from flowstitch.kernels import conntrack_text as ct
from flowstitch.normalize.columns import NULL_TIME, null_columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns, Ints
    from flowstitch.ingest.content import Block
    from flowstitch.ingest.model import Account, Source
    from flowstitch.normalize.columns import Pools

SECOND = 1_000_000
_ROWS = 1 << 14
_QUARTER_HOUR = 900
# zones reach from -12 to +14 hours
_MAX_OFFSET = 15 * 3600
# Columns that are a number of the line as it stands.
_PLAIN = {
    "protocol_number": ct.PROTOCOL_NUMBER,
    "timeout_s": ct.TIMEOUT,
    "orig_src_port": ct.SRC_PORT,
    "orig_dst_port": ct.DST_PORT,
    "orig_packets": ct.PACKETS,
    "orig_bytes": ct.BYTES,
    "reply_src_port": ct.REPLY_SRC_PORT,
    "reply_dst_port": ct.REPLY_DST_PORT,
    "reply_packets": ct.REPLY_PACKETS,
    "reply_bytes": ct.REPLY_BYTES,
    "icmp_type": ct.ICMP_TYPE,
    "icmp_code": ct.ICMP_CODE,
    "icmp_id": ct.ICMP_ID,
    "reply_icmp_id": ct.REPLY_ICMP_ID,
    "mark": ct.MARK,
    "delta_time_s": ct.DELTA_TIME,
}
_ADDRESSES = ("orig_src_ip", "orig_dst_ip", "reply_src_ip", "reply_dst_ip")
_MAX_TOKEN = 64
# Tokens at the end of a line that every line of a file has or none.
_TAIL = (ct.USE, ct.CONNTRACK_ID)


def read_conntrack(source: Source, pools: Pools, account: Account) -> Iterator[Columns]:
    """Read a list or event stream of conntrack(8), or /proc/net/nf_conntrack.

    Parameters
    ----------
    source : of kind ``conntrack-list`` or ``conntrack-events``.
    pools : get its addresses, its name and its node.
    account : gets every line: parsed, skipped ('blank', 'summary', 'events lost') or rejected (``REASONS``).

    Yields
    ------
    Columns of the table ``conntrack``, block by block. ``start_at`` and ``stop_at`` are the dumping host's local
    time read as UTC until ``resolve_start`` has seen the whole file.
    """
    if not source.node:
        account.warnings.append(
            "whose dump it is is not known; put it below nodes/<node>/ or name the node in export.toml."
        )
    reader = _Reader(source, pools, account)
    for block in read_blocks(source.path, account):
        yield from reader.read(block)
    reader.finish()


def resolve_start(columns: Columns, source: Source) -> None:
    """Turn ``start_at`` and ``stop_at`` of a whole file from the host's local time to UTC, in place.

    The offset is the median of the dump's time less the entry's age less ``[start=]`` (events: the stamp of DESTROY
    less ``[stop=]``), rounded to 15 minutes; else it is that of ``source.timezone``; else both columns become null.
    A list that has no time of its own gets ``seen_at`` from them then: the latest start plus age.

    Parameters
    ----------
    columns : all rows of the source, from ``read_conntrack``.
    """
    start, stop, seen, age = (
        cast("Ints", columns[name]) for name in ("start_at", "stop_at", "seen_at", "delta_time_s")
    )
    stopped = (seen != NULL_TIME) & (stop != NULL_TIME)
    aged = (seen != NULL_TIME) & (start != NULL_TIME) & (age >= 0) & ~stopped
    samples = np.concatenate([seen[stopped] - stop[stopped], seen[aged] - age[aged] * SECOND - start[aged]])
    offset = (
        round(float(np.median(samples)) / SECOND / _QUARTER_HOUR) * _QUARTER_HOUR if samples.size else None
    )
    for values in (start, stop):
        known = values != NULL_TIME
        if offset is not None and abs(offset) <= _MAX_OFFSET:
            values[known] += offset * SECOND
        else:
            values[known] = _to_utc(values[known], source.timezone)
    if source.kind == "conntrack-list" and source.taken_at is None:
        known = (start != NULL_TIME) & (age >= 0)
        if known.any():
            seen[:] = (start[known] + age[known] * SECOND).max()


def _to_utc(local: Ints, zone: str) -> Ints:
    """UTC of local times in microseconds; null without a zone and where the zone's clock was put forward or back."""
    out = np.full(local.shape[0], NULL_TIME, np.int64)
    if not zone:
        return out
    info = ZoneInfo(zone)
    quarters, index = np.unique(local // (_QUARTER_HOUR * SECOND), return_inverse=True)
    offsets = np.array([_offset(int(quarter), info) for quarter in quarters.tolist()], np.int64)[index]
    known = offsets != NULL_TIME
    out[known] = local[known] - offsets[known]
    return out


def _offset(quarter: int, info: ZoneInfo) -> int:
    local = datetime.fromtimestamp(quarter * _QUARTER_HOUR, UTC).replace(tzinfo=info)
    early, late = local.utcoffset(), local.replace(fold=1).utcoffset()
    return NULL_TIME if early is None or early != late else int(early.total_seconds()) * SECOND


@dataclass
class _Reader:
    """What is carried from block to block of one source."""

    source: Source
    pools: Pools
    account: Account
    tail: tuple[int, ...] | None = None
    lost: int = 0
    extras: int = 0
    first_extra: str = ""
    rows: Ints = field(default_factory=lambda: np.empty((_ROWS, ct.WIDTH), np.int64))
    high: NDArray[np.uint64] = field(default_factory=lambda: np.empty((_ROWS, 4), np.uint64))
    low: NDArray[np.uint64] = field(default_factory=lambda: np.empty((_ROWS, 4), np.uint64))

    def read(self, block: Block) -> Iterator[Columns]:
        text = np.frombuffer(block.data, np.uint8)
        grammar = conntrack_grammar()
        at, line = 0, block.first_line
        while at < text.shape[0]:
            count, at = ct.parse_lines(text, at, block.terminated, *grammar, self.rows, self.high, self.low)
            rows = self.rows[:count]
            if at == text.shape[0] and not block.terminated:
                self._judge_last(rows)
            self._account(rows, block, line)
            parsed = np.flatnonzero(rows[:, ct.STATUS] == ct.PARSED)
            if parsed.size:
                self._note_tail(rows[parsed])
                self._note_extras(rows[parsed], block)
                yield self._columns(rows[parsed], self.high[parsed], self.low[parsed], parsed + line)
            line += count

    def finish(self) -> None:
        if self.lost:
            self.account.incomplete = True
            times = "once" if self.lost == 1 else f"{self.lost} times"
            self.account.warnings.append(f"the event stream says {times} that events were lost (ENOBUFS).")
        if self.extras:
            self.account.warnings.append(
                f"{self.extras} tokens are not known and were passed over, the first is {self.first_extra!r}."
            )

    def _judge_last(self, rows: Ints) -> None:
        """Judge a last line without newline: it is torn unless it ends as the lines before it do."""
        self._note_tail(rows[:-1][rows[:-1, ct.STATUS] == ct.PARSED])
        last = rows[-1]
        if last[ct.STATUS] == ct.PARSED:
            missing = any(last[column] == -1 for column in self.tail or ())
            # flags come behind the tuples: without anything behind them who knows which were to come
            open_ended = (last[list(_TAIL)] == -1).all() and not last[ct.FLAGS] & (ct.ASSURED | ct.OFFLOADED)
            if missing or open_ended:
                last[ct.STATUS] = ct.TORN
            last[last == ct.CUT] = -1
        elif last[ct.STATUS] not in {ct.BLANK, ct.FOREIGN}:
            last[ct.STATUS] = ct.TORN
        if last[ct.STATUS] == ct.TORN:
            self.account.incomplete = True
            self.account.warnings.append("the last line is torn; it was rejected.")

    def _note_tail(self, parsed: Ints) -> None:
        if parsed.shape[0]:
            known = _TAIL if self.tail is None else self.tail
            self.tail = tuple(column for column in known if (parsed[:, column] != -1).all())

    def _note_extras(self, parsed: Ints, block: Block) -> None:
        count = int(parsed[:, ct.EXTRAS].sum())
        if count and not self.extras:
            row = parsed[parsed[:, ct.EXTRAS] > 0][0]
            raw = block.data[row[ct.EXTRA_AT] : row[ct.LINE_STOP]].split()[0]
            self.first_extra = raw[:_MAX_TOKEN].decode("utf-8", "backslashreplace")
        self.extras += count

    def _account(self, rows: Ints, block: Block, first_line: int) -> None:
        status = rows[:, ct.STATUS]
        self.account.parsed += int(np.count_nonzero(status == ct.PARSED))
        blank = int(np.count_nonzero(status == ct.BLANK))
        if blank:
            self.account.skipped[ct.REASONS[ct.BLANK]] += blank
        for index in np.flatnonzero(status > ct.BLANK).tolist():
            raw = block.data[rows[index, ct.LINE_AT] : rows[index, ct.LINE_STOP]]
            if status[index] != ct.FOREIGN or not self._is_notice(raw):
                offset = block.byte_offset + int(rows[index, ct.LINE_AT])
                self.account.reject(first_line + index, offset, ct.REASONS[status[index]], raw)

    def _is_notice(self, raw: bytes) -> bool:
        for notice in conntrack_notices():
            if raw.lstrip().startswith(notice.starts):
                self.account.skipped[notice.reason] += 1
                self.lost += notice.lost
                return True
        return False

    def _columns(self, rows: Ints, high: NDArray[np.uint64], low: NDArray[np.uint64], lines: Ints) -> Columns:
        out = null_columns("conntrack", rows.shape[0])
        out["source"][:] = self.pools.names.code(self.source.name)
        out["line"][:] = lines
        out["node"][:] = self.pools.names.code(self.source.node)
        for name, column in _PLAIN.items():
            out[name][:] = rows[:, column]
        numbers = self.pools.addresses.intern(high.ravel(), low.ravel()).reshape(-1, len(_ADDRESSES))
        for column, name in enumerate(_ADDRESSES):
            out[name][:] = numbers[:, column]
        listed = rows[:, ct.EVENT_CODE] < 0
        out["event"][:] = np.where(listed, schema_field("event").code("list"), rows[:, ct.EVENT_CODE])
        out["seen_at"][:] = self._seen_at(rows, listed)
        out["state"][:] = np.maximum(rows[:, ct.STATE], 0)
        out["conntrack_id"][:] = np.maximum(rows[:, ct.CONNTRACK_ID], 0)
        out["zone"][:] = np.where(
            rows[:, ct.ZONE] >= 0, rows[:, ct.ZONE], np.maximum(rows[:, ct.ZONE_ORIG], 0)
        )
        flags = rows[:, ct.FLAGS]
        out["replied"][:] = flags & ct.UNREPLIED == 0
        out["offloaded"][:] = flags & ct.OFFLOADED != 0
        # the flag of an offloaded entry stands in the place of [ASSURED]
        out["assured"][:] = np.where(flags & ct.OFFLOADED != 0, -1, flags & ct.ASSURED != 0)
        for name, column in (("start_at", ct.START), ("stop_at", ct.STOP)):
            out[name][:] = np.where(rows[:, column] < 0, NULL_TIME, rows[:, column] * SECOND)
        return out

    def _seen_at(self, rows: Ints, listed: NDArray[np.bool_]) -> Ints:
        seen = np.where(rows[:, ct.SEEN_AT] < 0, NULL_TIME, rows[:, ct.SEEN_AT])
        if self.source.kind == "conntrack-list" and self.source.taken_at is not None:
            seen[listed & (seen == NULL_TIME)] = self.source.taken_at
        return seen
