"""Columns in as few bytes as their values need, as they wait on the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flowstitch.kernels.narrow import narrow_values, span_values, widen_values

if TYPE_CHECKING:
    from numpy.typing import NDArray

# By size in bytes, what a column is as bits.
_SIGNED: dict[int, type[np.signedinteger[Any]]] = {1: np.int8, 2: np.int16, 4: np.int32, 8: np.int64}
_NARROW = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.uint32))


class Form(NamedTuple):
    """How a column is kept. Logs say little that needs eight bytes, and much that is the same in all rows.

    The least value of a signed type, which stands for what is not known, is 0 in a narrower one, whatever the others are.

    Attributes
    ----------
    dtype : of the column.
    stored : of what is kept; None where all values are the same, of which none is kept.
    below : what is kept of a value is how far it is above this; where all are the same it is the value. Unsigned types count as signed ones of their size.
    """

    dtype: np.dtype[Any]
    stored: np.dtype[Any] | None
    below: int

    def size(self, values: int) -> int:
        """Bytes that so many values take."""
        return values * self.stored.itemsize if self.stored else 0

    def room(self, values: int) -> NDArray[Any]:
        """Room for what is kept of so many values."""
        return np.empty(values if self.stored else 0, self.stored or self.dtype)

    def narrow(self, values: NDArray[Any]) -> NDArray[Any]:
        """What is kept of values, shape (n,)."""
        if self.stored == self.dtype:
            return values
        out = self.room(values.shape[0])
        if self.stored:
            narrow_values(_as_signed(values), _least(self.dtype), self.below, out)
        return out

    def widen(self, kept: NDArray[Any], out: NDArray[Any]) -> None:
        """Make the values, shape (n,), of which ``narrow`` made ``kept``."""
        if self.stored == self.dtype:
            out[:] = kept
        elif self.stored:
            widen_values(kept, _least(self.dtype), self.below, _as_signed(out))
        else:
            _as_signed(out)[:] = self.below


def form_of(values: NDArray[Any]) -> Form:
    """Form for values, shape (n,), of integers or truth values."""
    dtype, none = values.dtype, _least(values.dtype)
    least, low, high = span_values(_as_signed(values), none, ~none)
    if least >= high:
        return Form(dtype, None, least)
    for narrow in _NARROW:
        # one number is for what is not known
        if high - low < np.iinfo(narrow).max and narrow.itemsize < dtype.itemsize:
            return Form(dtype, narrow, low - 1)
    return Form(dtype, dtype, 0)


def _as_signed(values: NDArray[Any]) -> NDArray[Any]:
    return values.view(_SIGNED[values.itemsize])


def _least(dtype: np.dtype[Any]) -> np.signedinteger[Any]:
    signed = _SIGNED[dtype.itemsize]
    return signed(np.iinfo(signed).min)
