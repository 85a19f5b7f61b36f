"""Logs as JSON lines, to canonical columns."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from flowstitch.ingest.blocks import join_blocks
from flowstitch.ingest.content import read_blocks
from flowstitch.ingest.dialects import dialect_of
from flowstitch.ingest.jsoncolumns import Plan
from flowstitch.ingest.lines import BLANK, TORN_LINE, Line, split_lines
from flowstitch.normalize.columns import take_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowstitch.arrays import Columns, Ints
    from flowstitch.ingest.blocks import Block
    from flowstitch.ingest.model import Account, Source
    from flowstitch.normalize.columns import Pools

NOT_JSON = "not JSON"
NOT_AN_OBJECT = "not an object"
_LOOKED_AT = 64  # lines of a block whose keys are looked at for another spelling
_BATCH_BYTES = 1 << 24  # text that is parsed at once
_PIECE = 2048  # lines that are tried together when a batch does not parse
_FEW = 64  # lines that are looked at one by one when they do not parse together


def read_json_lines(source: Source, pools: Pools, account: Account) -> Iterator[Columns]:
    """Rows of a flow log or access log.

    Parameters
    ----------
    source : a file of a kind that has a dialect of form ``json-lines``.
    pools : addresses, words, texts and the source are interned here.
    account : gets the rows parsed, skipped and rejected, and a warning when the log says that it lost rows.

    Returns
    -------
    Columns of the dialect's table, a block at a time, in the order of the file. NODATA and SKIPDATA rows of flow
    logs have a null tuple. ``window_end`` stays as logged, a whole second that belongs to the window.
    """
    plan = Plan(dialect_of(source, "json-lines"))
    source_code = pools.names.code(source.name)
    lost = 0
    for block in _batches(read_blocks(source.path, account)):
        columns = _read_block(block, plan, pools, account)
        rows = columns["line"].shape[0]
        columns["source"] = np.full(rows, source_code, np.uint32)
        account.parsed += rows
        lost += plan.count_lost(columns)
        if rows:
            yield columns
    if lost:
        account.incomplete = True
        account.warnings.append(f"rows of log status SKIPDATA: {lost}; flows of their windows are missing.")


def _batches(blocks: Iterable[Block]) -> Iterator[Block]:
    """Blocks put together while they follow each other and are small."""
    batch: list[Block] = []
    size = 0
    for block in blocks:
        if batch and (size >= _BATCH_BYTES or block.byte_offset != batch[0].byte_offset + size):
            yield join_blocks(batch)
            batch, size = [], 0
        batch.append(block)
        size += len(block)
    if batch:
        yield join_blocks(batch)


def _read_block(block: Block, plan: Plan, pools: Pools, account: Account) -> Columns:
    """Rows of a block; blank lines, bad lines and rows with values that do not fit go to the account."""
    if block.first_line == 1:
        plan.learn(_keys(block.data.split(b"\n", _LOOKED_AT)[:_LOOKED_AT]))
    frame, lines = _parse_block(block, plan, account)
    columns, fault, missing = plan.convert(frame, pools)
    if not fault.any():
        columns["line"] = _line_numbers(block, lines, frame.height)
        return columns
    lines = lines or list(split_lines(block))
    if plan.learn(_keys(lines[row].text for row in np.flatnonzero(missing))):
        columns, fault, _ = plan.convert(plan.parse(_joined(lines)), pools)
    for row in np.flatnonzero(fault):
        key = plan.columns[fault[row] - 1].key
        account.reject(lines[row].number, lines[row].byte_offset, f"bad value: {key}", lines[row].text)
    columns["line"] = _line_numbers(block, lines, frame.height)
    return take_columns(columns, fault == 0)


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
        reason = TORN_LINE if piece[0] is torn else _why_no_object(piece[0]) or NOT_JSON
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
        value = json.loads(line.text.decode("utf-8"), parse_int=str)
    except RecursionError:
        return ""
    except ValueError:
        return NOT_JSON
    return "" if isinstance(value, dict) else NOT_AN_OBJECT


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


def _line_numbers(block: Block, lines: Sequence[Line] | None, rows: int) -> Ints:
    if lines is None:
        return np.arange(block.first_line, block.first_line + rows, dtype=np.int64)
    return np.fromiter((line.number for line in lines), np.int64, len(lines))
