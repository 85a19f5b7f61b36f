"""Snappy: the raw block, and the three streams of blocks that are in use.

The format is https://github.com/google/snappy/blob/main/format_description.txt, the framed stream framing_format.txt
beside it. Alibaba Cloud's log service ships objects of one raw block; Java programs write the streams of snappy-java and Hadoop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cramjam

from flowstitch.ingest.damage import Broken, Followed, TooLarge, Torn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from cramjam import Buffer

FRAMED_MAGIC = b"\xff\x06\x00\x00sNaPpY"
JAVA_MAGIC = b"\x82SNAPPY\x00"
MAX_BLOCK_BYTES = (1 << 32) - 1  # a block's length has 32 bits
# A shorter block could begin like text: the first byte of its length is below 0x80. And less of one proves nothing.
_LEAST_BYTES = 128
_HEAD_BYTES = 1 << 16
_LOOK_BYTES = 1 << 12
_PIECE_BYTES = 1 << 20
# Hadoop's have 256 KiB, snappy-java's 32 KiB where nobody has chosen otherwise.
_MAX_STREAM_BLOCK_BYTES = 1 << 24
_MAX_CHUNK_BYTES = 1 << 17  # a framed chunk holds at most 64 KiB
_MOST_GROWTH = 22  # a copy of 64 bytes takes three
_UTF16 = b"\xff\xfe"
_COMPRESSED, _PLAIN, _FIRST_SKIPPABLE, _HEADER = 0x00, 0x01, 0x80, 0xFF


class _Peeled(NamedTuple):
    """What was unpacked of a block, and whether the next element is one that cannot be."""

    content: bytes
    wrong: bool


def is_block(start: bytes) -> bool:
    """Whether a file that starts so is a raw block: it has no magic, but its first elements have to make sense."""
    length, at = _length(start)
    if length < _LEAST_BYTES or at >= len(start) or start[at] & 3 or _is_utf16(start):
        return False
    peeled = _peel(start, _LOOK_BYTES)
    return not peeled.wrong and len(peeled.content) >= _LEAST_BYTES


def is_hadoop(start: bytes) -> bool:
    """Whether a file that starts so is a Hadoop stream: bytes of the first group, bytes of its first block, the block."""
    group, size = int.from_bytes(start[:4], "big"), int.from_bytes(start[4:8], "big")
    block = start[8 : 8 + size]
    length, at = _length(block)
    fits = 0 < length <= group <= _MAX_STREAM_BLOCK_BYTES and 0 < size <= _most_packed(length)
    return fits and at < len(block) and not block[at] & 3 and not _peel(block, _LOOK_BYTES).wrong


def unpack_block(file: BinaryIO, whole_bytes: int) -> Iterator[bytes]:
    """Content of a file that is one raw block.

    Parameters
    ----------
    whole_bytes : most that it may unpack to: a block refers back to anywhere in itself, so it is held whole.

    Yields
    ------
    Its first 64 KiB, for which only the start of the file is read, then the rest.
    """
    block = file.read(2 * _HEAD_BYTES)
    length, _ = _length(block)
    if length > whole_bytes:
        raise TooLarge(length, whole_bytes)
    head = _peel(block, _HEAD_BYTES).content
    yield head
    block += file.read(max(0, _most_packed(length) + 1 - len(block)))
    content = _unpacked(block, length)
    if content is not None:
        yield from _cut(content, len(head))
        return
    saved = _peel(block, length)
    yield from _cut(memoryview(saved.content), len(head))
    if saved.wrong:
        raise Broken("an element that cannot be")
    raise Followed if len(saved.content) == length else Torn


def unpack_framed(file: BinaryIO, _: int) -> Iterator[bytes]:
    """Content of a framed stream; every chunk has a checksum."""
    while header := _take(file, 4, may_end=True):
        kind, size = header[0], int.from_bytes(header[1:], "little")
        if kind in {_COMPRESSED, _PLAIN, _HEADER}:
            chunk = header + _take(file, _within(size, _MAX_CHUNK_BYTES))
            if kind == _HEADER and chunk != FRAMED_MAGIC:
                raise Broken("a stream begins wrongly")
            if kind != _HEADER:
                yield _decoded(cramjam.snappy.decompress, FRAMED_MAGIC + chunk)
        elif kind >= _FIRST_SKIPPABLE:
            while size:
                size -= len(_take(file, min(size, _PIECE_BYTES)))
        else:
            raise Followed


def unpack_java(file: BinaryIO, _: int) -> Iterator[bytes]:
    """Content of a stream of snappy-java: a header of 16 bytes, then blocks with their sizes."""
    while size := _take(file, 4, may_end=True):
        if size == JAVA_MAGIC[:4]:
            # another stream may stand behind the first
            if not _take(file, 12).startswith(JAVA_MAGIC[4:]):
                raise Followed
        else:
            yield _sized_block(file, size)


def unpack_hadoop(file: BinaryIO, _: int) -> Iterator[bytes]:
    """Content of a stream of Hadoop: groups of blocks, each group with the size of its content."""
    while size := _take(file, 4, may_end=True):
        left = int.from_bytes(size, "big")
        while left > 0:
            piece = _sized_block(file, _take(file, 4))
            left -= _within(len(piece), left)
            yield piece
            if not piece:
                raise Broken("an empty block")


def _sized_block(file: BinaryIO, size: bytes) -> bytes:
    block = _take(file, _within(int.from_bytes(size, "big"), _most_packed(_MAX_STREAM_BLOCK_BYTES)))
    _within(_length(block)[0], _MAX_STREAM_BLOCK_BYTES)
    return _decoded(cramjam.snappy.decompress_raw, block)


def _decoded(decode: Callable[[bytes], Buffer], packed: bytes) -> bytes:
    try:
        return bytes(decode(packed))
    except cramjam.DecompressionError as error:
        raise Broken(str(error)) from error


def _take(file: BinaryIO, size: int, *, may_end: bool = False) -> bytes:
    """Exactly so many bytes; none where the file may end and does."""
    taken = file.read(size)
    if len(taken) < size and not (may_end and not taken):
        raise Torn
    return taken


def _within(size: int, most: int) -> int:
    if size > most:
        raise Broken(f"a block of {size} bytes")
    return size


def _most_packed(length: int) -> int:
    """Most bytes that a block of so much content takes: what does not shrink grows by a sixth at most."""
    return 32 + length + length // 6


def _length(block: bytes) -> tuple[int, int]:
    """Bytes that a block unpacks to, and where its elements begin; (0, 0) when it does not begin like one."""
    length = 0
    for at, byte in enumerate(block[:5]):
        length |= (byte & 0x7F) << 7 * at
        if byte < 0x80:
            return (length, at + 1) if length <= MAX_BLOCK_BYTES else (0, 0)
    return 0, 0


def _is_utf16(start: bytes) -> bool:
    """Whether it is text of UTF-16: that reads like one literal of a byte behind the other."""
    return start.startswith(_UTF16) and start[3:4] == b"\0"


def _peel(block: bytes, limit: int) -> _Peeled:
    """Content of a block as far as there is any, a little more than ``limit`` at most.

    The library unpacks whole blocks only. This is for a head, and for what can be saved of a damaged block.
    """
    length, at = _length(block)
    content = bytearray()
    while at < len(block) and len(content) < min(length, limit):
        size, offset, begin = _element(block, at)
        if begin > len(block):
            break
        end = begin if offset else begin + size
        if len(content) + size > length or offset > len(content) or (not offset and block[at] & 3):
            return _Peeled(bytes(content), wrong=True)
        if offset:
            # a copy may reach into itself
            chunk = content[-offset:][:size]
            content += (chunk * -(-size // len(chunk)))[:size]
        else:
            content += block[begin:end]
        at = end
    return _Peeled(bytes(content), wrong=False)


def _element(block: bytes, at: int) -> tuple[int, int, int]:
    """(bytes of content, how far back they are copied from or 0 for a literal, where the element's head ends)."""
    tag = block[at]
    if tag & 3 == 0:
        more = max(0, (tag >> 2) - 59)
        size = int.from_bytes(block[at + 1 : at + 1 + more], "little") if more else tag >> 2
        return size + 1, 0, at + 1 + more
    if tag & 3 == 1:
        return (tag >> 2 & 7) + 4, (tag >> 5 << 8) + int.from_bytes(block[at + 1 : at + 2], "little"), at + 2
    more = 2 if tag & 3 == 2 else 4
    return (tag >> 2) + 1, int.from_bytes(block[at + 1 : at + 1 + more], "little"), at + 1 + more


def _unpacked(block: bytes, length: int) -> memoryview | None:
    """Content of a block, None when the block is not whole and nothing else."""
    # the library would set aside what the length promises
    if length > _MOST_GROWTH * len(block):
        return None
    try:
        return memoryview(cramjam.snappy.decompress_raw(block))
    except cramjam.DecompressionError:
        return None


def _cut(content: memoryview, begin: int) -> Iterator[bytes]:
    for at in range(begin, len(content), _PIECE_BYTES):
        yield bytes(content[at : at + _PIECE_BYTES])
