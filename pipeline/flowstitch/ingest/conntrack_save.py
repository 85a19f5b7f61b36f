"""Conntrack lists and event streams in the form of ``conntrack -o save`` to canonical columns."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from flowstitch.catalog.load import field as schema_field
from flowstitch.ingest.conntrack_grammar import save_grammar
from flowstitch.ingest.conntrack_rows import RowReader, Rows, rest_of, to_rows
from flowstitch.ingest.content import read_blocks
from flowstitch.kernels import conntrack_lines as cl
from flowstitch.kernels import conntrack_save as cs
from flowstitch.kernels import conntrack_text as ct

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowstitch.arrays import Columns, Ints, Words
    from flowstitch.ingest.blocks import Block
    from flowstitch.ingest.model import Account, Source
    from flowstitch.normalize.columns import Pools

_ROWS = 1 << 14
_TOKEN_END = re.compile(rb"[\s,]")


def read_conntrack_save(source: Source, pools: Pools, account: Account) -> Iterator[Columns]:
    """Read a list or event stream of ``conntrack -o save``.

    Parameters
    ----------
    source : of kind ``conntrack-list`` or ``conntrack-events``. Which of the two it is makes the difference between an
        entry of a list and a NEW, which look alike; of a list ``seen_at`` is its time, events have none.
    pools : get its addresses, its name and its node.
    account : gets every line: parsed, skipped ('blank', 'summary', …) or rejected (``REASONS`` of the kernel). A last line
        without newline is torn, as nothing tells whether it is whole.

    Yields
    ------
    Columns of the table ``conntrack``, block by block. What the form does not say is null: counters, mark, id, times,
    whether the entry is offloaded, and the reply's echo identifier where an address is translated.
    """
    reader = _SaveReader(source, account, pools=pools)
    for block in read_blocks(source.path, account):
        yield from reader.read(block)
    reader.finish()


@dataclass(kw_only=True)
class _SaveReader(RowReader):
    """Options.

    Attributes
    ----------
    pools : get what the rows refer to.
    changes : rows of a list that are an UPDATE or DESTROY.
    rows, high, low : what the kernel writes to.
    """

    reasons: ClassVar[tuple[str, ...]] = cs.REASONS

    pools: Pools
    changes: int = 0
    rows: Ints = field(default_factory=lambda: np.empty((_ROWS, ct.WIDTH), np.int64))
    high: Words = field(default_factory=lambda: np.empty((_ROWS, 4), np.uint64))
    low: Words = field(default_factory=lambda: np.empty((_ROWS, 4), np.uint64))

    def read(self, block: Block) -> Iterator[Columns]:
        at, line = 0, block.first_line
        text = block.text[: len(block)]
        while at < len(block):
            count, at = cs.parse_saved(
                text, at, block.terminated, *save_grammar(), self.rows, self.high, self.low
            )
            rows = self.rows[:count]
            if rows[-1, ct.STATUS] == ct.TORN:
                self.account.warn_incomplete("the last line is torn; it was rejected.")
            yield from self.take(self._to_rows(rows, block, line))
            line += count

    def finish(self) -> None:
        """Say what was found over the whole source."""
        super().finish()
        if self.changes:
            self.account.warnings.append(
                f"the list has updated or destroyed entries (-U, -D: {self.changes}); if it is a stream of events, name the kind in "
                "export.toml."
            )

    def _to_rows(self, rows: Ints, block: Block, first_line: int) -> Rows:
        if self.source.kind == "conntrack-list":
            parsed = rows[:, ct.STATUS] == ct.PARSED
            listed = rows[:, ct.EVENT_CODE] == schema_field("event").code("new")
            self.changes += int(np.count_nonzero(parsed & ~listed))
            rows[listed, ct.EVENT_CODE] = -1
        count = rows.shape[0]
        lines = cl.make_lines(count, first_line, count, 4 * count)
        cl.put_rows(rows, self.high, self.low, rest_of(self.source), lines)
        found = to_rows(
            lines, block.buffer.data, block.begin, block.byte_offset, _TOKEN_END, self.source, self.pools
        )
        found.columns["offloaded"][:] = -1
        return found
