"""What the conntrack kernels have found in canonical columns, and its account: what text and XML have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from flowstitch.catalog.load import field as schema_field
from flowstitch.catalog.load import table
from flowstitch.ingest.conntrack_grammar import conntrack_notices
from flowstitch.kernels import conntrack_lines as cl
from flowstitch.kernels import conntrack_text as ct
from flowstitch.normalize.columns import NULL_TIME

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from flowstitch.arrays import Columns, Ints
    from flowstitch.ingest.model import Account, Source
    from flowstitch.normalize.columns import Pools

_SMALL = {
    "protocol_number": ct.PROTOCOL_NUMBER,
    "zone": ct.ZONE,
    "orig_src_port": ct.SRC_PORT,
    "orig_dst_port": ct.DST_PORT,
    "reply_src_port": ct.REPLY_SRC_PORT,
    "reply_dst_port": ct.REPLY_DST_PORT,
    "icmp_type": ct.ICMP_TYPE,
    "icmp_code": ct.ICMP_CODE,
    "icmp_id": ct.ICMP_ID,
    "reply_icmp_id": ct.REPLY_ICMP_ID,
}
_LARGE = {
    "seen_at": ct.SEEN_AT,
    "timeout_s": ct.TIMEOUT,
    "orig_packets": ct.PACKETS,
    "orig_bytes": ct.BYTES,
    "reply_packets": ct.REPLY_PACKETS,
    "reply_bytes": ct.REPLY_BYTES,
    "mark": ct.MARK,
    "delta_time_s": ct.DELTA_TIME,
    "start_at": ct.START,
    "stop_at": ct.STOP,
}
_FLAGS = {"replied": cl.REPLIED, "assured": cl.ASSURED, "offloaded": cl.OFFLOADED}
_ADDRESSES = ("orig_src_ip", "orig_dst_ip", "reply_src_ip", "reply_dst_ip")
_MAX_TOKEN = 64


@dataclass
class Rows:
    """What lines that follow each other say, without regard to what is in front of them.

    Attributes
    ----------
    data : has the lines. byte_offset : its offset in the source.
    columns : of those that were parsed.
    blank : how many are blank.
    odd : shape (n, 4), int64, the others, see ``Lines``; places in ``data``.
    extras : tokens of the parsed ones that are not known, and the first of them.
    tail : bits of what all parsed ones have, see ``Lines``.
    last : the kernel's row of a last line without newline, which ``columns`` have too if it was parsed; else None.
    """

    data: memoryview
    byte_offset: int
    columns: Columns
    blank: int
    odd: Ints
    extras: int
    first_extra: str
    tail: int
    last: Ints | None = None

    def __len__(self) -> int:
        return int(self.columns["line"].shape[0])


@dataclass
class RowReader:
    """Takes rows into the account of their source, in order.

    Attributes
    ----------
    reasons : what statuses are called.
    skipped : statuses of what is no row and no fault either.
    """

    reasons: ClassVar[tuple[str, ...]] = ct.REASONS
    skipped: ClassVar[tuple[int, ...]] = ()

    source: Source
    account: Account
    lost: int = 0
    extras: int = 0
    first_extra: str = ""

    def __post_init__(self) -> None:
        if not self.source.node:
            self.account.warnings.append(
                "an external cache of conntrackd: its entries are those of the peers of its node; name theirs in export.toml."
                if self.source.external
                else "whose dump it is is not known; put it below nodes/<node>/ or name the node in export.toml."
            )

    def take(self, rows: Rows) -> Iterator[Columns]:
        """Account for rows and give their columns, if there are any."""
        self.account.parsed += len(rows)
        if rows.blank:
            self.account.skipped[self.reasons[ct.BLANK]] += rows.blank
        for number, status, at, stop in rows.odd.tolist():
            raw = bytes(rows.data[at:stop])
            if status in self.skipped:
                self.account.skipped[self.reasons[status]] += 1
            elif status != ct.FOREIGN or not self._is_notice(raw):
                self.account.reject(number, rows.byte_offset + at, self.reasons[status], raw)
        if not self.extras:
            self.first_extra = rows.first_extra
        self.extras += rows.extras
        if len(rows):
            yield rows.columns

    def finish(self) -> None:
        """Say what was found over the whole source."""
        if self.lost:
            times = "once" if self.lost == 1 else f"{self.lost} times"
            self.account.warn_incomplete(f"the event stream says {times} that events were lost (ENOBUFS).")
        if self.extras:
            self.account.warnings.append(
                f"{self.extras} tokens are not known and were passed over, the first is {self.first_extra!r}."
            )

    def _is_notice(self, raw: bytes) -> bool:
        for notice in conntrack_notices():
            if notice.line.match(raw.lstrip()):
                self.account.skipped[notice.reason] += 1
                self.lost += notice.lost
                return True
        return False


def to_rows(
    lines: cl.Lines,
    data: memoryview,
    begin: int,
    byte_offset: int,
    end: re.Pattern[bytes],
    source: Source,
    pools: Pools,
) -> Rows:
    """Rows of lines.

    Parameters
    ----------
    lines : of the kernel.
    data : has their text from ``begin`` on, which is at ``byte_offset`` of the source.
    end : what ends a token.
    source, pools : of the rows; the addresses are interned.
    """
    tally = lines.tally.tolist()
    odd = lines.odd[: tally[cl.ODD]]
    odd[:, [cl.AT, cl.STOP]] += begin
    extra = ""
    if tally[cl.EXTRAS]:
        at = begin + tally[cl.EXTRA_AT]
        extra = end.split(bytes(data[at : at + _MAX_TOKEN]), 1)[0].decode("utf-8", "backslashreplace")
    columns = _to_columns(lines, tally[cl.ROWS], source, pools)
    return Rows(
        data, byte_offset - begin, columns, tally[cl.BLANKS], odd, tally[cl.EXTRAS], extra, tally[cl.ALL_HAVE]
    )


def _to_columns(lines: cl.Lines, count: int, source: Source, pools: Pools) -> Columns:
    """Canonical columns, views of what the kernel has filled."""
    small, large, numbers = lines.cells
    addresses = slice(1, int(lines.memo.count[0]))
    known = np.zeros(addresses.stop, np.uint32)
    known[1:] = pools.addresses.intern(lines.memo.high[addresses], lines.memo.low[addresses])
    out: Columns = {name: small[column - ct.SMALL, :count] for name, column in _SMALL.items()}
    out |= {name: large[column - ct.LARGE, :count] for name, column in _LARGE.items()}
    out |= {name: lines.codes[code, :count].view(np.int8) for name, code in _FLAGS.items()}
    out |= dict(zip(_ADDRESSES, known.take(numbers[:, :count]), strict=True))
    out |= {
        "source": np.full(count, pools.names.code(source.name), np.uint32),
        "line": lines.numbers[:count],
        "node": np.full(count, pools.names.code(source.node), np.uint32),
        "event": lines.codes[cl.EVENT, :count],
        "state": lines.codes[cl.STATE, :count],
        "conntrack_id": large[ct.CONNTRACK_ID - ct.LARGE, :count].view(np.uint64),
    }
    return {item.name: out[item.name] for item in table("conntrack").fields}


def rest_of(source: Source) -> cl.Rest:
    """What the lines of a source do not say."""
    taken_at = source.taken_at if source.kind == "conntrack-list" else None
    return cl.Rest(schema_field("event").code("list"), NULL_TIME if taken_at is None else taken_at)
