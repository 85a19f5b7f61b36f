"""Numbers and tables with a place for each: numpy does the same, by way of 64-bit indices, in ten times the time."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import kernel


@kernel
def look_up(table, numbers, out):
    """Put what the table has for each number into ``out``.

    Parameters
    ----------
    table : shape (n,), of any type.
    numbers : shape (m,), any whole numbers, from 0 to n - 1; -1 stands for the last.
    out : shape (m,), of a type that holds what the table has.
    """
    for row in range(numbers.shape[0]):
        out[np.uint64(row)] = table[numbers[np.uint64(row)]]


@kernel
def mark_numbers(numbers, marks):
    """Mark the numbers that occur.

    Parameters
    ----------
    numbers : shape (m,), any whole numbers, from 0 to n - 1.
    marks : shape (n,), bool; True where a number occurs.
    """
    for row in range(numbers.shape[0]):
        marks[numbers[np.uint64(row)]] = True
