"""Lines that are JSON objects: texts by their keys."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any

import polars as pl

from flowstitch.ingest.forms import Form
from flowstitch.ingest.lines import BLANK, TORN_LINE, Line, split_lines
from flowstitch.ingest.logcolumns import Plan
from flowstitch.ingest.templaterows import Templates
from flowstitch.ingest.templates import json_template

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowstitch.arrays import Ints
    from flowstitch.ingest.blocks import Block
    from flowstitch.ingest.layouts import Layout
    from flowstitch.ingest.model import Account, Source
    from flowstitch.ingest.templates import Template

NOT_JSON = "not JSON"
NOT_AN_OBJECT = "not an object"
# What Polars does not take of what is JSON: integers of more than 128 bits, numbers that no double holds, half characters, deep nesting.
UNREADABLE = "JSON with a value that cannot be read"
_LOOKED_AT = 64  # lines of a block whose keys are looked at for another spelling
_HEAD_BYTES = 1 << 20  # and of its first bytes
_PIECE = 2048  # lines that are tried together when a batch does not parse
_FEW = 64  # lines that are looked at one by one when they do not parse together


class JsonLines(Form):
    """Form of logs with a dialect of form ``json-lines``; the keys of each row say what its values are.

    Parameters
    ----------
    dialect : a parsed file of ``schemas/dialects``.
    """

    def __init__(self, dialect: dict[str, Any], _: Source) -> None:
        self.plan = Plan(dialect)
        self.layout = None
        self.templates = Templates(self.plan, self._template_of, self._is_row)

    def begin(self, block: Block, layout: Layout | None) -> Layout | None:
        """Learn the spellings of the source's first lines; there is no layout; ``Form.begin``."""
        if block.first_line == 1:
            self.plan.learn(_keys(block.head(_HEAD_BYTES).data.split(b"\n", _LOOKED_AT)[:_LOOKED_AT]))
        return layout

    def parse(
        self, block: Block, layout: Layout | None, account: Account
    ) -> tuple[pl.DataFrame, list[Line] | None, Layout | None]:
        """Texts of the block's rows, their lines, and no layout; ``Form.parse``."""
        return *_parse_block(block, self.plan, account), layout

    def parse_again(self, lines: Sequence[Line], missing: Ints) -> pl.DataFrame | None:
        """Texts of rows, when those without what they need spell its key otherwise; ``Form.parse_again``."""
        if self.plan.learn(_keys(lines[row].text for row in missing)):
            return self.plan.parse(_joined(lines))
        return None

    def _template_of(self, line: bytes, _: Layout | None) -> Template | None:
        return json_template(line, self.plan)

    def _is_row(self, line: bytes) -> bool:
        try:
            return self.plan.texts(line).height == 1
        except pl.exceptions.PolarsError:
            return False


def _parse_block(block: Block, plan: Plan, account: Account) -> tuple[pl.DataFrame, list[Line] | None]:
    """Texts of the block's rows and their lines; None for the lines when every line is a row."""
    try:
        frame = plan.parse(block.data)
    except pl.exceptions.PolarsError:
        frame = None
    if frame is not None and frame.height == block.lines:
        return frame, None
    lines = list(split_lines(block))
    filled = [line for line in lines if line.text]
    if len(filled) < len(lines):
        account.skipped[BLANK] += len(lines) - len(filled)
    if frame is not None and frame.height == len(filled):
        return frame, filled
    torn = None if block.terminated else lines[-1]
    good: list[Line] = []
    frames = [plan.parse(b"")]
    braced = [line for line in filled if _is_braced(line)]
    pieces = [([line], None) for line in filled if not _is_braced(line)]
    for piece, parsed in chain(pieces, _parse_pieces(braced, plan)):
        if parsed is not None:
            good += piece
            frames.append(parsed)
            continue
        account.incomplete |= piece[0] is torn
        reason = TORN_LINE if piece[0] is torn else _why_no_object(piece[0]) or UNREADABLE
        account.reject(piece[0].number, piece[0].byte_offset, reason, piece[0].text)
    return pl.concat(frames), good


def _parse_pieces(lines: list[Line], plan: Plan) -> Iterator[tuple[list[Line], pl.DataFrame | None]]:
    """Lines that parse together with their texts, and each line that does not with None.

    The parser alone decides, so that a line's fate does not hang on its neighbours. It tells neither how many
    lines are bad nor which: halving finds a few among many, looking at each line finds many among few.
    """
    frame = _parse_lines(lines, plan)
    if frame is not None or len(lines) <= 1:
        yield lines, frame
        return
    bad = {line.number for line in lines if _why_no_object(line)} if len(lines) <= _FEW else set()
    if bad:
        yield from (([line], None) for line in lines if line.number in bad)
        parts = [[line for line in lines if line.number not in bad]]
    else:
        size = min(_PIECE, -(-len(lines) // 2))
        parts = [lines[start : start + size] for start in range(0, len(lines), size)]
    for part in parts:
        if part:
            yield from _parse_pieces(part, plan)


def _is_braced(line: Line) -> bool:
    """Whether a line can be an object at all; torn ones mostly cannot, and this is quick to see."""
    return line.text.startswith(b"{") and line.text.endswith(b"}")


def _parse_lines(lines: Sequence[Line], plan: Plan) -> pl.DataFrame | None:
    try:
        frame = plan.parse(_joined(lines))
    except pl.exceptions.PolarsError:
        return None
    return frame if frame.height == len(lines) else None


def _why_no_object(line: Line) -> str:
    """Why a line is surely no JSON object; '' when it seems to be one."""
    try:
        value = json.loads(line.text.decode("utf-8"), parse_int=str, parse_constant=_refuse)
    except RecursionError:
        return ""
    except ValueError:
        return NOT_JSON
    return "" if isinstance(value, dict) else NOT_AN_OBJECT


def _refuse(constant: str) -> None:
    """NaN and Infinity are not of JSON (RFC 8259, 6)."""
    raise ValueError(constant)


def _keys(texts: Iterable[bytes]) -> Iterator[str]:
    """Keys of the lines that are JSON objects."""
    for text in texts:
        try:
            value = json.loads(text, parse_int=str)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield from value


def _joined(lines: Sequence[Line]) -> bytes:
    return b"\n".join(line.text for line in lines)
