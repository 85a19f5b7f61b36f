"""What a file is packed in, by its first bytes, and its content in pieces of bounded size."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

import zstandard
from isal import igzip_lib, isal_zlib

from flowstitch.ingest import snappy
from flowstitch.ingest.damage import Broken, Damage, Followed, Torn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

START_BYTES = 1 << 12


class Packing(NamedTuple):
    """A compressed form.

    Attributes
    ----------
    name : for messages.
    begins : whether a file that starts so is of this form.
    pieces : content of a file; gets the file and the most bytes that may be held where a form is unpacked whole.
        Raises ``Damage`` where it cannot go on.
    """

    name: str
    begins: Callable[[bytes], bool]
    pieces: Callable[[BinaryIO, int], Iterator[bytes]]


def packing_of(start: bytes) -> Packing | None:
    """Form of a file that starts so, at most ``START_BYTES`` of it; None when it is not packed."""
    return next((packing for packing in PACKINGS if packing.begins(start)), None)


def unpack(
    file: BinaryIO, packing: Packing, whole_bytes: int, warn: Callable[[str], None]
) -> Iterator[bytes]:
    """Content of a packed file.

    Parameters
    ----------
    file : open at its start.
    whole_bytes : most that a form may unpack to which cannot be unpacked in pieces.
    warn : is told when the file is torn, damaged or too large, or has something else behind its end.

    Yields
    ------
    Pieces that memory can hold, whatever the file says of itself; of a damaged one those before the damage.
    """
    total = 0
    try:
        for piece in packing.pieces(file, whole_bytes):
            total += len(piece)
            if piece:
                yield piece
    except Damage as damage:
        warn(damage.told(packing.name, total))


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class _Members(NamedTuple):
    """A form whose files are members, one behind the other, each with an end.

    ``chunk_bytes`` are unpacked at a time, which bounds a piece: deflate unpacks a byte to 1,032 at most, a zstd block of
    4 bytes to 128 KiB. ``padding`` may stand behind a member.
    """

    magic: tuple[bytes, ...]
    chunk_bytes: int
    decoder: Callable[[], _Decoder]
    padding: bytes = b""

    def begins(self, chunk: bytes) -> bool:
        """Whether a member can begin so; a chunk can be shorter than the magic bytes."""
        return any(chunk.startswith(magic[: len(chunk)]) for magic in self.magic)

    def pieces(self, file: BinaryIO, _: int) -> Iterator[bytes]:
        """Content of all members."""
        decoder = self.decoder()
        while chunk := file.read(self.chunk_bytes):
            while chunk:
                if decoder.eof:
                    chunk = chunk.lstrip(self.padding) if self.padding else chunk
                    if not chunk:
                        break
                    if not self.begins(chunk):
                        raise Followed
                    decoder = self.decoder()
                try:
                    piece = decoder.decompress(chunk)
                except (igzip_lib.IsalError, zstandard.ZstdError) as error:  # type: ignore[misc]  # a wrong stub
                    raise Broken(str(error)) from error
                chunk = decoder.unused_data if decoder.eof else b""
                yield piece
        if not decoder.eof:
            raise Torn


def _with(*magic: bytes) -> Callable[[bytes], bool]:
    return lambda start: start.startswith(magic)


_GZIP = _Members(
    (b"\x1f\x8b",), 1 << 15, partial(isal_zlib.decompressobj, 31),
    padding=b"\0",  # common on tapes and block devices, and harmless
)  # fmt: skip
_ZSTD = _Members(
    # a stream may begin with a skippable frame (RFC 8878, 3.1.2)
    (b"\x28\xb5\x2f\xfd", *(bytes((low, 0x2A, 0x4D, 0x18)) for low in range(0x50, 0x60))),
    1 << 11,
    lambda: zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj(),
)
# Those without magic bytes come last.
PACKINGS = (
    Packing("gzip", _with(*_GZIP.magic), _GZIP.pieces),
    Packing("zstd", _with(*_ZSTD.magic), _ZSTD.pieces),
    Packing("snappy", _with(snappy.FRAMED_MAGIC), snappy.unpack_framed),
    Packing("snappy-java", _with(snappy.JAVA_MAGIC), snappy.unpack_java),
    Packing("snappy-hadoop", snappy.is_hadoop, snappy.unpack_hadoop),
    Packing("raw snappy", snappy.is_block, snappy.unpack_block),
)
