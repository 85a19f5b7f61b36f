"""Rows of lines that repeat templates: the fast way past what the readers of each form would say of the same lines."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from flowstitch.catalog.load import table
from flowstitch.ingest.judging import INTERFACE_ADDRESSES, judge
from flowstitch.ingest.lessons import Taught
from flowstitch.ingest.templates import ADDRESSES, Template, TemplateSet, goal_of
from flowstitch.kernels import template_text as tt
from flowstitch.kernels.address_text import parse_addresses
from flowstitch.kernels.intern import WORD_KEY
from flowstitch.kernels.lookup import look_up
from flowstitch.kernels.separated_text import make_separated, read_separated
from flowstitch.normalize.address import NULL_HALF, parse_address
from flowstitch.normalize.columns import STORAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns, Ints
    from flowstitch.ingest.blocks import Block, PickedLines
    from flowstitch.ingest.layouts import Layout
    from flowstitch.ingest.logcolumns import Plan, Spellings
    from flowstitch.normalize.columns import Pools

_MAX_TEMPLATES = 4
_MAX_LESSONS = 8  # times that a source is learnt from
_SAMPLE = 16  # lines that are looked at in each
_FEW = 16  # one hard line among so many is no reason to learn
_WORDS = 1 << 14  # distinct words of a block that are remembered at once
_FEW_WORDS = 1 << 8  # new words of a block that are remembered for those behind it
_MOST_WORDS = 1 << 16  # words that are remembered so
# The third part of a word's key.
_LENGTH, _GROUP = (1 << 32) - 1, np.uint64(32)
_HALF = (1 << 64) - 1
_SET_LATER = {"source", "line", INTERFACE_ADDRESSES}
# Where lines differ in more than their values, so much is read line by line before it is tried again column by column.
_UNEVEN_BYTES = 1 << 15


@dataclass(frozen=True)
class Fitting:
    """The lines of a block that fit templates.

    Attributes
    ----------
    columns : of the dialect, and ``line``, a row for each line of the block, those of hard lines to be filled in.
    hard : the other lines, from 0. begins, ends : where each begins in the block and where the next line does.
    """

    columns: Columns
    hard: Ints
    begins: Ints
    ends: Ints

    def pick(self, block: Block) -> PickedLines:
        """The hard lines, at least one, as a block of their own."""
        return block.pick(self.hard, self.begins, self.ends)

    def fill(self, rest: Columns) -> Columns:
        """Rows of all lines in order, with those of the hard lines that are rows."""
        keep = np.ones(self.columns["line"].shape[0], np.bool_)
        keep[self.hard] = False
        if self.hard.shape[0]:
            rows = np.searchsorted(self.columns["line"], rest["line"])
            keep[rows] = True
            for name, values in self.columns.items():
                values[rows] = rest[name]
        return self.columns if keep.all() else {name: values[keep] for name, values in self.columns.items()}


class Templates:
    """Templates learnt from a source so far, and from those before it. Several threads may read at once.

    What a line gives does not depend on what has been learnt: a line that fits no template, or has a value that the form's
    own reader must judge, is left to it.

    Parameters
    ----------
    plan : what the values mean.
    template_of : template of lines of a layout like the one given; None when there is none.
    is_row : whether that reader takes such a line for a row; asked of one line of a template, or until it is so.
    """

    def __init__(
        self,
        plan: Plan,
        template_of: Callable[[bytes, Layout | None], Template | None],
        is_row: Callable[[bytes], bool] = bool,
    ) -> None:
        self._plan = plan
        self._template_of = template_of
        self._is_row = is_row
        self._usable = all(column.is_plain for column in plan.columns)
        self._lock = Lock()
        self._lessons = _MAX_LESSONS
        self._none = TemplateSet((), plan)
        self._known: tuple[object, TemplateSet] = (None, self._none)
        self._taught = Taught()

    def go_on(self, taught: Taught) -> None:
        """Begin with what other sources of the dialect have taught, and add to it."""
        self._taught = taught

    def read(self, block: Block, layout: Layout | None, pools: Pools) -> Fitting | None:
        """Read the lines that fit; None when most do not, and whoever judges the others may as well read all.

        Parameters
        ----------
        layout : holds for all lines that may fit.
        pools : addresses and names are interned here.
        """
        while self._usable:
            key = (layout, self._plan.known_spellings)
            known = self._known
            templates = known[1] if known[0] == key else self._taught.sets.get(key, self._none)
            if not templates.templates and not self._lessons:
                return None
            reading = _Reading(block, templates, self._plan, pools, self._taught.told)
            fitting = reading.fitting()
            if fitting.hard.shape[0] * _FEW > block.lines and self._learn(
                known, key, block, reading, fitting
            ):
                continue
            return fitting if fitting.hard.shape[0] * 2 <= block.lines else None
        return None

    def _learn(
        self,
        known: tuple[object, TemplateSet],
        key: tuple[Layout | None, Spellings],
        block: Block,
        reading: _Reading,
        fitting: Fitting,
    ) -> bool:
        """Take up templates of hard lines; True when there are others now than the block was read with."""
        with self._lock:
            if self._known is not known:
                return self._known[0] == key
            if self._lessons == 0:
                return False
            self._lessons -= 1
            found = self._look_at(block, key[0], fitting)
            old = reading.templates.templates
            if not found.keys() - old:
                return False
            share = fitting.hard.shape[0] / found.total()
            lines = Counter(dict(zip(old, reading.fits(), strict=True)))
            lines.update({template: int(count * share) + 1 for template, count in found.items()})
            best = [template for template, _ in lines.most_common(_MAX_TEMPLATES)]
            self._taught.sets[key] = TemplateSet(best, self._plan)
            self._known = (key, self._taught.sets[key])
            return True

    def _look_at(self, block: Block, layout: Layout | None, fitting: Fitting) -> Counter[Template]:
        """Templates of some hard lines, taken evenly, and how many of the lines each has."""
        found: dict[Template, list[bytes]] = {}
        chosen = np.linspace(0, fitting.hard.shape[0] - 1, min(_SAMPLE, fitting.hard.shape[0])).astype(
            np.int64
        )
        for row in chosen.tolist():
            begin, end = block.begin + int(fitting.begins[row]), block.begin + int(fitting.ends[row])
            line = block.buffer[begin:end].tobytes().removesuffix(b"\n")
            template = self._template_of(line, layout)
            if template is not None:
                found.setdefault(template, []).append(line)
        return Counter(
            {template: len(lines) for template, lines in found.items() if any(map(self._is_row, lines))}
        )


class _Reading:
    """One pass over a block.

    Attributes
    ----------
    templates : what it is read with.
    """

    def __init__(
        self,
        block: Block,
        templates: TemplateSet,
        plan: Plan,
        pools: Pools,
        told: dict[tuple[int, bytes], tuple[int, bool]],
    ) -> None:
        self.templates = templates
        self._block, self._plan, self._pools = block, plan, pools
        # what words of earlier blocks stand for, and whether they do not fit
        self._told = told
        self._null_groups: set[int] = set()
        depth, lines = templates.depth, block.lines
        self._rows = tt.Rows(
            np.empty((depth["in_wide"], lines), np.int64),
            np.empty((depth["in_narrow"], lines), np.int32),
            np.empty((depth["in_codes"], lines), np.uint32),
            np.empty(lines + 1, np.int32),
            np.empty(lines, np.uint8),
        )
        self._rows.begins[lines] = len(block)
        # what the codes mean
        self._words = [
            np.empty(lines, STORAGE[column.target.type][0])
            for column, sources in zip(plan.columns, templates.rows, strict=True)
            if goal_of(column) == "in_codes"
            for _ in sources
        ]
        self._met = tt.Met(
            np.zeros(2 * _WORDS, np.uint32),
            np.empty((_WORDS, WORD_KEY), np.uint64),
            np.zeros((templates.steps.steps.shape[0], tt.MEMO), np.int64),
        )
        self._state = np.zeros(tt.STATE, np.int64)
        # codes up to here are not words: null, and the default of each column
        self._first = 1 + len(plan.columns)
        self._names = {column.target.name for column in plan.columns}
        self._meant = np.zeros(_WORDS, np.uint32)
        self._unfit = np.zeros(_WORDS, np.bool_)
        for index, column in enumerate(plan.columns, 1):
            if column.default:
                self._meant[index] = plan.codes(column, [column.default], pools)[0]
        self._state[tt.CODES] = self._taken = self._first

    def fits(self) -> list[int]:
        """How many lines fitted each template."""
        return np.bincount(self._rows.fits, minlength=tt.HARD + 1)[: len(self.templates.templates)].tolist()

    def fitting(self) -> Fitting:
        """Read all lines."""
        unfit = np.zeros(self._block.lines, np.bool_)
        while self._state[tt.AT] < len(self._block):
            begin = int(self._state[tt.ROW])
            self._read_some()
            self._take_words()
            some = slice(begin, int(self._state[tt.ROW]))
            if self._unfit[: self._taken].any():
                unfit[some] = self._unfit[self._rows.codes[:, some]].any(axis=0)
            for codes, words in zip(self._rows.codes, self._words, strict=True):
                look_up(self._meant, codes[some], words[some])
            if self._state[tt.AT] < len(self._block):
                self._forget()
        columns = self._columns()
        fault, _ = judge(self._plan.columns, columns, filled=self._filled())
        hard = np.flatnonzero((self._rows.fits == tt.HARD) | unfit | (fault != 0))
        begins, ends = (self._rows.begins[rows].astype(np.int64) for rows in (hard, hard + 1))
        return Fitting(columns, hard, begins, ends)

    def _read_some(self) -> None:
        """Read lines to the end, or until there may be no room for the words of the next ones."""
        text, stop = self._block.text, len(self._block)
        separator, steps = self.templates.separator, self.templates.steps
        if separator is None:
            tt.read_lines(text, stop, stop, self._state, *steps, *self._met, *self._rows)
            return
        separated = make_separated(separator, len(self.templates.templates[0].values))
        while self._state[tt.AT] < stop:
            read_separated(
                text, stop, self._state, *separated, steps.steps, steps.nulls, *self._met, *self._rows
            )
            limit = min(int(self._state[tt.AT]) + _UNEVEN_BYTES, stop)
            tt.read_lines(text, stop, limit, self._state, *steps, *self._met, *self._rows)
            if self._state[tt.AT] < limit:
                return

    def _columns(self) -> Columns:
        """Columns of the table, what each row says."""
        lines = self._block.lines
        fields = {item.name: STORAGE[item.type] for item in table(self._plan.table).fields}
        columns: Columns = {
            name: np.full(lines, null, storage)
            for name, (storage, null) in fields.items()
            if name not in self._names | _SET_LATER
        }
        written: dict[str, NDArray[Any] | list[NDArray[Any]]] = {
            "in_wide": self._rows.wide,
            "in_narrow": self._rows.narrow,
            "in_codes": self._words,
        }
        for index, (column, sources) in enumerate(zip(self._plan.columns, self.templates.rows, strict=True)):
            name = column.target.name
            if not sources:
                absent = self._meant[index + 1] if column.default else column.null
                columns[name] = np.full(lines, absent, fields[name][0])
                continue
            first, *others = (written[goal_of(column)][source] for source in sources)
            for other in others:
                first = np.where(first == column.null, other, first)
            columns[name] = first
        if INTERFACE_ADDRESSES in fields:
            columns[INTERFACE_ADDRESSES] = self._said_by_interfaces()
        columns["line"] = self._block.numbers()
        return columns

    def _said_by_interfaces(self) -> NDArray[np.int8]:
        """Whether a row does not have all addresses by which pods are told apart, 0 or 1."""
        spelt = self.templates.pod_rows
        if not all(spelt):
            return np.ones(self._block.lines, np.int8)
        lacking = np.zeros(self._block.lines, np.bool_)
        for sources in spelt:
            lacking |= np.all([self._words[source] == 0 for source in sources], axis=0)
        return lacking.view(np.int8)

    def _filled(self) -> set[str]:
        """Names of columns that no line has left null."""
        nulls = self._met.memo[:, tt.MEMO_NULLS].tolist()
        return {
            column.target.name
            for column, givers in zip(self._plan.columns, self.templates.givers, strict=True)
            if givers and not any(nulls[step] or group in self._null_groups for step, group in givers)
        }

    def _forget(self) -> None:
        """Forget the words met: there may be no room for those of another line."""
        self._met.slots[:] = 0
        self._met.memo[:, : tt.MEMO_NULLS] = 0
        self._state[tt.CODES] = self._taken = self._first
        self._unfit[:] = False

    def _take_words(self) -> None:
        """What the words stand for that have come up since the last time."""
        first, stop = self._taken, int(self._state[tt.CODES])
        if stop - first > _FEW_WORDS:
            self._find_out(np.arange(first, stop))
        else:
            # what other blocks had mostly comes again
            text = self._block.buffer.data[self._block.begin :]
            words = [
                (kind, bytes(text[at : at + (kind & _LENGTH)]))
                for kind, at in self._met.keys[first:stop, 2:].tolist()
            ]
            new = []
            for code, word in enumerate(words, first):
                told = self._told.get(word)
                if told is None:
                    new.append(code)
                else:
                    self._meant[code], self._unfit[code] = told
            if new:
                self._find_out(np.array(new))
            if len(self._told) < _MOST_WORDS:
                self._told.update(
                    (words[code - first], (int(self._meant[code]), bool(self._unfit[code]))) for code in new
                )
        none = self._met.keys[first:stop][self._meant[first:stop] == 0, 2]
        self._null_groups.update((none >> _GROUP).tolist())
        self._taken = stop

    def _find_out(self, codes: Ints) -> None:
        """What words stand for, by their codes."""
        keys = self._met.keys[codes]
        groups = keys[:, 2] >> _GROUP
        lengths = (keys[:, 2] & np.uint64(_LENGTH)).astype(np.int64)
        for group in set(groups.tolist()):
            rows = np.flatnonzero(groups == group)
            begins = keys[rows, 3].astype(np.int64)
            if group == ADDRESSES:
                meant, unfit = self._addresses(begins, lengths[rows])
            else:
                words = [
                    self._word(*place) for place in zip(begins.tolist(), lengths[rows].tolist(), strict=True)
                ]
                meant = self._plan.codes(self._plan.columns[group - 1], words, self._pools).astype(np.uint32)
                unfit = (meant == 0) & [word is not None for word in words]
            self._meant[codes[rows]] = meant
            self._unfit[codes[rows]] = unfit

    def _word(self, begin: int, length: int) -> str | None:
        """A word of the text, None for a null text."""
        begin += self._block.begin
        word = self._block.buffer[begin : begin + length].tobytes().decode("ascii")
        return None if word in self._plan.nulls else word

    def _addresses(self, begins: Ints, lengths: Ints) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
        """Numbers of addresses, and which are neither an address nor null."""
        high, low = np.empty(begins.shape[0], np.uint64), np.empty(begins.shape[0], np.uint64)
        parse_addresses(self._block.text, begins, lengths, high, low)
        said = np.ones(begins.shape[0], np.bool_)
        for row in np.flatnonzero((high == NULL_HALF) & (low == NULL_HALF)).tolist():
            # the kernel knows no zone index and no brackets
            word = self._word(int(begins[row]), int(lengths[row]))
            said[row] = word is not None
            value = parse_address(word or "")
            if value is not None:
                high[row], low[row] = value >> 64, value & _HALF
        numbers = self._pools.addresses.intern(high, low)
        return numbers, said & (numbers == 0)
