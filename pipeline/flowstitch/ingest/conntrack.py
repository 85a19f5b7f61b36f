"""Conntrack lists and event streams to canonical columns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.ingest.conntrack_grammar import conntrack_grammar
from flowstitch.ingest.conntrack_rows import RowReader, Rows, rest_of, to_rows
from flowstitch.ingest.conntrack_times import FileTimes
from flowstitch.ingest.content import read_blocks
from flowstitch.ingest.model import Account
from flowstitch.ingest.workers import in_order
from flowstitch.kernels import conntrack_lines as cl
from flowstitch.kernels import conntrack_text as ct
from flowstitch.normalize.columns import take_columns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

    from flowstitch.arrays import Columns, Ints
    from flowstitch.ingest.blocks import Block
    from flowstitch.ingest.model import Source
    from flowstitch.normalize.columns import Pools

# Bits of the tokens at the end of a line that every line of a file has or none.
_TAIL = {cl.HAS_USE: ct.USE, cl.HAS_ID: ct.CONNTRACK_ID}
# Most rows in one part; of a power of two of them the columns would drive each other out of the cache.
_MOST_ROWS = 60_000
_BLANK = re.compile(rb"\s")


def read_conntrack(
    source: Source, pools: Pools, account: Account, workers: Executor | None = None
) -> Iterator[Columns]:
    """Read a list or event stream of conntrack(8), or /proc/net/nf_conntrack.

    Parameters
    ----------
    source : of kind ``conntrack-list`` or ``conntrack-events``.
    pools : get its addresses, its name and its node.
    account : gets every line: parsed, skipped ('blank', 'summary', 'events lost') or rejected (``REASONS``).
    workers : threads that parse blocks; the rows do not depend on them.

    Yields
    ------
    Columns of the table ``conntrack``, block by block. ``start_at`` and ``stop_at`` are the dumping host's local
    time read as UTC until ``text_times`` has set them right.
    """
    reader = _TextReader(source, account)
    work = partial(_work, source, pools)
    content = Account(whole_bytes=account.whole_bytes)
    for parts in in_order(work, read_blocks(source.path, content), None, workers):
        for rows in parts:
            reader.judge(rows)
            yield from reader.take(rows)
    account.add(content)
    reader.finish()


def text_times(source: Source) -> FileTimes:
    """What sets right the times of a file whose rows ``read_conntrack`` gave: ``start_at`` and ``stop_at``.

    The offset is the median of the dump's time less the entry's age less ``[start=]`` (events: the stamp of DESTROY
    less ``[stop=]``), rounded to 15 minutes; else it is that of ``source.timezone``; else both columns become null.
    """
    return FileTimes(source, start_is_local=True)


def parse_block(block: Block, source: Source, pools: Pools) -> list[Rows]:
    """Rows of a block of text, whatever was in the blocks before it; safe to use from several threads."""
    at, line = 0, block.first_line
    known, rest = cl.make_known(), rest_of(source)
    parts = []
    while at < len(block):
        room = min(block.first_line + block.lines - line, _MOST_ROWS)
        lines = cl.make_lines(room, line)
        at = cl.parse_lines(
            block.text, at, len(block), block.terminated, *conntrack_grammar(), known, rest, lines
        )
        line = int(lines.tally[cl.NEXT_LINE])
        parts.append(to_rows(lines, block.buffer.data, block.begin, block.byte_offset, _BLANK, source, pools))
    if not block.terminated:
        lines.last[[ct.LINE_AT, ct.LINE_STOP]] += block.begin
        parts[-1].last = lines.last
    return parts


def _work(source: Source, pools: Pools, block: Block, state: None) -> tuple[list[Rows], None]:
    return parse_block(block, source, pools), state


@dataclass
class _TextReader(RowReader):
    """Text.

    Attributes
    ----------
    tail : bits of the tokens in ``_TAIL`` that every line so far has, None before the first.
    """

    tail: int | None = None

    def judge(self, rows: Rows) -> None:
        """Reject a last line without newline that is torn; before ``take``."""
        last = rows.last
        was_parsed = last is not None and last[ct.STATUS] == ct.PARSED
        if len(rows) > was_parsed:
            self.tail = rows.tail if self.tail is None else self.tail & rows.tail
        if last is None or not self._is_torn(last):
            return
        if was_parsed:
            torn = rows.columns["line"][-1], ct.TORN, last[ct.LINE_AT], last[ct.LINE_STOP]
            rows.odd = np.append(rows.odd, [torn], axis=0)
            rows.columns = take_columns(rows.columns, slice(-1))
            rows.extras -= int(last[ct.EXTRAS])
        else:
            rows.odd[-1, cl.STATUS] = ct.TORN
        self.account.warn_incomplete("the last line is torn; it was rejected.")

    def _is_torn(self, last: Ints) -> bool:
        """Whether a last line does not end as the lines before it do."""
        if last[ct.STATUS] != ct.PARSED:
            return last[ct.STATUS] not in {ct.BLANK, ct.FOREIGN}
        missing = {column for column in _TAIL.values() if last[column] == -1}
        # flags come behind the tuples: without anything behind them who knows which were to come
        open_ended = len(missing) == len(_TAIL) and not last[ct.FLAGS] & (ct.ASSURED | ct.OFFLOADED)
        return open_ended or any(column in missing for bit, column in _TAIL.items() if (self.tail or 0) & bit)
