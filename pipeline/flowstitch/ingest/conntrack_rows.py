"""Rows of the conntrack kernels to canonical columns, and their account: what text and XML have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from flowstitch.catalog.load import field as schema_field
from flowstitch.ingest.conntrack_grammar import conntrack_notices
from flowstitch.kernels import conntrack_text as ct
from flowstitch.normalize.columns import NULL_TIME, null_columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns, Ints
    from flowstitch.ingest.model import Account, Source
    from flowstitch.normalize.columns import Pools

_ROWS = 1 << 14
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


@dataclass
class RowReader:
    """What is carried from block to block of one source.

    Attributes
    ----------
    width : columns of a row of the kernel.
    reasons : what its statuses are called.
    skipped : statuses of what is no row and no fault either.
    stamp_us : unit of START and STOP, µs.
    token : what ends a token.
    rows, high, low : what the kernel writes to.
    """

    width: ClassVar[int] = ct.WIDTH
    reasons: ClassVar[tuple[str, ...]] = ct.REASONS
    skipped: ClassVar[tuple[int, ...]] = (ct.BLANK,)
    stamp_us: ClassVar[int] = 1
    token: ClassVar[re.Pattern[bytes]] = re.compile(rb"\s")

    source: Source
    pools: Pools
    account: Account
    lost: int = 0
    extras: int = 0
    first_extra: str = ""
    rows: Ints = field(init=False)
    high: NDArray[np.uint64] = field(init=False)
    low: NDArray[np.uint64] = field(init=False)

    def __post_init__(self) -> None:
        self.rows = np.empty((_ROWS, self.width), np.int64)
        self.high, self.low = np.empty((_ROWS, 4), np.uint64), np.empty((_ROWS, 4), np.uint64)
        if not self.source.node:
            self.account.warnings.append(
                "whose dump it is is not known; put it below nodes/<node>/ or name the node in export.toml."
            )

    def take(self, count: int, data: bytes, byte_offset: int, first_line: int) -> Iterator[Columns]:
        """Account for the first ``count`` rows and give the columns of those that were parsed.

        Parameters
        ----------
        data : what the kernel has read. byte_offset : its offset in the source.
        first_line : line of the first row; the others follow.
        """
        rows = self.rows[:count]
        self._account(rows, data, byte_offset, first_line)
        parsed = np.flatnonzero(rows[:, ct.STATUS] == ct.PARSED)
        if parsed.size:
            self._note_extras(rows[parsed], data)
            yield self.columns(rows[parsed], self.high[parsed], self.low[parsed], parsed + first_line)

    def finish(self) -> None:
        """Say what was found over the whole source."""
        if self.lost:
            self.account.incomplete = True
            times = "once" if self.lost == 1 else f"{self.lost} times"
            self.account.warnings.append(f"the event stream says {times} that events were lost (ENOBUFS).")
        if self.extras:
            self.account.warnings.append(
                f"{self.extras} tokens are not known and were passed over, the first is {self.first_extra!r}."
            )

    def columns(self, rows: Ints, high: NDArray[np.uint64], low: NDArray[np.uint64], lines: Ints) -> Columns:
        """Columns of parsed rows, shape (n, width), and of the halves of their addresses, shape (n, 4)."""
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
            out[name][:] = np.where(rows[:, column] < 0, NULL_TIME, rows[:, column] * self.stamp_us)
        return out

    def _note_extras(self, parsed: Ints, data: bytes) -> None:
        count = int(parsed[:, ct.EXTRAS].sum())
        if count and not self.extras:
            row = parsed[parsed[:, ct.EXTRAS] > 0][0]
            raw = data[row[ct.EXTRA_AT] : row[ct.EXTRA_AT] + _MAX_TOKEN]
            self.first_extra = self.token.split(raw, 1)[0].decode("utf-8", "backslashreplace")
        self.extras += count

    def _account(self, rows: Ints, data: bytes, byte_offset: int, first_line: int) -> None:
        status = rows[:, ct.STATUS]
        self.account.parsed += int(np.count_nonzero(status == ct.PARSED))
        for skipped in self.skipped:
            count = int(np.count_nonzero(status == skipped))
            if count:
                self.account.skipped[self.reasons[skipped]] += count
        for index in np.flatnonzero(~np.isin(status, [ct.PARSED, *self.skipped])).tolist():
            raw = data[rows[index, ct.LINE_AT] : rows[index, ct.LINE_STOP]]
            if status[index] != ct.FOREIGN or not self._is_notice(raw):
                offset = byte_offset + int(rows[index, ct.LINE_AT])
                self.account.reject(first_line + index, offset, self.reasons[status[index]], raw)

    def _is_notice(self, raw: bytes) -> bool:
        for notice in conntrack_notices():
            if raw.lstrip().startswith(notice.starts):
                self.account.skipped[notice.reason] += 1
                self.lost += notice.lost
                return True
        return False

    def _seen_at(self, rows: Ints, listed: NDArray[np.bool_]) -> Ints:
        seen = np.where(rows[:, ct.SEEN_AT] < 0, NULL_TIME, rows[:, ct.SEEN_AT])
        if self.source.kind == "conntrack-list" and self.source.taken_at is not None:
            seen[listed & (seen == NULL_TIME)] = self.source.taken_at
        return seen
