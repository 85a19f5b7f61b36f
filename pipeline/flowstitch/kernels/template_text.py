"""Lines that repeat a template: what is the same in all of them is compared, what differs is read.

A line is a literal, a value, a literal, a value, and so on to the literal that ends it. A line that fits a template to the
byte, with values that are plain and in range, is read; every other one is left to whoever can judge it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowstitch.kernels._jit import inner_kernel, kernel
from flowstitch.kernels.intern import intern_word
from flowstitch.kernels.wide import (
    below,
    count_digits,
    decimal8,
    find_byte8,
    first_byte,
    keep,
    load8,
    same,
    spread,
    zero_bytes,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowstitch.arrays import Ints, Words

# What a step has before its literal: nothing, a value that is passed over, a word, a number, or nothing in the line and a
# constant in the row.
NOTHING, SKIP, WORD, NUMBER, ABSENT = range(5)
# Columns of a step, the fields of ``Step``.
KIND, LITERAL, LENGTH, HEAD, MASK, IN_WIDE, IN_NARROW, IN_CODES = range(8)
LEAST, ENDS, TRIMMED, RECURS, GROUP, LIMIT, SCALE, BARE, NULL = range(8, 17)
# What is remembered of a step: where its value and literal stood last, how long they are together, the word's code; how often a
# number was null.
MEMO_AT, MEMO_SPAN, MEMO_CODE, MEMO_NULLS, MEMO = range(5)
# State from call to call: where the next line begins and its row, codes taken, the template that fitted last.
AT, ROW, CODES, LAST, STATE = range(5)
HARD = 255
MOST_DIGITS = 16

_NEWLINE, _BLANK, _ZERO = ord("\n"), ord(" "), ord("0")
_QUOTES, _BACKSLASHES, _BLANKS = spread(ord('"')), spread(ord("\\")), spread(ord(" "))
_HIGH = np.uint64(0x8080808080808080)
_TENS = 10 ** np.arange(9, dtype=np.int64)


class Step(NamedTuple):
    """One value and the literal behind it.

    Attributes
    ----------
    kind : of the value.
    literal, length : where the literal begins in ``Steps.literals``, and its length.
    head, mask : its first eight bytes, the first one lowest, and which of them it has.
    in_wide, in_narrow, in_codes : row of ``Rows`` that gets a number or the code of a word, -1 where it is not that one.
    least : fewest bytes of a word or a value that is passed over.
    ends : byte that ends such a value beside '"', in all eight places. trimmed : it has no blank at either end.
    recurs : it mostly is that of the line before.
    group : of the word; it shares none with another group.
    limit, scale : largest number, and what it is multiplied with. bare : a number as JSON has it, never null.
    null : what a null text or an ``ABSENT`` value gives.
    """

    kind: int
    literal: int
    length: int
    head: int
    mask: int
    in_wide: int = -1
    in_narrow: int = -1
    in_codes: int = -1
    least: int = 0
    ends: int = 0
    trimmed: bool = False
    recurs: bool = False
    group: int = 0
    limit: int = 0
    scale: int = 1
    bare: bool = False
    null: int = 0

    @classmethod
    def of(cls, kind: int, literal: bytes, literals: bytearray) -> Step:
        """Step of a kind, its literal put behind the others."""
        literals += literal
        head = int.from_bytes(literal[:8].ljust(8, b"\0"), "little", signed=True)
        mask = -1 if len(literal) >= 8 else (1 << 8 * len(literal)) - 1
        return cls(kind, len(literals) - len(literal), len(literal), head, mask)


class Steps(NamedTuple):
    """Templates for ``read_lines``.

    Attributes
    ----------
    steps : shape (s, 17), int64, each a ``Step``, those of the first template, then those of the second, and so on.
    begins : shape (t + 1,), int64, first step of each of at most 254 templates, and s.
    literals : uint8, with ``PADDING``.
    nulls : shape (n, 2), uint64, texts of at most 7 bytes that mean null: the bytes, the first lowest, and their number.
    """

    steps: Ints
    begins: Ints
    literals: NDArray[np.uint8]
    nulls: Words


class Met(NamedTuple):
    """Words met in a text, and what each step has met. Slots and memo are zeros when nothing has been.

    Attributes
    ----------
    slots, keys : as for ``intern_word``.
    memo : shape (s, MEMO), int64.
    """

    slots: NDArray[np.uint32]
    keys: Words
    memo: Ints


class Rows(NamedTuple):
    """Where ``read_lines`` writes, a row per line.

    Attributes
    ----------
    wide : shape (k, rows), int64. narrow : shape (m, rows), int32.
    codes : shape (w, rows), uint32.
    begins : shape (rows,) or more, int32, where the line begins.
    fits : shape (rows,), uint8, the template that the line fits, or ``HARD``; then its numbers are -1 and its codes 0.
    """

    wide: Ints
    narrow: NDArray[np.int32]
    codes: NDArray[np.uint32]
    begins: NDArray[np.int32]
    fits: NDArray[np.uint8]


@kernel
def read_lines(
    text,
    stop,
    limit,
    state,
    steps,
    step_begins,
    literals,
    nulls,
    slots,
    keys,
    memo,
    wide,
    narrow,
    codes,
    begins,
    fits,
):
    """Read lines until one begins at ``limit`` or behind it, or until there may be no room for the words of another one.

    Parameters
    ----------
    text : uint8, ``PADDING`` longer than ``stop``; a line without newline before ``stop`` is hard.
    limit : at most ``stop``.
    state : shape (STATE,), int64, carried from call to call.
    steps, step_begins, literals, nulls : ``Steps``. slots, keys, memo : ``Met``.
    wide, narrow, codes, begins, fits : ``Rows``, a row for each line before ``stop``.
    """
    at = state[AT]
    row = state[ROW]
    last = state[LAST]
    templates = step_begins.shape[0] - 1
    room = keys.shape[0] - codes.shape[0] * templates
    while at < limit and state[CODES] <= room:
        end = -1
        for turn in range(templates):
            template = (last + turn) % templates
            end = _fit_line(
                text, at, stop, step_begins[template], step_begins[template + 1],
                steps, literals, nulls, slots, keys, memo, state, wide, narrow, codes, row,
            )  # fmt: skip
            if end >= 0:
                last = template
                break
        fits[row] = last
        if end < 0:
            fits[row] = HARD
            for number in range(wide.shape[0]):
                wide[number, row] = -1
            for number in range(narrow.shape[0]):
                narrow[number, row] = -1
            for word in range(codes.shape[0]):
                codes[word, row] = 0
            end = min(find_byte8(text, at, stop, _NEWLINE) + 1, stop)
        begins[row] = at
        at = end
        row += 1
    state[AT] = at
    state[ROW] = row
    state[LAST] = last


@inner_kernel
def _fit_line(
    text, at, stop, step, end, steps, literals, nulls, slots, keys, memo, state, wide, narrow, codes, row
):
    """Where the line at ``at`` ends if it fits the steps ``[step, end)``, its newline included; -1 if it does not."""
    step = np.uint64(step)
    end = np.uint64(end)
    row = np.uint64(row)
    while step < end and at >= 0:
        kind = steps[step, KIND]
        if kind == WORD or kind == SKIP:
            # what stood here in the line before mostly stands here again, and comparing is cheaper than reading
            span = memo[step, MEMO_SPAN]
            if span > 0 and at + span <= stop and same(text, at, text, memo[step, MEMO_AT], span):
                at += span
            else:
                at = _read_word(text, at, stop, step, steps, literals, slots, keys, memo, state)
            if kind == WORD:
                codes[np.uint64(steps[step, IN_CODES]), row] = memo[step, MEMO_CODE]
        else:
            if kind == NUMBER or kind == ABSENT:
                number = steps[step, NULL]
                if kind == NUMBER:
                    number, at = _read_number(text, at, stop, step, steps, nulls)
                memo[step, MEMO_NULLS] += number == steps[step, NULL]
                if steps[step, IN_NARROW] >= 0:
                    narrow[np.uint64(steps[step, IN_NARROW]), row] = number
                elif steps[step, IN_WIDE] >= 0:
                    wide[np.uint64(steps[step, IN_WIDE]), row] = number
                elif steps[step, IN_CODES] >= 0:
                    codes[np.uint64(steps[step, IN_CODES]), row] = number
            at = _pass_literal(text, at, stop, step, steps, literals)
        step += np.uint64(1)
    return at


@inner_kernel
def _pass_literal(text, at, stop, step, steps, literals):
    """Where the literal of a step ends that begins at ``at``; -1 when it does not stand there or ``at`` is -1."""
    length = steps[step, LENGTH]
    if at < 0 or at + length > stop:
        return -1
    if np.int64(load8(text, at)) & steps[step, MASK] != steps[step, HEAD]:
        return -1
    if length > 8 and not same(text, at + 8, literals, steps[step, LITERAL] + 8, length - 8):
        return -1
    return at + length


@inner_kernel
def _read_word(text, at, stop, step, steps, literals, slots, keys, memo, state):
    """Where the value at ``at`` and its literal end, -1 when they do not fit; remembered, a word with its code."""
    place = _find_end(text, at, stop, np.uint64(steps[step, ENDS]))
    end = _pass_literal(text, place, stop, step, steps, literals)
    if end < 0 or place - at < steps[step, LEAST]:
        return -1
    if steps[step, TRIMMED] and place > at and (text[at] == _BLANK or text[place - 1] == _BLANK):
        return -1
    if steps[step, KIND] == WORD:
        code = intern_word(text, at, place - at, steps[step, GROUP], slots, keys, state[CODES])
        state[CODES] = max(state[CODES], code + 1)
        memo[step, MEMO_CODE] = code
    if steps[step, RECURS]:
        memo[step, MEMO_AT] = at
        memo[step, MEMO_SPAN] = end - at
    return end


@inner_kernel
def _find_end(text, at, stop, ends):
    """First place in ``[at, stop]`` with a byte that ends a value or is not plain: below a blank, above ASCII, '"' or a backslash."""
    while at < stop:
        value = load8(text, at)
        marks = zero_bytes(value ^ ends) | zero_bytes(value ^ _QUOTES) | zero_bytes(value ^ _BACKSLASHES)
        marks |= below(value, _BLANKS) | value & _HIGH
        if marks != 0:
            return min(at + first_byte(marks), stop)
        at += 8
    return stop


@inner_kernel
def _read_number(text, at, stop, step, steps, nulls):
    """(number, where its digits or its null text end); the place is -1 when the value does not fit."""
    number, digits = _read_digits(text, at, stop)
    if digits == 0:
        length = _null_length(text, at, nulls)
        if steps[step, BARE] or length < steps[step, LEAST]:
            return 0, -1
        return steps[step, NULL], at + length
    if number > steps[step, LIMIT] or (steps[step, BARE] and digits > 1 and text[at] == _ZERO):
        return 0, -1
    return number * steps[step, SCALE], at + digits


@inner_kernel
def _read_digits(text, at, stop):
    """(number, digits) of the first digits at ``at``, at most ``MOST_DIGITS``; (0, 0) where there is none or not the room."""
    value = load8(text, at)
    digits = count_digits(value)
    number = decimal8(value, digits)
    if digits < 8:
        return number, digits
    if at + 8 > stop:
        return 0, 0
    value = load8(text, at + 8)
    digits = count_digits(value)
    return number * _TENS[np.uint64(digits)] + decimal8(value, digits), 8 + digits


@inner_kernel
def _null_length(text, at, nulls):
    """Length of the longest null text at ``at``, -1 when there is none."""
    value = load8(text, at)
    longest = -1
    for row in range(nulls.shape[0]):
        length = np.int64(nulls[row, 1])
        if length > longest and keep(value, length) == nulls[row, 0]:
            longest = length
    return longest
