"""Numbers of texts; what is none is -1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowstitch.arrays import Ints

# Times a million it is below 2**53: a float holds it.
_DECIMAL = r"^[0-9]{1,9}(?:\.[0-9]{1,9})?$"


def whole_numbers(columns: Iterable[str]) -> pl.Expr:
    """Columns of texts as int64; -1 where a text is no whole number or does not fit."""
    return pl.col(list(columns)).cast(pl.Int64, strict=False).fill_null(-1)


def scaled_decimals(texts: pl.Series, scale: int) -> Ints:
    """Decimal texts times ``scale``, rounded to whole numbers, shape (n,), int64; -1 where a text is no such number.

    Parameters
    ----------
    texts : digits, at most nine before and nine after the point; no sign, no exponent.
    scale : at most 10**6.
    """
    fitting = texts.set(~texts.str.contains(_DECIMAL).fill_null(value=False), None)
    numbers = fitting.cast(pl.Float64).to_numpy()
    return np.where(np.isnan(numbers), -1, np.rint(numbers * scale)).astype(np.int64)
