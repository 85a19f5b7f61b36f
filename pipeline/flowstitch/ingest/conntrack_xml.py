"""Conntrack lists and event streams in XML to canonical columns."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from flowstitch.ingest.conntrack_grammar import xml_grammar, xml_states
from flowstitch.ingest.conntrack_rows import RowReader, Rows, rest_of, to_rows
from flowstitch.ingest.conntrack_times import FileTimes
from flowstitch.ingest.content import read_blocks
from flowstitch.kernels import conntrack_lines as cl
from flowstitch.kernels import conntrack_text as ct
from flowstitch.kernels import conntrack_xml as cx
from flowstitch.kernels import xml_flow as xf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowstitch.arrays import Columns, Ints, Words
    from flowstitch.ingest.model import Account, Source
    from flowstitch.normalize.columns import Pools

_OPENING = b"<conntrack"
_ROWS = 1 << 14
_TOKEN_END = re.compile(rb"(?<=>)|\s")


def read_conntrack_xml(source: Source, pools: Pools, account: Account) -> Iterator[Columns]:
    """Read a list or event stream of ``conntrack -o xml``.

    Parameters
    ----------
    source : of kind ``conntrack-list`` or ``conntrack-events``.
    pools : get its addresses, its name and its node.
    account : gets every flow, tag around the flows and other line: parsed, skipped ('markup', 'blank', 'summary', 'events
        lost') or rejected (``REASONS`` of the kernel). Each of them is a line as the tool writes it; ``line`` counts them.

    Yields
    ------
    Columns of the table ``conntrack``, block by block. ``seen_at`` of events is the dumping host's local time read as
    UTC until ``xml_times`` has set it right. What XML does not say is null: ICMP type, code and identifiers,
    and whether the entry is offloaded.
    """
    reader = _XmlReader(source, account, pools=pools)
    # a flow can go on in the next block
    pending, offset = b"", 0
    for block in read_blocks(source.path, account):
        if pending and offset + len(pending) != block.byte_offset:
            # a line too long to be read was between them
            yield from reader.read(pending, offset, final=True)
            pending = b""
        offset = block.byte_offset - len(pending)
        data = pending + block.data
        yield from reader.read(data, offset, final=not block.terminated)
        pending, offset = data[reader.at :], offset + reader.at
    if pending:
        yield from reader.read(pending, offset, final=True)
    reader.finish()


def xml_times(source: Source) -> FileTimes:
    """What sets right the times of a file whose rows ``read_conntrack_xml`` gave: ``seen_at`` of events.

    The offset is the median of the kernel's own time of the row, ``<stop>`` or else ``<start>`` plus age, less ``<when>``,
    rounded to 15 minutes; else it is that of ``source.timezone``; else the times become null.
    """
    return FileTimes(source, start_is_local=False)


@dataclass(kw_only=True)
class _XmlReader(RowReader):
    """XML.

    Attributes
    ----------
    pools : get what the rows refer to.
    at : where the flow begins that goes on behind what was read, else its end.
    opened : how many <conntrack> there are more than </conntrack>.
    rows, high, low : what the kernel writes to.
    """

    reasons: ClassVar[tuple[str, ...]] = cx.REASONS
    skipped: ClassVar[tuple[int, ...]] = (cx.MARKUP,)

    pools: Pools
    at: int = 0
    opened: int = 0
    rows: Ints = field(default_factory=lambda: np.empty((_ROWS, xf.WIDTH), np.int64))
    high: Words = field(default_factory=lambda: np.empty((_ROWS, 4), np.uint64))
    low: Words = field(default_factory=lambda: np.empty((_ROWS, 4), np.uint64))

    def read(self, data: bytes, byte_offset: int, *, final: bool) -> Iterator[Columns]:
        text = np.frombuffer(data, np.uint8)
        self.at = 0
        while self.at < len(data):
            count, self.at = cx.parse_flows(
                text, self.at, final, *xml_grammar(), self.rows, self.high, self.low
            )
            if count == 0:
                break
            rows = self.rows[:count]
            if final and rows[-1, ct.STATUS] == ct.TORN and rows[-1, ct.LINE_STOP] == len(data):
                self.account.warn_incomplete("the last flow is torn; it was rejected.")
            for tag in rows[rows[:, ct.STATUS] == cx.MARKUP]:
                self._note_tag(data[tag[ct.LINE_AT] : tag[ct.LINE_STOP]])
            yield from self.take(self._to_rows(rows, data, byte_offset))

    def finish(self) -> None:
        """Say what was found over the whole source; only a list is known to end with </conntrack>."""
        super().finish()
        if self.opened > 0 and self.source.kind == "conntrack-list" and not self.account.incomplete:
            self.account.warn_incomplete("the list does not end with </conntrack>: entries can be missing.")

    def _to_rows(self, rows: Ints, data: bytes, byte_offset: int) -> Rows:
        parsed = rows[:, ct.STATUS] == ct.PARSED
        state = np.maximum(rows[parsed, ct.STATE], 0)
        rows[parsed, ct.STATE] = xml_states()[rows[parsed, ct.PROTOCOL_NUMBER], state]
        # the time of a list is one for all rows
        rows[rows[:, ct.EVENT_CODE] < 0, ct.SEEN_AT] = -1
        count = rows.shape[0]
        lines = cl.make_lines(count, self.account.rows + 1, count, 4 * count)
        cl.put_rows(rows, self.high, self.low, rest_of(self.source), lines)
        found = to_rows(lines, memoryview(data), 0, byte_offset, _TOKEN_END, self.source, self.pools)
        found.columns["offloaded"][:] = -1
        return found

    def _note_tag(self, tag: bytes) -> None:
        if tag.startswith(_OPENING):
            self.opened += 1
        elif not tag.startswith(b"<?"):
            self.opened -= 1
