"""Flow logs and access logs to canonical columns, whatever form their lines have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from flowstitch.ingest.content import read_blocks, read_head
from flowstitch.ingest.delimited import Delimited
from flowstitch.ingest.dialects import dialect_of, forms_of
from flowstitch.ingest.jsonlines import JsonLines
from flowstitch.ingest.judging import count_lost
from flowstitch.ingest.layouts import DELIMITED, QUOTED
from flowstitch.ingest.lines import TORN_LINE, split_lines
from flowstitch.ingest.model import Account
from flowstitch.ingest.parquetlogs import read_parquet_log
from flowstitch.ingest.quoted import Quoted
from flowstitch.ingest.sniff import is_parquet
from flowstitch.ingest.unwrapped import read_records
from flowstitch.ingest.workers import in_order
from flowstitch.ingest.wrappers import RECORDS, wrapper_of
from flowstitch.normalize.columns import null_columns, take_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor

    from flowstitch.arrays import Columns, Ints
    from flowstitch.ingest.blocks import Block
    from flowstitch.ingest.forms import Form
    from flowstitch.ingest.layouts import Layout
    from flowstitch.ingest.lessons import Lessons
    from flowstitch.ingest.lines import Line
    from flowstitch.ingest.model import Source
    from flowstitch.normalize.columns import Pools


FORMS: dict[str, type[JsonLines | Delimited | Quoted]] = {
    "json-lines": JsonLines,
    DELIMITED: Delimited,
    QUOTED: Quoted,
    RECORDS: JsonLines,
}


@dataclass(frozen=True)
class _Part:
    """Rows of a block and their account."""

    columns: Columns
    account: Account
    lost: int
    layout: Layout | None


def read_log(
    source: Source, pools: Pools, account: Account, workers: Executor | None = None, lessons: Lessons | None = None
) -> Iterator[Columns]:  # fmt: skip
    """Rows of a flow log or access log.

    Parameters
    ----------
    source : a file of a kind that has dialects of one of ``FORMS``.
    pools : addresses, words, texts and the source are interned here.
    account : gets the rows parsed, skipped and rejected, and warnings: that the log says that it lost rows, that columns
        are missing without which pods cannot be told apart.
    workers : threads that parse blocks; the rows do not depend on them.
    lessons : what logs read before with these pools have taught, by kind and dialect, to which this one adds; the rows do not depend on it.

    Returns
    -------
    Columns of the dialect's table, a block at a time, in the order of the file. NODATA and SKIPDATA rows of flow
    logs have a null tuple. ``window_end`` is a whole second, which belongs to the window.
    """
    if is_parquet(source.path):
        yield from read_parquet_log(source, pools, account)
        return
    dialect = dialect_of(source, FORMS)
    head = read_head(source.path)
    wrapper = wrapper_of(dialect, head)
    content = Account(whole_bytes=account.whole_bytes)
    if wrapper is None:
        form = _form_of(source, dialect, head)
        blocks = read_blocks(source.path, content)
    else:
        form = FORMS[wrapper.form](dialect, source)
        blocks = read_records(source.path, wrapper, content)
    if lessons is not None and form.templates is not None:
        form.templates.go_on(lessons[source.kind, source.dialect])
    lost = 0
    layouts: set[Layout] = set()
    work = partial(_read_block, form, pools, pools.names.code(source.name))
    for part in in_order(work, blocks, form.layout, workers):
        account.add(part.account)
        lost += part.lost
        if part.layout is not None:
            layouts.add(part.layout)
        if part.columns["line"].shape[0]:
            yield part.columns
    account.add(content)
    if lost:
        account.warn_incomplete(f"rows of log status SKIPDATA: {lost}; flows of their windows are missing.")
    account.warnings += form.plan.warnings(layouts)


def _form_of(source: Source, dialect: dict[str, Any], head: bytes) -> Form:
    is_json = b"{" in head and any(line.lstrip().startswith(b"{") for line in head.splitlines())
    name = "json-lines" if is_json else DELIMITED
    if name not in forms_of(dialect):
        name = next(form for form in forms_of(dialect) if form in FORMS)
    return FORMS[name](dialect, source)


def _read_block(
    form: Form, pools: Pools, source_code: int, block: Block, layout: Layout | None
) -> tuple[_Part, Layout | None]:
    account = Account()
    columns, layout = _columns_of(form, pools, block, layout, account)
    rows = columns["line"].shape[0]
    columns["source"] = np.full(rows, source_code, np.uint32)
    account.parsed += rows
    return _Part(columns, account, count_lost(columns), layout), layout


def _columns_of(
    form: Form, pools: Pools, block: Block, layout: Layout | None, account: Account
) -> tuple[Columns, Layout | None]:
    """Rows of a block: those of lines that fit a template, and what is made of the others."""
    known = form.begin(block, layout)
    spellings = form.plan.spellings
    fitting = None if form.templates is None else form.templates.read(block, known, pools)
    if fitting is None:
        return _judge(form, pools, block, layout, account)
    if not fitting.hard.shape[0]:
        return fitting.columns, layout
    others, of_others = fitting.pick(block), Account()
    rest, after = _judge(form, pools, others, layout, of_others)
    if form.plan.spellings != spellings or not form.holds(split_lines(others), known):
        # the others say that those that fitted mean something else
        return _judge(form, pools, block, layout, account)
    account.add(of_others)
    return fitting.fill(rest), after


def _judge(
    form: Form, pools: Pools, block: Block, layout: Layout | None, account: Account
) -> tuple[Columns, Layout | None]:
    """Rows of a block; blank lines, bad lines and rows with values that do not fit go to the account."""
    plan = form.plan
    frame, lines, layout = form.parse(block, layout, account)
    if frame.height == 0:
        # of a header alone, say
        return null_columns(plan.table, 0), layout
    columns, fault, missing = plan.convert(frame, pools)
    if not fault.any():
        columns["line"] = _line_numbers(block, lines)
        return columns, layout
    lines = lines or list(split_lines(block))
    again = form.parse_again(lines, np.flatnonzero(missing))
    if again is not None:
        columns, fault, _ = plan.convert(again, pools)
    for row in np.flatnonzero(fault).tolist():
        # an object shows where it ends, a line of values does not
        torn = layout is not None and lines[row].number == block.torn_line
        reason = TORN_LINE if torn else f"bad value: {plan.columns[fault[row] - 1].key}"
        account.incomplete |= torn
        account.reject(lines[row].number, lines[row].byte_offset, reason, lines[row].text)
    columns["line"] = _line_numbers(block, lines)
    return take_columns(columns, fault == 0), layout


def _line_numbers(block: Block, lines: Sequence[Line] | None) -> Ints:
    if lines is None:
        return block.numbers()
    return np.fromiter((line.number for line in lines), np.int64, len(lines))
