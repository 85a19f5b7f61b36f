"""Pieces of content cut into blocks of whole lines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.arrays import PADDING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from flowstitch.arrays import Ints
    from flowstitch.ingest.model import Account

BOM = b"\xef\xbb\xbf"
MAX_LINE_BYTES = 1 << 20
HEAD_BYTES = 1 << 16
LONG_LINE = "long line"
_COUNTED_BYTES = 1 << 18
_BATCH_BYTES = 1 << 22  # text that is parsed at once
_ENOUGH_BYTES = 1 << 21  # and what is enough where more would have to be copied together


@dataclass(frozen=True)
class Block:
    """Whole lines of a source.

    Attributes
    ----------
    buffer : holds the lines with their ends at [begin, end), and at least ``PADDING`` bytes more.
    begin, end : at most ``MAX_LINE_BYTES`` and one newline apart, where nobody has put blocks together.
    byte_offset : offset of the lines in the uncompressed source.
    first_line : number of the first line, from 1.
    terminated : the last line ends with a newline; False only for the last block of a source.
    lines : how many there are; the last one need not end.
    """

    buffer: bytes
    begin: int
    end: int
    byte_offset: int
    first_line: int
    terminated: bool
    lines: int

    def __len__(self) -> int:
        return self.end - self.begin

    @property
    def data(self) -> bytes:
        """The lines with their ends."""
        return self.buffer[self.begin : self.end]

    @property
    def text(self) -> NDArray[np.uint8]:
        """The lines with their ends and ``PADDING`` bytes more, shape (len(self) + PADDING,), uint8, read-only."""
        return np.frombuffer(self.buffer, np.uint8, len(self) + PADDING, self.begin)

    @property
    def torn_line(self) -> int | None:
        """Number of the last line, where it does not end with a newline."""
        return None if self.terminated else int(self.numbers()[-1])

    def numbers(self) -> Ints:
        """Number of each line, shape (lines,), int64."""
        return np.arange(self.first_line, self.first_line + self.lines, dtype=np.int64)

    def split(self) -> Iterator[tuple[int, int, bytes]]:
        """(Number, offset in the uncompressed source, bytes without newline) of each line."""
        offset = self.byte_offset
        for number, raw in enumerate(self.data.removesuffix(b"\n").split(b"\n"), self.first_line):
            yield number, offset, raw
            offset += len(raw) + 1

    def head(self, limit: int = HEAD_BYTES) -> Block:
        """The first lines, as many as fit, at least one."""
        end = self.buffer.rfind(b"\n", self.begin, min(self.begin + limit, self.end)) + 1
        end = end or self.buffer.find(b"\n", self.begin, self.end) + 1 or self.end
        terminated = self.terminated or end < self.end
        lines = _count_newlines(self.buffer, self.begin, end) + (not terminated)
        return replace(self, end=end, terminated=terminated, lines=lines)

    def pick(self, lines: Ints, begins: Ints, ends: Ints) -> PickedLines:
        """Some of the lines.

        Parameters
        ----------
        lines : which, from 0, ascending, at least one. begins, ends : where each begins in the block and where the next
            one does.
        """
        text = memoryview(self.buffer)[self.begin : self.end]
        pieces = [text[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
        buffer = b"".join([*pieces, bytes(PADDING)])
        terminated = self.terminated or int(ends[-1]) < len(self)
        first = self.first_line + int(lines[0])
        return PickedLines(
            buffer, 0, len(buffer) - PADDING, self.byte_offset + int(begins[0]), first, terminated, lines.shape[0],
            self.first_line + lines, self.byte_offset + begins,
        )  # fmt: skip


@dataclass(frozen=True)
class PickedLines(Block):
    """Lines of a block that need not follow each other.

    Attributes
    ----------
    line_numbers, line_offsets : number of each line, and its offset in the uncompressed source.
    """

    line_numbers: Ints
    line_offsets: Ints

    def numbers(self) -> Ints:
        """Number of each line, shape (lines,), int64."""
        return self.line_numbers

    def split(self) -> Iterator[tuple[int, int, bytes]]:
        """(Number, offset in the uncompressed source, bytes without newline) of each line."""
        texts = self.data.removesuffix(b"\n").split(b"\n")
        return zip(self.line_numbers.tolist(), self.line_offsets.tolist(), texts, strict=True)


def join_blocks(blocks: list[Block]) -> Block:
    """One block of blocks that follow each other, without a copy where one buffer holds them."""
    first, last = blocks[0], blocks[-1]
    lines = sum(block.lines for block in blocks)
    if first.buffer is last.buffer:
        return replace(first, end=last.end, terminated=last.terminated, lines=lines)
    texts = [memoryview(block.buffer)[block.begin : block.end] for block in blocks]
    buffer = b"".join([*texts, bytes(PADDING)])
    end = len(buffer) - PADDING
    return replace(first, buffer=buffer, begin=0, end=end, terminated=last.terminated, lines=lines)


def batch_blocks(blocks: Iterable[Block]) -> Iterator[Block]:
    """Blocks put together while they follow each other and are small: one for each call of whoever parses them."""
    batch: list[Block] = []
    size = 0
    for block in blocks:
        enough = _ENOUGH_BYTES if batch and block.buffer is not batch[0].buffer else _BATCH_BYTES
        if batch and (size >= enough or block.byte_offset != batch[0].byte_offset + size):
            yield join_blocks(batch)
            batch, size = [], 0
        batch.append(block)
        size += len(block)
    if batch:
        yield join_blocks(batch)


def _count_newlines(buffer: bytes, begin: int, end: int) -> int:
    """How many there are in ``buffer[begin:end]``, six times as fast as ``bytes.count`` does it."""
    count = 0
    # a comparison's result stays in the cache until it is counted
    for at in range(begin, end, _COUNTED_BYTES):
        text = np.frombuffer(buffer, np.uint8, min(_COUNTED_BYTES, end - at), at)
        count += int(np.count_nonzero(text == ord("\n")))
    return count


def cut_blocks(pieces: Iterable[bytes], account: Account) -> Iterator[Block]:
    """Blocks of whole lines.

    Parameters
    ----------
    pieces : the content in order, cut anywhere.
    account : gets a reject for each line of more than ``MAX_LINE_BYTES``, which is in no block.

    Returns
    -------
    Blocks in order; a byte order mark is in none of them. How they are cut depends on the pieces, what lines there
    are does not.
    """
    cutter = _Cutter(account)
    for piece in pieces:
        yield from cutter.feed(piece)
    yield from cutter.finish()


class _Cutter:
    """Gathers pieces until they hold a block, copied once; what is behind it waits for more."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._pieces: list[bytes] = []
        self._size = 0
        self._offset = 0
        self._line = 1
        self._dropping = False
        self._at_start = True

    def feed(self, piece: bytes) -> Iterator[Block]:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > MAX_LINE_BYTES:
            yield from self._cut(self._gather())

    def finish(self) -> Iterator[Block]:
        buffer = self._gather()
        begin, end = self._skip_mark(buffer), len(buffer) - PADDING
        if self._dropping:
            begin = self._drop(buffer, begin, end)
        if begin < end:
            yield self._take(buffer, begin, end, terminated=buffer[end - 1] == ord("\n"))

    def _gather(self) -> bytes:
        buffer = b"".join([*self._pieces, bytes(PADDING)])
        self._pieces = []
        return buffer

    def _cut(self, buffer: bytes) -> Iterator[Block]:
        begin, end = self._skip_mark(buffer), len(buffer) - PADDING
        while end - begin > MAX_LINE_BYTES:
            if self._dropping:
                begin = self._drop(buffer, begin, end)
                continue
            stop = buffer.rfind(b"\n", begin, begin + MAX_LINE_BYTES + 1) + 1
            if stop:
                yield self._take(buffer, begin, stop, terminated=True)
                begin = stop
            else:
                self._account.reject(self._line, self._offset, LONG_LINE, buffer[begin : begin + HEAD_BYTES])
                self._dropping = True
        stop = 0 if self._dropping else buffer.rfind(b"\n", begin, end) + 1
        if stop:
            yield self._take(buffer, begin, stop, terminated=True)
            begin = stop
        self._pieces = [buffer[begin:end]]
        self._size = end - begin

    def _skip_mark(self, buffer: bytes) -> int:
        begin = len(BOM) if self._at_start and buffer.startswith(BOM) else 0
        self._at_start = False
        self._offset += begin
        return begin

    def _take(self, buffer: bytes, begin: int, end: int, *, terminated: bool) -> Block:
        ended = _count_newlines(buffer, begin, end)
        block = Block(buffer, begin, end, self._offset, self._line, terminated, ended + (not terminated))
        self._offset += end - begin
        self._line += ended
        return block

    def _drop(self, buffer: bytes, begin: int, end: int) -> int:
        stop = buffer.find(b"\n", begin, end) + 1
        self._dropping = stop == 0
        self._line += stop > 0
        self._offset += (stop or end) - begin
        return stop or end
