"""Plain twin of the kernel that reads lines by templates: a regular expression for each."""

from __future__ import annotations

import re
from typing import NamedTuple

from flowstitch.kernels import template_text as tt


class Step(NamedTuple):
    """One step of a template, as the kernel has it in a row."""

    kind: int
    literal: bytes
    to: int = -1
    least: int = 0
    ends: bytes = b'"'
    group: int = 0
    trimmed: bool = False
    limit: int = (1 << 63) - 1
    scale: int = 1
    bare: bool = False
    null: int = -1


def pattern(step: Step, nulls: list[bytes]) -> bytes:
    """What a step reads and its literal; nothing is given back once it is read."""
    literal = re.escape(step.literal)
    if step.kind in {tt.NOTHING, tt.ABSENT}:
        return literal
    if step.kind == tt.NUMBER:
        longest_first = sorted((null for null in nulls if len(null) >= step.least), key=len, reverse=True)
        texts = b"|".join(map(re.escape, longest_first))
        null = b"|(?![0-9])(?>" + texts + b")" if texts or b"" in longest_first else b""
        digits = b"(?:0(?![0-9])|(?!0)[0-9]{1,16}+)" if step.bare else b"[0-9]{1,16}+" + null
        return b"(" + digits + b")" + literal
    excluded = re.escape(step.ends) + rb'"\\'
    plain = b"(?:(?![" + excluded + b"])[ -\x7f])"
    edge = b"(?! )" if step.trimmed else b""
    value = edge + plain + b"{" + str(step.least).encode() + b",}+" + (b"(?<! )" if step.trimmed else b"")
    # an empty value has no blank at its ends, whatever stands before it
    empty = b"|(?!" + plain + b")" if step.trimmed and step.least == 0 else b""
    return b"(" + value + empty + b")" + literal


def read_line(line: bytes, steps: list[Step], nulls: list[bytes]) -> dict[tuple[str, int], object] | None:
    """What the line gives: ("number", row) or ("word", row) and its value; None when it does not fit."""
    found = re.fullmatch(b"".join(pattern(step, nulls) for step in steps), line)
    if found is None:
        return None
    values: dict[tuple[str, int], object] = {}
    texts = iter(found.groups())
    for step in steps:
        text = next(texts) if step.kind in {tt.SKIP, tt.WORD, tt.NUMBER} else None
        if step.kind == tt.WORD:
            values["word", step.to] = (step.group, text)
        elif step.kind == tt.ABSENT:
            values["number", step.to] = step.null
        elif step.kind == tt.NUMBER:
            if text.isdigit() and int(text) > step.limit:
                return None
            if step.to >= 0:
                values["number", step.to] = int(text) * step.scale if text.isdigit() else step.null
    return values


def read_lines(text: bytes, templates: list[list[Step]], nulls: list[bytes]) -> list[dict | None]:
    """What each line gives, None where it is hard; one without newline always is."""
    lines = text.split(b"\n")
    torn = [None] if lines.pop() else []
    fitting = [[read_line(line + b"\n", steps, nulls) for steps in templates] for line in lines]
    return [next((values for values in options if values is not None), None) for options in fitting] + torn
