"""The content of a file, whatever it is packed in: blocks of whole lines, or one document, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import zstandard
from isal import igzip_lib, isal_zlib

from flowstitch.ingest.blocks import BOM, HEAD_BYTES, cut_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from flowstitch.ingest.blocks import Block
    from flowstitch.ingest.model import Account

MAX_DOCUMENT_BYTES = 1 << 28
LONG_DOCUMENT = "document too large"
_PLAIN_BYTES = 1 << 20


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class _Packing(NamedTuple):
    """A compressed form: its magic bytes, and how many bytes to unpack at a time.

    ``chunk`` bounds memory: deflate unpacks a byte to 1,032 at most, a zstd block of 4 bytes to 128 KiB.
    """

    name: str
    magic: tuple[bytes, ...]
    chunk: int
    decoder: Callable[[], _Decoder]


def _zstd_decoder() -> _Decoder:
    return zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()


# a zstd stream may begin with a skippable frame (RFC 8878, 3.1.2)
_ZSTD_MAGIC = (b"\x28\xb5\x2f\xfd", *(bytes((low, 0x2A, 0x4D, 0x18)) for low in range(0x50, 0x60)))
_PACKINGS = (
    _Packing("gzip", (b"\x1f\x8b",), 1 << 15, lambda: isal_zlib.decompressobj(31)),
    _Packing("zstd", _ZSTD_MAGIC, 1 << 11, _zstd_decoder),
)


def read_head(path: Path, limit: int = HEAD_BYTES, warn: Callable[[str], None] | None = None) -> bytes:
    """First bytes of the uncompressed content, without a byte order mark; what can be read of a torn file.

    Parameters
    ----------
    path : the file.
    limit : most bytes of the content.
    warn : is told when the file is torn within them or has something else behind its end.

    Raises
    ------
    OSError : the file cannot be read.
    """
    head = bytearray()
    for piece in _pieces(path, warn or (lambda _: None)):
        head += piece
        if len(head) >= limit:
            break
    return bytes(head[:limit]).removeprefix(BOM)


def read_blocks(path: Path, account: Account) -> Iterator[Block]:
    """Blocks of whole lines of a plain, gzip or zstd file, told apart by its magic bytes.

    Parameters
    ----------
    path : the file.
    account : gets a reject for each line of more than ``MAX_LINE_BYTES``, which is in no block, and a warning
        and ``incomplete`` when the file cannot be read, is torn, or has something else behind its end.

    Returns
    -------
    Blocks in order; a byte order mark is in none of them.
    """
    return cut_blocks(_read(path, account), account)


def read_document(path: Path, account: Account, limit: int = MAX_DOCUMENT_BYTES) -> bytes | None:
    """Read a whole file, for formats that are one document.

    Parameters
    ----------
    path : the file.
    account : as for ``read_blocks``; the document is its line 1.
    limit : most bytes that it may have uncompressed.

    Returns
    -------
    Content without a byte order mark; None, and a reject, when it is larger than ``limit``.
    """
    content = bytearray()
    for piece in _read(path, account):
        content += piece
        if len(content) > limit:
            account.reject(1, 0, LONG_DOCUMENT, bytes(content[:HEAD_BYTES]))
            return None
    return bytes(content).removeprefix(BOM)


def _read(path: Path, account: Account) -> Iterator[bytes]:
    def warn(sentence: str) -> None:
        account.incomplete = True
        account.warnings.append(sentence)

    try:
        yield from _pieces(path, warn)
    except OSError as error:
        warn(f"the file cannot be read: {error.strerror or error}.")


def _pieces(path: Path, warn: Callable[[str], None]) -> Iterator[bytes]:
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        for packing in _PACKINGS:
            if start.startswith(packing.magic):
                yield from _unpack(file, packing, warn)
                return
        while piece := file.read(_PLAIN_BYTES):
            yield piece


def _unpack(file: BinaryIO, packing: _Packing, warn: Callable[[str], None]) -> Iterator[bytes]:
    """Text of the members of a compressed file, one after the other."""
    decoder = packing.decoder()
    total = 0
    while chunk := file.read(packing.chunk):
        while chunk:
            if decoder.eof:
                # padding with zeros is common on tapes and block devices, and harmless
                chunk = chunk.lstrip(b"\0") if packing.name == "gzip" else chunk
                if not chunk:
                    break
                if not _begins(chunk, packing):
                    warn(
                        f"something that is not {packing.name} follows the {packing.name} stream; it was left out."
                    )
                    return
                decoder = packing.decoder()
            try:
                piece = decoder.decompress(chunk)
            except (igzip_lib.IsalError, zstandard.ZstdError) as error:  # type: ignore[misc]  # a wrong stub
                warn(
                    f"the {packing.name} stream is damaged after {total} bytes of content ({error}); the rest is missing."
                )
                return
            chunk = decoder.unused_data if decoder.eof else b""
            total += len(piece)
            if piece:
                yield piece
    if not decoder.eof:
        warn(f"the {packing.name} stream is torn after {total} bytes of content; the rest is missing.")


def _begins(chunk: bytes, packing: _Packing) -> bool:
    """Whether a member can begin so; a chunk can be shorter than the magic bytes."""
    return any(chunk.startswith(magic[: len(chunk)]) for magic in packing.magic)
