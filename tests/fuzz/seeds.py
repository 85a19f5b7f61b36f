"""What each target starts from: golden folders and the heads of captured files, in small pieces."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cramjam
import zstandard

from inventory_reading import EXPORT

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 2048
# Of a file of lines, and most pieces of one file.
_PIECE_BYTES, _MOST_PIECES = 1600, 12
_DIALECTS = Path(__file__).parents[1] / "dialects"
# By target its golden folders and captured files.
_PATTERNS = {
    "conntrack-text": ["conntrack-[!s]*/in.*[tg]", "nodes/*/conntrack-*"],
    "conntrack-xml": ["conntrack-*/in.*xml"],
    "conntrack-save": ["conntrack-save*/in.*"],
    "flow-json": ["*vpc-flow*/in.jsonl", "vpc-flow/*"],
    "flow-delimited": ["*vpc-flow*/in.csv", "*vpc-flow*/in.txt", "*vpc-flow*/in.log"],
    "flow-wrapped": ["*-cloudwatch-*/in.*", "*-insights-*/in.*", "gcp-*/in.*", "azure-*/in.*"],
    "access-log": ["alibaba-*-access*/in.*", "slb/*"],
    "access-quoted": ["aws-*lb-*/in.*"],
    "kubernetes": ["kubernetes*/in.*", "inventory/[enps]*s.json"],
    "enis": ["*-eni*/in.*", "inventory/describe_network_interfaces.json"],
    "ip-json": ["ip-*/in.*", "nodes/*/ip-*.json"],
    "ipvs": ["ipvs-*/in.*", "nodes/*/ipvs*"],
    "sysctl": ["sysctl*/in.*", "nodes/*/sysctl.txt"],
    "terway-mapping": ["terway-*/in.*"],
}


def seeds(target: str) -> list[bytes]:
    """Inputs of at most ``MOST_BYTES``."""
    if target == "sniff":
        return [seed[:512] for name in _PATTERNS for seed in seeds(name)]
    if target == "content":
        return list(_packed())
    found = {piece for path in _paths(target) for piece in _pieces(_content(path))}
    return sorted(found, key=lambda piece: (len(piece), piece))


def _paths(target: str) -> list[Path]:
    patterns = _PATTERNS[target]
    return sorted(path for folder in (_DIALECTS, EXPORT) for name in patterns for path in folder.glob(name))


def _content(path: Path) -> bytes:
    raw = path.read_bytes()
    return gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw


def _pieces(content: bytes) -> Iterator[bytes]:
    """Parts of a document with one item each, or a few lines together."""
    try:
        document = json.loads(content)
    except ValueError:
        pieces = _runs(content.splitlines(keepends=True))
    else:
        pieces = (json.dumps(part, separators=(",", ":")).encode() for part in _cut(document))
    yield from (piece[:MOST_BYTES] for piece in itertools.islice(pieces, _MOST_PIECES))


def _runs(lines: list[bytes]) -> Iterator[bytes]:
    run = b""
    for line in lines:
        if run and len(run) + len(line) > _PIECE_BYTES:
            yield run
            run = b""
        run += line
    yield run


def _cut(document: Any) -> Iterator[Any]:
    """The document with one of the items of its longest list."""
    if isinstance(document, list):
        yield from ([item] for item in document)
        return
    key = max(
        document,
        key=lambda key: len(json.dumps(document[key])) if isinstance(document[key], dict | list) else 0,
    )
    yield from ({**document, key: item} for item in _cut(document[key]))


def _packed() -> Iterator[bytes]:
    text = b"line 1\nline 2\r\n\n" + b"x" * 100 + b"\n" + bytes(range(200)) + b"last"
    for pack in (gzip.compress, zstandard.compress, cramjam.snappy.compress, cramjam.snappy.compress_raw):
        yield bytes(pack(text))
        yield bytes(pack(text)) + bytes(pack(b"")) + bytes(pack(text))
        yield bytes(pack(b"\xef\xbb\xbf" + text)) + bytes(9)
        yield bytes(pack(bytes(1 << 16)))
    block = bytes(cramjam.snappy.compress_raw(text))
    sized = len(block).to_bytes(4, "big") + block
    yield b"\x82SNAPPY\0" + bytes((0, 0, 0, 1, 0, 0, 0, 1)) + sized * 2
    yield (2 * len(text)).to_bytes(4, "big") + sized * 2
    yield b"\x50\x2a\x4d\x18\x03\0\0\0any" + zstandard.compress(text)
    yield b"\xef\xbb\xbf" + text
    yield text
