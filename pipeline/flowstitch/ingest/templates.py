"""What lines of a log have in common, learnt from one of them, and the steps by which a kernel reads such lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flowstitch.arrays import PADDING
from flowstitch.kernels import template_text as tt
from flowstitch.kernels.wide import spread
from flowstitch.normalize.columns import STORAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowstitch.ingest.layouts import Layout
    from flowstitch.ingest.logcolumns import Column, Plan

# A member of a JSON object in one of the forms that lines repeat: key, then text, whole number or constant.
_MEMBER = re.compile(
    rb'\s*"([^"\\]*)"\s*:\s*(?:"([^"\\]*)"|(0|[1-9][0-9]*)|(true|false|null))\s*(,|\}\s*$)', re.ASCII
)
_OPENING = re.compile(rb"\s*\{", re.ASCII)
_MAX_VALUES = 256
# A separator that cannot be part of a number.
_SEPARATOR = re.compile(r"[ -~\t]", re.ASCII)
_NO_SEPARATOR = re.compile(r'[\w."\\-]', re.ASCII)
# Words of all columns of addresses are one group, those of another column are its own, from 1.
ADDRESSES = 0
_PACKED = 7


class Value(NamedTuple):
    """A value of a template.

    Attributes
    ----------
    name : its key, '' where it says nothing.
    bare : a number without quotes in JSON: it is never null.
    least : fewest bytes that it has.
    trimmed : it has no blank at either end.
    """

    name: str
    bare: bool = False
    least: int = 0
    trimmed: bool = False


@dataclass(frozen=True)
class Template:
    """What lines have in common.

    Attributes
    ----------
    literals : what stands before, between and behind the values, the newline included; one more than there are values.
    values : what is known of each value.
    ends : byte that no value holds, beside the '"' and the backslash that none holds either.
    """

    literals: tuple[bytes, ...]
    values: tuple[Value, ...]
    ends: str


def json_template(line: bytes, plan: Plan) -> Template | None:
    """Template of lines like a JSON object; None when it is none, or when its like could be taken for what they are not.

    Parameters
    ----------
    line : without its newline; its values are texts without escapes, whole numbers and constants.
    """
    opening = _OPENING.match(line)
    if opening is None:
        return None
    literals, values = [b""], []
    names: set[str] = set()
    begin, at = 0, opening.end()
    while at < len(line) and len(names) < _MAX_VALUES:
        member = _MEMBER.match(line, at)
        if member is None:
            return None
        at = member.end()
        try:
            name = member[1].decode()
        except UnicodeDecodeError:
            return None
        constant = member[4] is not None
        if name in names or (constant and member[4] != b"null" and plan.knows(name)):
            return None
        names.add(name)
        if not constant:
            text = 2 if member[2] is not None else 3
            literals[-1] += line[begin : member.start(text)]
            begin = member.end(text)
            literals.append(b"")
            values.append(Value(name, bare=text == 3))
    literals[-1] += line[begin:] + b"\n"
    if at < len(line) or not line.rstrip().endswith(b"}") or not values:
        return None
    return Template(tuple(literals), tuple(values), '"')


def delimited_template(line: bytes, layout: Layout, plan: Plan) -> Template | None:
    """Template of lines of a layout whose values are in quotes where those of the line are; None when it has none.

    Parameters
    ----------
    line : without its newline. Blanks, tabs and a carriage return around it belong to the template.
    """
    separator = layout.separator
    if not _SEPARATOR.fullmatch(separator) or _NO_SEPARATOR.fullmatch(separator):
        return None
    body = line.strip(b" \t\r")
    begin = line.index(body)
    texts = body.split(separator.encode())
    if len(texts) != len(layout.names) or (separator == " " and b"" in texts):
        return None
    quotes = [b'"' if len(text) > 1 and text[:1] == text[-1:] == b'"' else b"" for text in texts]
    joints = [left + separator.encode() + right for left, right in pairwise(quotes)]
    literals = (line[:begin] + quotes[0], *joints, quotes[-1] + line[begin + len(body) :] + b"\n")
    values = []
    for place, name in enumerate(layout.names):
        # what is around a line is taken off it, and a run of blanks is one separator
        outer = place in {0, len(texts) - 1} and not quotes[place]
        least = int(not quotes[place] and (separator == " " or (outer and separator == "\t")))
        values.append(Value(plan.key_of(name), least=least, trimmed=outer))
    return Template(literals, tuple(values), separator)


class TemplateSet:
    """Templates as a kernel reads them.

    Parameters
    ----------
    templates : at most a few, of one layout.
    plan : of plain columns; says which values become which columns.

    Attributes
    ----------
    templates : as given.
    steps : for the kernel.
    rows : for each column the rows that give it of what the kernel writes: ``wide``, ``narrow`` or ``codes``, by its
        storage; the first that says something counts. None where no template has it.
    givers : for each column the steps that give it, and the group of the words that they give, -1 of others.
    pod_rows : for each key of the addresses that tell pods apart the rows of codes that give it.
    depth : how many rows the kernel writes of each, by the field of a step that says which.
    separator : byte that stands behind each value of the only template there is, but for the last; None without such a one.
    """

    def __init__(self, templates: Sequence[Template], plan: Plan) -> None:
        self.templates = tuple(templates)
        names = {value.name for template in templates for value in template.values}
        spelt = [plan.spelt(column, names) for column in plan.columns]
        self.rows: list[list[int]] = []
        self.depth = {"in_wide": 0, "in_narrow": 0, "in_codes": 0}
        for column, spellings in zip(plan.columns, spelt, strict=True):
            kind = goal_of(column)
            first = self.depth[kind]
            self.depth[kind] += len(spellings)
            self.rows.append(list(range(first, self.depth[kind])))
        self.pod_rows = [
            [
                row
                for rows, spellings in zip(self.rows, spelt, strict=True)
                for row, name in zip(rows, spellings, strict=False)
                if plan.key_of(name) == key
            ]
            for key in plan.pod_addresses
        ]
        literals = bytearray()
        steps: list[tt.Step] = []
        begins = [0]
        for template in templates:
            steps += _steps(template, spelt, self.rows, plan, literals)
            begins.append(len(steps))
        self.givers = [
            [
                (number, step.group if step.kind == tt.WORD else -1)
                for number, step in enumerate(steps)
                if getattr(step, goal) in rows
            ]
            for goal, rows in zip(map(goal_of, plan.columns), self.rows, strict=True)
        ]
        self.separator = _separator_of(self.templates)
        self.steps = tt.Steps(
            np.array(steps, np.int64).reshape(-1, len(tt.Step._fields)),
            np.array(begins, np.int64),
            np.frombuffer(bytes(literals) + bytes(PADDING), np.uint8),
            _packed_nulls(plan),
        )


def _separator_of(templates: Sequence[Template]) -> int | None:
    if len(templates) != 1:
        return None
    first, *between, last = templates[0].literals
    alike = len(set(between)) == 1 and len(between[0]) == 1
    return between[0][0] if alike and first == b"" and last == b"\n" else None


def _steps(
    template: Template, spelt: list[list[str]], rows: list[list[int]], plan: Plan, literals: bytearray
) -> list[tt.Step]:
    """Steps of a template, its literals put behind those of others."""
    places: dict[str, int] = {}
    for place, value in enumerate(template.values):
        places.setdefault(value.name, place)
    goals = {
        places[name]: (index, row)
        for index, spellings in enumerate(spelt)
        for name, row in zip(spellings, rows[index], strict=False)
        if name in places
    }
    steps = [tt.Step.of(tt.NOTHING, template.literals[0], literals)]
    ends = int(np.uint64(spread(ord(template.ends))).astype(np.int64))
    for place, (value, literal) in enumerate(zip(template.values, template.literals[1:], strict=True)):
        step = tt.Step.of(tt.SKIP, literal, literals)
        step = step._replace(least=value.least, trimmed=value.trimmed, ends=ends, recurs=True)
        if place in goals:
            index, row = goals[place]
            step = _aimed(step, plan.columns[index], index, row, bare=value.bare)
        elif value.bare:
            step = step._replace(kind=tt.NUMBER, bare=True, limit=np.iinfo(np.int64).max)
        steps.append(step)
    given = set(goals.values())
    for index, column in enumerate(plan.columns):
        absent = [row for row in rows[index] if (index, row) not in given]
        for row in absent:
            is_default = column.default and len(absent) == len(rows[index]) and row == absent[0]
            null = column.null if column.is_number else index + 1 if is_default else 0
            step = tt.Step.of(tt.ABSENT, b"", literals)
            steps.append(_to(step, column, row)._replace(null=null))
    return steps


def goal_of(column: Column) -> str:
    """Field of a step that says where such a column goes."""
    if not column.is_number:
        return "in_codes"
    return "in_wide" if STORAGE[column.target.type][0] is np.int64 else "in_narrow"


def _to(step: tt.Step, column: Column, row: int) -> tt.Step:
    goal: dict[str, Any] = {goal_of(column): row}
    return step._replace(**goal)


def _aimed(step: tt.Step, column: Column, index: int, row: int, *, bare: bool) -> tt.Step:
    """A step that gives a column."""
    step = _to(step, column, row)
    if column.is_number:
        return step._replace(
            kind=tt.NUMBER, bare=bare, limit=column.most, scale=column.scale, null=column.null
        )
    if column.target.type == "address":
        return step._replace(kind=tt.WORD, group=ADDRESSES, recurs=False)
    return step._replace(kind=tt.WORD, group=index + 1)


def _packed_nulls(plan: Plan) -> np.ndarray[tuple[int, int], np.dtype[np.uint64]]:
    """Null texts that plain values can be, as the kernel compares them; a longer one is none that a number can be."""
    texts = [text.encode() for text in sorted(plan.nulls) if '"' not in text and "\\" not in text]
    return np.array(
        [(int.from_bytes(text, "little"), len(text)) for text in texts if len(text) <= _PACKED], np.uint64
    ).reshape(-1, 2)
