"""Content cut into blocks of whole lines."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from flowstitch.arrays import PADDING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from flowstitch.arrays import Ints
    from flowstitch.ingest.model import Account

BOM = b"\xef\xbb\xbf"
MAX_LINE_BYTES = 1 << 20
HEAD_BYTES = 1 << 16
LONG_LINE = "long line"
# Text that is parsed at once; more than a line.
_BLOCK_BYTES = 1 << 23
# The first of it, from which readers learn what they need to know for the rest, and one thread alone does.
_FIRST_BYTES = 1 << 19
# Less than this is not worth what it takes to have kernels.
_COUNTED_BYTES = 1 << 16
_SEARCHED_BYTES = 1 << 12


class Content(Protocol):
    """What is read once, from its start."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Put the next bytes into the buffer, as many as there are and fit; 0 at the end."""
        ...


@dataclass(frozen=True)
class Block:
    """Whole lines of a source.

    Attributes
    ----------
    buffer : uint8, holds the lines with their ends at [begin, end), and at least ``PADDING`` bytes more.
    begin, end : places in the buffer.
    byte_offset : offset of the lines in the uncompressed source.
    first_line : number of the first line, from 1.
    terminated : the last line ends with a newline; False only for the last block of a source.
    lines : how many there are; the last one need not end.
    """

    buffer: NDArray[np.uint8]
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
        return self.buffer[self.begin : self.end].tobytes()

    @property
    def text(self) -> NDArray[np.uint8]:
        """The lines with their ends and ``PADDING`` bytes more, shape (len(self) + PADDING,), uint8, read-only."""
        text = self.buffer[self.begin : self.end + PADDING]
        text.flags.writeable = False
        return text

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
        end = _last_newline(self.buffer, self.begin, min(self.begin + limit, self.end)) + 1
        end = end or _first_newline(self.buffer, self.begin, self.end) + 1 or self.end
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
        text = self.buffer[self.begin : self.end]
        pieces = [text[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
        buffer = np.concatenate([*pieces, np.zeros(PADDING, np.uint8)])
        terminated = self.terminated or int(ends[-1]) < len(self)
        first = self.first_line + int(lines[0])
        return PickedLines(
            buffer, 0, buffer.shape[0] - PADDING, self.byte_offset + int(begins[0]), first, terminated, lines.shape[0],
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


def cut_blocks(content: Content, account: Account) -> Iterator[Block]:
    """Blocks of whole lines.

    Parameters
    ----------
    content : is read to its end.
    account : gets a reject for each line of more than ``MAX_LINE_BYTES``, which is in no block.

    Returns
    -------
    Blocks in order; a byte order mark is in none of them.
    """
    cutter = _Cutter(account)
    while size := content.readinto(cutter.room()):
        yield from cutter.take(size)
    yield from cutter.finish()


class _Cutter:
    """Fills a buffer; the whole lines in it are a block when it is full.

    Whole lines are at [begin, whole) of the buffer. Behind them is the beginning of another one, up to ``filled``.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._buffers = _Buffers()
        self._buffer = self._buffers.take()
        self._begin = self._whole = self._seen = self._filled = 0
        self._lines = 0
        self._offset = 0  # of ``begin`` in the source
        self._line = 1  # number of the line there
        self._at_start = True
        self._dropping = False

    def room(self) -> memoryview:
        """Where the next bytes belong, not more than a line may have: of lines that come at once only the first can be too long."""
        most = min(MAX_LINE_BYTES, _FIRST_BYTES) if self._line == 1 else MAX_LINE_BYTES
        end = min(self._filled + most, self._buffer.shape[0] - PADDING)
        return self._buffer.data[self._filled : end]

    def take(self, size: int) -> Iterator[Block]:
        """Take in so many bytes more."""
        self._filled += size
        if self._at_start and self._filled < len(BOM):
            return
        yield from self._scan()
        if self._line == 1:
            yield from self._take_block()
        if self._filled == self._buffer.shape[0] - PADDING:
            yield from self._take_block()
            rest = self._buffer[self._whole : self._filled]
            self._buffer = self._buffers.take()
            self._buffer[: rest.shape[0]] = rest
            self._begin = self._whole = 0
            self._seen = self._filled = rest.shape[0]

    def finish(self) -> Iterator[Block]:
        """What is left at the end."""
        yield from self._scan()
        terminated = self._whole == self._filled
        self._lines += not terminated
        self._whole = self._filled
        yield from self._take_block(terminated=terminated)

    def _scan(self) -> Iterator[Block]:
        """Find the lines that end in what is new."""
        if self._at_start:
            self._skip_mark()
        first = _first_newline(self._buffer, self._seen, self._filled)
        stop = self._filled if first < 0 else first
        if not self._dropping and stop - self._whole > MAX_LINE_BYTES:
            yield from self._take_block()
            raw = self._buffer[self._whole :][:HEAD_BYTES].tobytes()
            self._account.reject(self._line, self._offset, LONG_LINE, raw)
            self._dropping = True
        if self._dropping:
            self._drop(first)
        self._lines += _count_newlines(self._buffer, self._seen, self._filled)
        self._whole = max(self._whole, _last_newline(self._buffer, self._seen, self._filled) + 1)
        self._seen = self._filled

    def _skip_mark(self) -> None:
        self._at_start = False
        if self._buffer[: self._filled].tobytes().startswith(BOM):
            self._begin = self._whole = self._seen = self._offset = len(BOM)

    def _drop(self, newline: int) -> None:
        """Drop a line that began at ``whole``, as far as it is here: it ends at the newline, -1 if it goes on."""
        if newline < 0:
            self._offset += self._filled - self._whole
            self._filled = self._seen = self._whole
        else:
            self._offset += newline + 1 - self._whole
            self._line += 1
            self._begin = self._whole = self._seen = newline + 1
            self._dropping = False

    def _take_block(self, *, terminated: bool = True) -> Iterator[Block]:
        if self._begin < self._whole:
            yield Block(
                self._buffer, self._begin, self._whole, self._offset, self._line, terminated, self._lines
            )
        self._offset += self._whole - self._begin
        self._line += self._lines
        self._begin, self._lines = self._whole, 0


class _Buffers:
    """Buffers of a source's blocks. One that nothing refers to any more is used again: it is in a cache, a new one is not."""

    def __init__(self) -> None:
        self._made: list[tuple[memoryview, weakref.ref[NDArray[np.uint8]]]] = []

    def take(self) -> NDArray[np.uint8]:
        """Buffer of ``_BLOCK_BYTES`` and ``PADDING``, holding anything."""
        free = next((number for number, (_, user) in enumerate(self._made) if user() is None), None)
        memory = np.empty(_BLOCK_BYTES + PADDING, np.uint8).data if free is None else self._made.pop(free)[0]
        # every view of this array refers to it, not to what it was made of
        buffer = np.frombuffer(memory, np.uint8)
        self._made.append((memory, weakref.ref(buffer)))
        return buffer


def _count_newlines(buffer: NDArray[np.uint8], begin: int, end: int) -> int:
    """How many there are in ``buffer[begin:end]``."""
    text = buffer[begin:end]
    if text.shape[0] < _COUNTED_BYTES:
        return int(np.count_nonzero(text == ord("\n")))
    from flowstitch.kernels.newlines import count_newlines  # noqa: PLC0415

    return int(count_newlines(text))


def _first_newline(buffer: NDArray[np.uint8], begin: int, end: int) -> int:
    """Place of the first one in ``buffer[begin:end]``, -1 if there is none."""
    for at in range(begin, end, _SEARCHED_BYTES):
        found = buffer[at : min(at + _SEARCHED_BYTES, end)].tobytes().find(b"\n")
        if found >= 0:
            return at + found
    return -1


def _last_newline(buffer: NDArray[np.uint8], begin: int, end: int) -> int:
    """Place of the last one in ``buffer[begin:end]``, -1 if there is none."""
    for stop in range(end, begin, -_SEARCHED_BYTES):
        at = max(begin, stop - _SEARCHED_BYTES)
        found = buffer[at:stop].tobytes().rfind(b"\n")
        if found >= 0:
            return at + found
    return -1
