"""The first row of each key by ranks: what sorting would find, in one pass."""

from __future__ import annotations

from flowstitch.kernels._jit import kernel
from flowstitch.kernels.runs import before


@kernel
def choose_rows(keys, ranks, out):
    """Row with the least ranks of each key, the earliest of equals.

    Parameters
    ----------
    keys : shape (n,), int64, from 0.
    ranks : shape (n, k), int64; the first rank counts most.
    out : shape (keys,), int64, all -1, receives the row of each key; stays -1 where there is none.
    """
    for row in range(keys.shape[0]):
        best = out[keys[row]]
        if best < 0 or before(ranks, ranks.shape[1], row, best):
            out[keys[row]] = row
