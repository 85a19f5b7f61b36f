"""Conntrack lists and event streams to canonical columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np

from flowstitch.ingest.conntrack_grammar import conntrack_grammar
from flowstitch.ingest.conntrack_rows import RowReader
from flowstitch.ingest.conntrack_times import SECOND, FileTimes
from flowstitch.ingest.content import read_blocks
from flowstitch.kernels import conntrack_text as ct
from flowstitch.normalize.columns import NULL_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowstitch.arrays import Columns, Flags, Ints
    from flowstitch.ingest.blocks import Block
    from flowstitch.ingest.model import Account, Source
    from flowstitch.normalize.columns import Pools

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
    time read as UTC until ``text_times`` has set them right.
    """
    reader = _TextReader(source, pools, account)
    for block in read_blocks(source.path, account):
        yield from reader.read(block)
    reader.finish()


def text_times(source: Source) -> FileTimes:
    """What sets right the times of a file whose rows ``read_conntrack`` gave: ``start_at`` and ``stop_at``.

    The offset is the median of the dump's time less the entry's age less ``[start=]`` (events: the stamp of DESTROY
    less ``[stop=]``), rounded to 15 minutes; else it is that of ``source.timezone``; else both columns become null.
    """
    return FileTimes(source, _offsets, _local, start_is_local=True)


def _offsets(columns: Columns) -> Ints:
    start, stop, seen, age = (
        cast("Ints", columns[name]) for name in ("start_at", "stop_at", "seen_at", "delta_time_s")
    )
    stopped = (seen != NULL_TIME) & (stop != NULL_TIME)
    aged = (seen != NULL_TIME) & (start != NULL_TIME) & (age >= 0) & ~stopped
    return np.concatenate([seen[stopped] - stop[stopped], seen[aged] - age[aged] * SECOND - start[aged]])


def _local(columns: Columns) -> list[tuple[Ints, Flags]]:
    return [(columns[name], columns[name] != NULL_TIME) for name in ("start_at", "stop_at")]


@dataclass
class _TextReader(RowReader):
    """Text, with the tokens at the end of a line that every line so far has."""

    stamp_us: ClassVar[int] = SECOND

    tail: tuple[int, ...] | None = None

    def read(self, block: Block) -> Iterator[Columns]:
        data = block.data
        text = block.text[: len(block)]
        grammar = conntrack_grammar()
        at, line = 0, block.first_line
        while at < text.shape[0]:
            count, at = ct.parse_lines(text, at, block.terminated, *grammar, self.rows, self.high, self.low)
            rows = self.rows[:count]
            if at == text.shape[0] and not block.terminated:
                self._judge_last(rows)
            self._note_tail(rows[rows[:, ct.STATUS] == ct.PARSED])
            yield from self.take(count, data, block.byte_offset, line)
            line += count

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
