"""What the conntrack kernels have found in canonical columns, and its account: what text and XML have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from flowstitch.catalog.load import field as schema_field
from flowstitch.catalog.load import table
from flowstitch.ingest.conntrack_grammar import conntrack_notices
from flowstitch.kernels import conntrack_text as ct
from flowstitch.normalize.columns import NULL_TIME

if TYPE_CHECKING:
    import re
    from collections import Counter
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns, Ints, Words
    from flowstitch.ingest.model import Account, Source
    from flowstitch.kernels.shapes import Cells
    from flowstitch.normalize.columns import Pools

# Columns that are a number of the line as it stands.
_SMALL = {
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
_ADDRESSES = ("orig_src_ip", "orig_dst_ip", "reply_src_ip", "reply_dst_ip")
_MAX_TOKEN = 64


@dataclass
class Rows:
    """What lines that follow each other say, without regard to what is in front of them.

    Attributes
    ----------
    data : has the lines. byte_offset : its offset in the source.
    columns : of those that were parsed.
    skipped : how many are no rows and no fault either, by reason.
    odd : shape (n, 4), int64, the others: number, status, where in ``data`` each begins and ends.
    extras : tokens of the parsed ones that are not known, and the first of them.
    """

    data: bytes
    byte_offset: int
    columns: Columns
    skipped: Counter[str]
    odd: Ints
    extras: int
    first_extra: str

    def __len__(self) -> int:
        return int(self.columns["line"].shape[0])


@dataclass
class RowReader:
    """Takes rows into the account of their source, in order.

    Attributes
    ----------
    reasons : what statuses are called.
    """

    reasons: ClassVar[tuple[str, ...]] = ct.REASONS

    source: Source
    account: Account
    lost: int = 0
    extras: int = 0
    first_extra: str = ""

    def __post_init__(self) -> None:
        if not self.source.node:
            self.account.warnings.append(
                "whose dump it is is not known; put it below nodes/<node>/ or name the node in export.toml."
            )

    def take(self, rows: Rows) -> Iterator[Columns]:
        """Account for rows and give their columns, if there are any."""
        self.account.parsed += len(rows)
        self.account.skipped += rows.skipped
        for number, status, at, stop in rows.odd.tolist():
            raw = rows.data[at:stop]
            if status != ct.FOREIGN or not self._is_notice(raw):
                self.account.reject(number, rows.byte_offset + at, self.reasons[status], raw)
        if not self.extras:
            self.first_extra = rows.first_extra
        self.extras += rows.extras
        if len(rows):
            yield rows.columns

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

    def _is_notice(self, raw: bytes) -> bool:
        for notice in conntrack_notices():
            if raw.lstrip().startswith(notice.starts):
                self.account.skipped[notice.reason] += 1
                self.lost += notice.lost
                return True
        return False


def to_columns(
    cells: Cells, codes: NDArray[np.uint8], lines: Ints, high: Words, low: Words, source: Source, pools: Pools
) -> Columns:
    """Canonical columns of parsed rows.

    Parameters
    ----------
    cells : their values, the columns from ``ct.SMALL`` and from ``ct.LARGE`` on, nulls as in canonical columns.
    codes : shape (4, n), the columns from ``ct.PROTOCOL_NUMBER`` on, 0 where the line does not say.
    lines : shape (n,), numbers of their lines.
    high, low : shape (m,), halves of the addresses that ``cells`` numbers, those from 1 on.
    source, pools : of the rows; the addresses are interned.
    """
    count = lines.shape[0]
    protocol, event, state, flags = codes
    numbers = np.zeros(high.shape[0] + 1, np.uint32)
    numbers[1:] = pools.addresses.intern(high, low)
    out = {name: cells.small[column - ct.SMALL] for name, column in _SMALL.items()}
    out |= {name: cells.large[column - ct.LARGE] for name, column in _LARGE.items()}
    out |= {name: numbers[cells.numbers[column]] for column, name in enumerate(_ADDRESSES)}
    zone, zone_orig = cells.small[ct.ZONE - ct.SMALL], cells.small[ct.ZONE_ORIG - ct.SMALL]
    listed = event == 0
    offloaded = flags & ct.OFFLOADED != 0
    out |= {
        "source": np.full(count, pools.names.code(source.name), np.uint32),
        "line": lines,
        "node": np.full(count, pools.names.code(source.node), np.uint32),
        "event": np.where(listed, np.uint8(schema_field("event").code("list")), event),
        "protocol_number": protocol.astype(np.int32),
        "state": state,
        "zone": np.where(zone >= 0, zone, np.maximum(zone_orig, 0)),
        "replied": (flags & ct.UNREPLIED == 0).view(np.int8),
        "offloaded": offloaded.view(np.int8),
        # the flag of an offloaded entry stands in the place of [ASSURED]
        "assured": np.where(offloaded, np.int8(-1), (flags & ct.ASSURED != 0).view(np.int8)),
        "conntrack_id": cells.large[ct.CONNTRACK_ID - ct.LARGE].view(np.uint64),
    }
    if source.kind == "conntrack-list" and source.taken_at is not None:
        out["seen_at"][listed & (out["seen_at"] == NULL_TIME)] = source.taken_at
    return {item.name: out[item.name] for item in table("conntrack").fields}


def token_at(data: bytes, at: int, end: re.Pattern[bytes]) -> str:
    """The token at ``data[at:]``, with what ends it given."""
    return end.split(data[at : at + _MAX_TOKEN], 1)[0].decode("utf-8", "backslashreplace")
