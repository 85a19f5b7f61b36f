"""The lines of a block, each with its place in the source."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flowstitch.ingest.blocks import BOM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowstitch.ingest.blocks import Block

BLANK = "blank"
TORN_LINE = "torn line"
NOT_UTF8 = "not UTF-8"


class Line(NamedTuple):
    """A line: its number from 1, its offset in the uncompressed source, its bytes without white space around them."""

    number: int
    byte_offset: int
    text: bytes


def split_lines(block: Block) -> Iterator[Line]:
    """Every line of a block, blank ones too; a byte order mark (of a file put behind another) is taken off."""
    for number, offset, raw in block.split():
        yield Line(number, offset, raw.removeprefix(BOM).strip(b" \t\r"))
