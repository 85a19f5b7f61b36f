"""Lines of values with a separator between them: texts in a header's order, or in one that is known beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from flowstitch.ingest.forms import Form
from flowstitch.ingest.layouts import Layout, find_header, split_values
from flowstitch.ingest.lines import BLANK, NOT_UTF8, TORN_LINE, split_lines
from flowstitch.ingest.logcolumns import Plan
from flowstitch.ingest.templaterows import Templates
from flowstitch.ingest.templates import delimited_template

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowstitch.ingest.blocks import Block
    from flowstitch.ingest.lines import Line
    from flowstitch.ingest.model import Account, Source
    from flowstitch.ingest.templates import Template

HEADER = "header"
NO_HEADER = "no header says what its columns are"
WRONG_COUNT = "wrong number of columns"
# Where a block's first line is looked for: behind more blank lines than that a header is one of the lines that ``holds`` judges.
_HEADER_BYTES = 1 << 11


class Delimited(Form):
    """Form of logs with a dialect of form ``delimited``.

    Parameters
    ----------
    dialect : a parsed file of ``schemas/dialects``.
    source : its ``columns``, or else the dialect's ``default_columns``, hold until a header says otherwise.
    """

    def __init__(self, dialect: dict[str, Any], source: Source) -> None:
        self.plan = Plan(dialect)
        self._dialect = dialect
        names = tuple(source.columns or dialect.get("default_columns", ()))
        self.layout = Layout(source.delimiter or dialect["separators"][0], names) if names else None
        self.templates = Templates(self.plan, self._template_of)

    def begin(self, block: Block, layout: Layout | None) -> Layout | None:
        """Layout of the block's first line that is not blank, when it is a header; ``Form.begin``."""
        first = next((line.text for line in split_lines(block.head(_HEADER_BYTES)) if line.text), b"")
        return find_header(self._dialect, first) or layout

    def holds(self, lines: Iterable[Line], layout: Layout | None) -> bool:
        """Whether no line is a header that gives another layout; ``Form.holds``."""
        return all(find_header(self._dialect, line.text) in {None, layout} for line in lines)

    def parse(
        self, block: Block, layout: Layout | None, account: Account
    ) -> tuple[pl.DataFrame, list[Line], Layout | None]:
        """Texts of the block's rows, their lines, and the layout behind it; ``Form.parse``."""
        frames: list[pl.DataFrame] = []
        lines: list[Line] = []
        rows: list[list[str]] = []
        torn = block.torn_line
        for line in split_lines(block):
            values = _values(line, layout)
            header = None if values is None else find_header(self._dialect, line.text)
            if header is not None:
                if rows and header != layout:
                    frames.append(self.plan.frame(layout, rows))
                    rows = []
                layout = header
                account.skipped[HEADER] += 1
                continue
            reason = self._why_no_row(line, values, layout, torn=line.number == torn)
            if reason == BLANK:
                account.skipped[BLANK] += 1
            elif reason:
                account.incomplete |= reason == TORN_LINE
                account.reject(line.number, line.byte_offset, reason, line.text)
            elif values is not None:
                lines.append(line)
                rows.append(values)
        if rows:
            frames.append(self.plan.frame(layout, rows))
        # of a header alone nothing is made
        return pl.concat(frames) if frames else pl.DataFrame(), lines, layout

    def _template_of(self, line: bytes, layout: Layout | None) -> Template | None:
        return None if layout is None else delimited_template(line, layout, self.plan)

    def _why_no_row(self, line: Line, values: list[str] | None, layout: Layout | None, *, torn: bool) -> str:
        if not line.text:
            return BLANK
        if values is None:
            return TORN_LINE if torn else NOT_UTF8
        if layout is None:
            return NO_HEADER
        # what looks whole may have lost digits
        if torn and (len(values) < len(layout.names) or self.plan.may_be_cut(layout.names[-1])):
            return TORN_LINE
        return "" if len(values) == len(layout.names) else WRONG_COUNT


def _values(line: Line, layout: Layout | None) -> list[str] | None:
    """Values of a line; None when it is no text."""
    try:
        text = line.text.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return split_values(text, " " if layout is None else layout.separator)
