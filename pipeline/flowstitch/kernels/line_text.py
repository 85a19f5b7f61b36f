"""Lines of text from columns of integers: literals, numbers and words one after the other, eight bytes at a time."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import kernel
from flowstitch.kernels.wide import load8, store8

# Columns of ``steps`` in ``write_lines``; ``FIRST`` and ``LENGTH`` are of the literal in front of the value.
FIRST, LENGTH, COLUMN, WORDS, DIGITS = range(5)
# No value behind the literal; a number, not a word.
NOTHING = -1
# Bytes behind what is read and written that may be read and written as well: most texts are short and need no loop.
SLACK = 16
# Numbers are below 10 ** 16.
MOST_DIGITS = 16

_EIGHT_DIGITS = 100_000_000
_ZEROS = np.uint64(0x3030303030303030)
_EIGHT = np.uint64(8)
# Four digits in each half, two in each quarter, one in each byte: how many are above, by multiplication and shift.
_HUNDREDTH, _HUNDREDS = np.uint64(10486), np.uint64(0x0000007F0000007F)
_TENTH, _TENS = np.uint64(103), np.uint64(0x000F000F000F000F)


@kernel
def spell8(value):
    """Eight digits of a number below 10 ** 8, the first one lowest, uint64."""
    upper = value // 10_000
    fours = np.uint64(upper) | np.uint64(value - upper * 10_000) << np.uint64(32)
    upper = fours * _HUNDREDTH >> np.uint64(20) & _HUNDREDS
    pairs = upper | (fours - upper * np.uint64(100)) << np.uint64(16)
    upper = pairs * _TENTH >> np.uint64(10) & _TENS
    return (upper | (pairs - upper * np.uint64(10)) << _EIGHT) + _ZEROS


@kernel
def digits_of(value):
    """Digits of a number below 10 ** 8, 1 to 8; what is written next does not wait for them to be spelled."""
    return (
        1 + (value >= 10) + (value >= 100) + (value >= 1000) + (value >= 10_000) + (value >= 100_000)
        + (value >= 1_000_000) + (value >= 10_000_000)
    )  # fmt: skip


@kernel
def _write_group(text, at, value, digits):
    """Write a number below 10 ** 8 with so many digits or more."""
    digits = max(digits, digits_of(value))
    store8(text, at, spell8(value) >> _EIGHT * np.uint64(8 - digits))
    return at + digits


@kernel
def write_decimal(text, at, value, digits):
    """Write a number below 10 ** 16, with zeros in front up to so many digits, at most 8 of them.

    Returns
    -------
    Where it ends; up to ``SLACK`` bytes behind that are written as well.
    """
    if value >= _EIGHT_DIGITS:
        front = value // _EIGHT_DIGITS
        at = _write_group(text, at, front, 1)
        value -= front * _EIGHT_DIGITS
        digits = 8
    return _write_group(text, at, value, digits)


@kernel
def copy_some(source, first, text, at, length):
    """Copy bytes, and up to ``SLACK`` behind them; returns where they end."""
    store8(text, at, load8(source, first))
    store8(text, at + 8, load8(source, first + 8))
    for place in range(16, length, 8):
        store8(text, at + place, load8(source, first + place))
    return at + length


@kernel
def write_lines(steps, forms, form, columns, words, pool, text, ends):
    """Write a line for each row, in the form that it has.

    Parameters
    ----------
    steps : shape (s, 5), int64, of all forms: ``FIRST`` and ``LENGTH`` of a literal in ``pool``, then ``COLUMN``, that of the value
        behind it or ``NOTHING``; ``WORDS``, the number in ``words`` of its word 0, or ``NOTHING`` for a number with ``DIGITS`` digits
        or more. A value below 0 is not written.
    forms : shape (f + 1,), int64, the steps of form k are ``forms[k]:forms[k + 1]``. form : shape (n,), int64, of each row.
    columns : shape (c, n), int64. words : shape (w + 1,), int64, word k is ``pool[words[k]:words[k + 1]]``.
    pool : uint8, ``SLACK`` longer than what is in it.
    text : uint8, receives the lines, ``SLACK`` longer than they can get. ends : shape (n,), int64, receives where each ends.
    """
    at = 0
    for row in range(form.shape[0]):
        for step in range(forms[form[row]], forms[form[row] + 1]):
            at = copy_some(pool, steps[step, FIRST], text, at, steps[step, LENGTH])
            if steps[step, COLUMN] == NOTHING:
                continue
            value = columns[steps[step, COLUMN], row]
            if value < 0:
                continue
            if steps[step, WORDS] == NOTHING:
                at = write_decimal(text, at, value, steps[step, DIGITS])
            else:
                word = steps[step, WORDS] + value
                at = copy_some(pool, words[word], text, at, words[word + 1] - words[word])
        ends[row] = at
