"""What a file is packed in, by its first bytes, and its content in pieces of bounded size."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

import zstandard
from isal import igzip_lib

from flowstitch.ingest import snappy
from flowstitch.ingest.damage import Broken, Damage, Followed, Torn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

START_BYTES = 1 << 12
# Most that is unpacked at a time where a form can say so: what a reader has room for.
_PIECE_BYTES = 1 << 20


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


_Member = TypeVar("_Member", bound=_Decoder)


class _Members(NamedTuple, Generic[_Member]):
    """A form whose files are members, one behind the other, each with an end.

    ``chunk_bytes`` are read at a time, from which ``decode`` makes pieces, as many as it takes. ``padding`` may stand behind
    a member.
    """

    magic: tuple[bytes, ...]
    chunk_bytes: int
    decoder: Callable[[], _Member]
    decode: Callable[[_Member, bytes], Iterator[bytes]]
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
                    yield from self.decode(decoder, chunk)
                except (igzip_lib.IsalError, zstandard.ZstdError) as error:  # type: ignore[misc]  # a wrong stub
                    raise Broken(str(error)) from error
                chunk = decoder.unused_data if decoder.eof else b""
        if not decoder.eof:
            raise Torn


def _with(*magic: bytes) -> Callable[[bytes], bool]:
    return lambda start: start.startswith(magic)


def _inflate(decoder: igzip_lib.IgzipDecompressor, chunk: bytes) -> Iterator[bytes]:
    yield decoder.decompress(chunk, _PIECE_BYTES)
    while not decoder.eof and not decoder.needs_input:
        yield decoder.decompress(b"", _PIECE_BYTES)


def _decompress(decoder: zstandard.ZstdDecompressionObj, chunk: bytes) -> Iterator[bytes]:
    yield decoder.decompress(chunk)


_GZIP = _Members(
    (b"\x1f\x8b",), 1 << 17, partial(igzip_lib.IgzipDecompressor, igzip_lib.DECOMP_GZIP), _inflate,
    padding=b"\0",  # common on tapes and block devices, and harmless
)  # fmt: skip
_ZSTD = _Members(
    # a stream may begin with a skippable frame (RFC 8878, 3.1.2)
    (b"\x28\xb5\x2f\xfd", *(bytes((low, 0x2A, 0x4D, 0x18)) for low in range(0x50, 0x60))),
    1 << 11,  # which bounds a piece: a block of 4 bytes unpacks to 128 KiB at most
    lambda: zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj(),
    _decompress,
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
