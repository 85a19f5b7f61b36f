"""Content in every packing that is read, written by others than the code that reads it where there is somebody else."""

from __future__ import annotations

import gzip

import cramjam
import zstandard

HALF = 4000


def raw_snappy(content: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(content))


def framed_snappy(content: bytes) -> bytes:
    return bytes(cramjam.snappy.compress(content))


def java_snappy(content: bytes, block: int = 1000) -> bytes:
    """A stream as snappy-java's SnappyOutputStream writes it: magic, version, oldest compatible version, sized blocks."""
    header = b"\x82SNAPPY\x00" + (1).to_bytes(4, "big") * 2
    return header + b"".join(map(sized, cut(content, block)))


def hadoop_snappy(content: bytes, group: int = 3000, block: int = 1000) -> bytes:
    """A stream as Hadoop's BlockCompressorStream writes it: size of a group of blocks, then sized blocks."""
    return b"".join(
        len(part).to_bytes(4, "big") + b"".join(map(sized, cut(part, block))) for part in cut(content, group)
    )


def sized(content: bytes) -> bytes:
    block = raw_snappy(content)
    return len(block).to_bytes(4, "big") + block


def cut(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


def packings(content: bytes) -> dict[str, bytes]:
    """Packed content by the name of the packing, and of something special about it."""
    skippable, padding = b"\x50\x2a\x4d\x18\x03\0\0\0any", b"\xfe\x03\0\0any"
    first, second = content[:HALF], content[HALF:]
    return {
        "plain": content,
        "gzip": gzip.compress(content),
        "gzip members": gzip.compress(first) + gzip.compress(b"") + gzip.compress(second),
        "gzip padded": gzip.compress(content) + bytes(512),
        "zstd": zstandard.compress(content),
        "zstd frames": skippable + zstandard.compress(first) + zstandard.compress(second),
        "snappy": framed_snappy(content),
        "snappy streams": framed_snappy(first) + padding + framed_snappy(second),
        "snappy-java": java_snappy(content),
        "snappy-java streams": java_snappy(first) + java_snappy(second),
        "snappy-hadoop": hadoop_snappy(content),
        "raw snappy": raw_snappy(content),
    }
