"""Records in wrappers to blocks of lines, which the forms of logs read like those of any file."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from flowstitch.arrays import PADDING
from flowstitch.ingest.blocks import LONG_LINE, MAX_LINE_BYTES, Block, PickedLines
from flowstitch.ingest.content import read_blocks, read_head
from flowstitch.ingest.delimited import HEADER
from flowstitch.ingest.documents import TORN, TORN_DOCUMENT, json_values, read_json
from flowstitch.ingest.jsonlines import NOT_JSON
from flowstitch.ingest.layouts import split_values
from flowstitch.ingest.lines import BLANK, TORN_LINE, split_lines
from flowstitch.ingest.model import Account
from flowstitch.ingest.records import Bad, records_of
from flowstitch.ingest.wrappers import COLUMN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowstitch.arrays import Ints
    from flowstitch.ingest.places import Place
    from flowstitch.ingest.wrappers import Wrapper

_BLOCK_BYTES = 1 << 20
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)


@dataclass(frozen=True)
class Records(PickedLines):
    """Lines that were records; each has the number of its record and the offset of the value that it was in."""

    def head(self, limit: int = _BLOCK_BYTES) -> Block:
        """The first lines, as many as fit, at least one."""
        head = super().head(limit)
        return replace(
            self,
            end=head.end,
            terminated=head.terminated,
            lines=head.lines,
            line_numbers=self.line_numbers[: head.lines],
            line_offsets=self.line_offsets[: head.lines],
        )

    def pick(self, lines: Ints, begins: Ints, ends: Ints) -> PickedLines:
        """Some of the lines; ``Block.pick``."""
        return replace(
            super().pick(lines, begins, ends),
            line_numbers=self.line_numbers[lines],
            line_offsets=self.line_offsets[lines],
        )


def read_records(path: Place, wrapper: Wrapper, account: Account) -> Iterator[Block]:
    """Blocks of the records of a file, each record a line.

    Parameters
    ----------
    wrapper : what they are wrapped in.
    account : gets what is no record and what cannot be read. A file of JSON that is not lines of whole values is one
        document, of which memory must hold all: a larger one is rejected.

    Returns
    -------
    Blocks in order. Lines have the numbers of their records, from 1, where the wrapper is of JSON; of lines of text they
    keep their own.
    """
    if not wrapper.is_json:
        return _read_text(path, wrapper, account)
    if is_document(read_head(path, MAX_LINE_BYTES)):
        return _read_document(path, wrapper, account)
    return _read_lines(path, wrapper, account)


def is_document(head: bytes) -> bool:
    """Whether a file of JSON that begins so has values of several lines, or lines that are longer than the head."""
    *lines, _ = head.split(b"\n")
    first = next((line for line in lines if line.startswith((b"{", b"["))), b"{")
    return any(value is TORN for _, value in _values(first))


def _values(data: bytes) -> Iterator[tuple[int, Any]]:
    # what is no UTF-8 costs the record that it is in
    return json_values(data.decode("utf-8", "surrogateescape"), _DECODER)


def _read_document(path: Place, wrapper: Wrapper, account: Account) -> Iterator[Block]:
    document = read_json(path, account)
    if document is None:
        return
    gathered = _Gathered(account)
    for offset, value in _values(document):
        if value is TORN:
            account.incomplete = True
            gathered.reject(offset, TORN_DOCUMENT, document[offset : offset + MAX_LINE_BYTES])
        else:
            yield from gathered.take(offset, value, wrapper)
    yield from gathered.finish()


def _read_lines(path: Place, wrapper: Wrapper, account: Account) -> Iterator[Block]:
    gathered, told = _Gathered(account), Account(whole_bytes=account.whole_bytes)
    for block in read_blocks(path, told):
        gathered.renumber(told)
        for line in split_lines(block):
            if not line.text:
                gathered.skip(BLANK)
            for offset, value in _values(line.text):
                if value is TORN:
                    torn = line.number == block.torn_line
                    account.incomplete |= torn
                    gathered.reject(
                        line.byte_offset + offset, TORN_LINE if torn else NOT_JSON, line.text[offset:]
                    )
                else:
                    yield from gathered.take(line.byte_offset + offset, value, wrapper)
    gathered.renumber(told)
    yield from gathered.finish()


def _read_text(path: Place, wrapper: Wrapper, account: Account) -> Iterator[Block]:
    place: int | None = None
    for block in read_blocks(path, account):
        lines, numbers, offsets = [], [], []
        for number, offset, raw in block.split():
            header = wrapper.place_in(raw) if wrapper.records == COLUMN else None
            if header is not None:
                place = header
                account.skipped[HEADER] += 1
                continue
            lines.append(_column(raw, place) if wrapper.records == COLUMN else wrapper.without_stamp(raw))
            numbers.append(number)
            offsets.append(offset)
        if lines:
            # the last line can be a header
            yield _block(lines, numbers, offsets, terminated=block.terminated or numbers[-1] < number)


def _column(raw: bytes, place: int | None) -> bytes:
    """Value of a line in a column; the line itself where it has none."""
    values = split_values(raw.strip(b"\r").decode("utf-8", "surrogateescape"), ",")
    return raw if place is None or place >= len(values) else values[place].encode("utf-8", "surrogateescape")


class _Gathered:
    """Records on their way into blocks, numbered; what is none is accounted for under a number of its own."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._number = 0
        self._size = 0
        self._lines: list[bytes] = []
        self._numbers: list[int] = []
        self._offsets: list[int] = []

    def take(self, offset: int, value: object, wrapper: Wrapper) -> Iterator[Block]:
        """Records of a value; a block when there are enough."""
        for record in records_of(value, wrapper):
            if isinstance(record, bytes) and len(record) <= MAX_LINE_BYTES:
                self._number += 1
                self._size += len(record) + 1
                self._lines.append(record)
                self._numbers.append(self._number)
                self._offsets.append(offset)
                if self._size >= _BLOCK_BYTES:
                    yield from self.finish()
            elif isinstance(record, bytes):
                self.reject(offset, LONG_LINE, record)
            elif isinstance(record, Bad):
                self.reject(offset, record.reason, record.raw)
            else:
                self.skip(record.reason)

    def skip(self, reason: str) -> None:
        self._number += 1
        self._account.skipped[reason] += 1

    def reject(self, offset: int, reason: str, raw: bytes) -> None:
        self._number += 1
        self._account.reject(self._number, offset, reason, raw)

    def renumber(self, told: Account) -> None:
        """Take over what the reader of lines has told, its rejects under numbers of records."""
        part = told.hand_over()
        for reject in part.rejects:
            self.reject(reject.byte_offset, reject.reason, reject.raw)
        self._account.incomplete |= part.incomplete
        self._account.warnings += part.warnings

    def finish(self) -> Iterator[Block]:
        """What has been gathered."""
        if self._lines:
            yield _block(self._lines, self._numbers, self._offsets, terminated=True)
        self._lines, self._numbers, self._offsets, self._size = [], [], [], 0


def _block(lines: list[bytes], numbers: list[int], offsets: list[int], *, terminated: bool) -> Block:
    # of nothing nothing is cut off
    terminated = terminated or not lines[-1]
    text = b"\n".join(lines) + b"\n" * terminated
    buffer = np.frombuffer(text + bytes(PADDING), np.uint8)
    first = numbers[0]
    return Records(
        buffer, 0, len(text), offsets[0], first, terminated, len(lines),
        np.array(numbers, np.int64), np.array(offsets, np.int64),
    )  # fmt: skip
