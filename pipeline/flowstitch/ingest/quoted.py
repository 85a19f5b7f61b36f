"""Lines of values with blanks between them, some in quotes: a value's place says what it is, and later versions have more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl

from flowstitch.ingest.forms import Form
from flowstitch.ingest.layouts import Layout
from flowstitch.ingest.lines import BLANK, NOT_UTF8, TORN_LINE, split_lines
from flowstitch.ingest.logcolumns import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowstitch.ingest.blocks import Block
    from flowstitch.ingest.lines import Line
    from flowstitch.ingest.model import Account, Source

CONTROL_LINE = "control line"
UNPAIRED = "quotes do not pair"
TOO_FEW = "too few columns"
# A quote within quotes has a backslash before it. One search takes linear time, but the next one for a value would begin at every
# quote that does not pair: values are looked for only in lines that are values throughout.
_VALUE = r'(?:"(?:[^"\\]|\\.)*"|[^ \t"]+)'
_LINE = rf"^{_VALUE}(?:[ \t]+{_VALUE})*$"


class Quoted(Form):
    """Form of logs with a dialect of form ``quoted``.

    Parameters
    ----------
    dialect : a parsed file of ``schemas/dialects``.
    """

    def __init__(self, dialect: dict[str, Any], _: Source) -> None:
        self.plan = Plan(dialect)
        self.templates = None
        self._names: list[str] = dialect["names"]
        self._widths: list[int] = dialect["widths"]
        self._control = re.compile(dialect["control"].encode())
        self.layout: Layout | None = Layout(" ", tuple(self._names))

    def parse(
        self, block: Block, layout: Layout | None, account: Account
    ) -> tuple[pl.DataFrame, list[Line], Layout | None]:
        """Texts of the block's rows, their lines, and the layout, which stays; ``Form.parse``."""
        lines = list(self._entries(block, account))
        texts = pl.Series([_text(line) for line in lines], dtype=pl.String)
        whole = texts.str.contains(_LINE).fill_null(value=False)
        values = texts.set(~whole, None).str.extract_all(_VALUE)
        why = [UNPAIRED if width is None else self._why_no_row(width) for width in values.list.len()]
        for place in texts.is_null().arg_true():
            why[place] = NOT_UTF8
        if lines and lines[-1].number == block.torn_line and (why[-1] or self._may_be_cut(values[-1])):
            why[-1] = TORN_LINE
            account.incomplete = True
        for line, reason in zip(lines, why, strict=True):
            if reason:
                account.reject(line.number, line.byte_offset, reason, line.text)
        rows = values.filter(pl.Series([not reason for reason in why], dtype=pl.Boolean))
        frame = pl.DataFrame(
            {
                name: rows.list.get(place, null_on_oob=True).str.strip_prefix('"').str.strip_suffix('"')
                for place, name in enumerate(self._names)
                if self.plan.knows(name)
            }
        )
        return (
            self.plan.choose(frame),
            [line for line, reason in zip(lines, why, strict=True) if not reason],
            layout,
        )

    def _entries(self, block: Block, account: Account) -> Iterator[Line]:
        """Lines that should be rows."""
        for line in split_lines(block):
            if not line.text:
                account.skipped[BLANK] += 1
            elif self._control.match(line.text):
                account.skipped[CONTROL_LINE] += 1
            else:
                yield line

    def _why_no_row(self, width: int) -> str:
        return "" if width >= self._widths[0] else TOO_FEW

    def _may_be_cut(self, values: Sequence[str]) -> bool:
        """Whether a line without its end, whole as it looks, may lack columns of its version or the end of the last one."""
        width = len(values)
        if width < self._widths[-1] and width not in self._widths:
            return True
        return width <= len(self._names) and values[-1][0] != '"' and self.plan.knows(self._names[width - 1])


def _text(line: Line) -> str | None:
    """The line as text; None when it is none."""
    try:
        return line.text.decode("utf-8")
    except UnicodeDecodeError:
        return None
