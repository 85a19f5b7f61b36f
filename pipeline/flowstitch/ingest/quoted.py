"""Lines of values with blanks between them, some in quotes: a value's place says what it is, and later versions have more."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa

from flowstitch.ingest.blocks import BOM
from flowstitch.ingest.forms import Form
from flowstitch.ingest.layouts import Layout
from flowstitch.ingest.lines import BLANK, NOT_UTF8, TORN_LINE, split_lines
from flowstitch.ingest.logcolumns import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flowstitch.arrays import Flags
    from flowstitch.ingest.blocks import Block
    from flowstitch.ingest.lines import Line
    from flowstitch.ingest.model import Account, Source

CONTROL_LINE = "control line"
UNPAIRED = "quotes do not pair"
TOO_FEW = "too few columns"
# A quote within quotes has a backslash before it. One search takes linear time, but the next one for a value would begin at every
# quote that does not pair: values are looked for only in lines that are values throughout.
_VALUE = r'(?:"(?:[^"\\]|\\.)*"|[^ \t"]+)'
_BARE = r"[^ \t]+"
_REPLACEMENT = "\ufffd"


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
        self._quotes: bool = dialect.get("quotes", True)
        self._value = _VALUE if self._quotes else _BARE
        self._line = rf"^{self._value}(?:[ \t]+{self._value})*$"
        self._control = f"^(?:{dialect['control']})"
        self.layout: Layout | None = Layout(" ", tuple(self._names))
        # of what a client says bytes may be replaced: it is cut too
        self._exact = [
            place
            for place, name in enumerate(self._names)
            if any(name in column.keys and not column.cut for column in self.plan.columns)
        ]

    def parse(
        self, block: Block, layout: Layout | None, account: Account
    ) -> tuple[pl.DataFrame, list[Line] | None, Layout | None]:
        """Texts of the block's rows, their lines, and the layout, which stays; ``Form.parse``."""
        texts, damaged = _texts_of(block)
        blank, control = texts == "", texts.str.contains(self._control)
        whole = texts.str.contains(self._line)
        values = texts.set(~whole, None).str.extract_all(self._value)
        skipped: Flags = (blank | control).to_numpy()
        why = self._why_no_rows(values, damaged)
        why[skipped] = ""
        if not block.terminated and not skipped[-1] and (why[-1] or self._may_be_cut(values[-1])):
            why[-1] = TORN_LINE
            account.incomplete = True
        account.skipped += Counter({BLANK: blank.sum(), CONTROL_LINE: (control & ~blank).sum()})
        rejected = why != ""
        kept = ~(skipped | rejected)
        lines = None
        if not kept.all():
            every = list(split_lines(block))
            lines = [every[place] for place in np.flatnonzero(kept).tolist()]
            for place in np.flatnonzero(rejected).tolist():
                line = every[place]
                account.reject(line.number, line.byte_offset, str(why[place]), line.text)
        frame = self._frame(values.filter(pl.Series(kept)))
        if not block.terminated and kept[-1]:
            frame = self._without_open_end(frame, values[-1])
        return self.plan.choose(frame), lines, layout

    def _why_no_rows(self, values: pl.Series, damaged: Sequence[int]) -> NDArray[np.object_]:
        """Why each line is no row by its values, '' where it is one, shape (lines,)."""
        widths = values.list.len()
        unpaired, few = (
            mask.fill_null(value=False).to_numpy() for mask in (widths.is_null(), widths < self._widths[0])
        )
        why = np.select([unpaired, few], [UNPAIRED, TOO_FEW], "").astype(np.object_)
        for place in damaged:
            found = values[place]
            if not why[place] and any(_REPLACEMENT in found[at] for at in self._exact if at < len(found)):
                why[place] = NOT_UTF8
        return why

    def _frame(self, rows: pl.Series) -> pl.DataFrame:
        """A column for each name that says anything, without quotes."""
        columns = {
            name: rows.list.get(place, null_on_oob=True)
            for place, name in enumerate(self._names)
            if self.plan.knows(name)
        }
        if self._quotes:
            columns = {name: _unquoted(column) for name, column in columns.items()}
        return pl.DataFrame(columns)

    def _may_be_cut(self, values: Sequence[str]) -> bool:
        """Whether a line without its end, whole as it looks, may lack columns of its version or the end of one that is not the last."""
        width = len(values)
        return width < self._widths[-1] and (width not in self._widths or self._is_open(values))

    def _is_open(self, values: Sequence[str]) -> bool:
        """Whether the end of the last value, which says something, may be missing."""
        width = len(values)
        closed = self._quotes and values[-1][0] == '"'
        return width <= len(self._names) and not closed and self.plan.knows(self._names[width - 1])

    def _without_open_end(self, frame: pl.DataFrame, values: Sequence[str]) -> pl.DataFrame:
        """Texts of rows whose last one is of a line without its end: what it ends with is null where that may be cut."""
        if not self._is_open(values):
            return frame
        name = self._names[len(values) - 1]
        return frame.with_columns(frame[name].head(-1).extend_constant(None, 1))


def _unquoted(column: pl.Series) -> pl.Series:
    """Values without the quotes around them; most columns have none."""
    if not column.str.starts_with('"').any():
        return column
    return column.str.strip_prefix('"').str.strip_suffix('"')


def _texts_of(block: Block) -> tuple[pl.Series, list[int]]:
    """Every line of a block as a text without white space around it, and the places of those that are not UTF-8.

    Bytes that are none are replaced (U+FFFD).
    """
    data, damaged = block.data, []
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        lines = data.split(b"\n")
        texts = [line.decode("utf-8", "replace") for line in lines]
        damaged = [place for place, line in enumerate(lines) if texts[place].encode() != line]
        data = "\n".join(texts).encode()
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1
    offsets = np.concatenate([[0], ends, [] if block.terminated else [len(data)]]).astype(np.int64)
    # as they stand, without an object for each
    every = pa.LargeStringArray.from_buffers(block.lines, pa.py_buffer(offsets), pa.py_buffer(data))
    series = pl.Series(every)
    if BOM in data:
        series = series.str.strip_prefix(BOM.decode("utf-8"))
    return series.str.strip_chars(" \t\r\n"), damaged
