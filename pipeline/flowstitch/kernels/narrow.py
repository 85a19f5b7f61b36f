"""Integers as what they are above the least of them, in as few bytes as that takes."""

from __future__ import annotations

from flowstitch.kernels._jit import kernel


@kernel
def span_values(values, none, most):
    """Least of the values, least of those that are not ``none``, and greatest.

    Parameters
    ----------
    values : shape (n,), a signed integer type. none, most : least and greatest value of that type.

    Returns
    -------
    The three; of no values, and the second where all are ``none``, the greatest there can be, the third the least.
    """
    least, low, high = most, most, none
    for row in range(values.shape[0]):
        value = values[row]
        least, high = min(least, value), max(high, value)
        low = min(low, most if value == none else value)
    return least, low, high


@kernel
def narrow_values(values, none, below, out):
    """What each value is above ``below``, 0 where it is ``none``.

    Parameters
    ----------
    values : shape (n,), a signed integer type. none : least value of that type.
    below : of that type, below all other values, so little that what they are above it fits.
    out : shape (n,), a narrower unsigned type.
    """
    for row in range(values.shape[0]):
        value = values[row]
        out[row] = 0 if value == none else value - below


@kernel
def widen_values(codes, none, below, out):
    """The inverse of ``narrow_values``: ``codes``, shape (n,), as they were, into ``out``, shape (n,)."""
    for row in range(codes.shape[0]):
        code = codes[row]
        out[row] = none if code == 0 else below + code
