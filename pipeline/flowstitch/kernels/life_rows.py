"""Rows that tell of things at steps of their lives: columns of the thing, and columns that go with the step until the last one."""

from __future__ import annotations

from flowstitch.kernels._jit import kernel


@kernel
def write_life_rows(thing, step, kind, before, whole, last, out):
    """Columns of rows.

    Parameters
    ----------
    thing : shape (n,), int64, of each row. step : shape (n,), int64, of each row; the last one is ``before.shape[1]``.
    kind : shape (t,), int64, of each thing. before : shape (kinds, steps, c), int64, values that go with a step but the last.
    whole : shape (t, w), int64, values at every step. last : shape (t, c), int64, values at the last step.
    out : shape (w + c, n), int64, receives the values of ``whole``, then the others.
    """
    wholes, others, end = whole.shape[1], last.shape[1], before.shape[1]
    for row in range(thing.shape[0]):
        one, at = thing[row], step[row]
        for column in range(wholes):
            out[column, row] = whole[one, column]
        if at == end:
            for column in range(others):
                out[wholes + column, row] = last[one, column]
        else:
            for column in range(others):
                out[wholes + column, row] = before[kind[one], at, column]
