"""Equal keys get equal numbers."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import inner_kernel, kernel

_GOLDEN, _HALF = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


@kernel
def _same(left, right):
    for word in range(left.shape[0]):
        if left[word] != right[word]:
            return False
    return True


@kernel
def _spread(words):
    """Where a key is looked for first: a multiplication per word, which is less than ``hash_words`` takes, and enough to place it."""
    seed = np.uint64(0)
    for word in words:
        seed = (seed ^ word) * _GOLDEN
        seed ^= seed >> _HALF
    return seed


@inner_kernel
def find_key(keys, row, slots):
    """The row of ``keys`` that had the key of ``row`` first: ``row`` itself where the key is new, which has a slot then.

    Parameters
    ----------
    keys : shape (n, k), uint64.
    slots : shape (m,), int32, a row of ``keys`` each, -1 where free, m a power of two of at least 2 n: open addressing.
    """
    mask = np.uint64(slots.shape[0] - 1)
    place = _spread(keys[row]) & mask
    while slots[place] >= 0:
        if _same(keys[slots[place]], keys[row]):
            return np.int64(slots[place])
        place = (place + np.uint64(1)) & mask
    slots[place] = row
    return row


@kernel
def number_keys(keys, slots, first, out):
    """Number the distinct rows of ``keys`` in order of first appearance.

    Parameters
    ----------
    keys : shape (n, k), uint64.
    slots : see ``free_slots``.
    first : shape (n,), int64, receives for each number the row that showed it first.
    out : shape (n,), int64, receives the number of each row.

    Returns
    -------
    How many distinct keys there are.
    """
    count = 0
    for row in range(keys.shape[0]):
        found = find_key(keys, row, slots)
        if found < row:
            out[row] = out[found]
        else:
            first[count] = row
            out[row] = count
            count += 1
    return count


def free_slots(rows):
    """Slots for the keys of so many rows, see ``find_key``."""
    return np.full(1 << max(4, (2 * rows - 1).bit_length()), -1, np.int32)


def group(keys):
    """Distinct rows of ``keys``, shape (n, k), uint64.

    Returns
    -------
    (number of each row, shape (n,), int64; row that showed each number first, shape (groups,), int64).
    Numbers follow first appearance; whole keys are compared.
    """
    keys = np.ascontiguousarray(keys, dtype=np.uint64)
    rows = keys.shape[0]
    first = np.empty(rows, np.int64)
    out = np.empty(rows, np.int64)
    count = number_keys(keys, free_slots(rows), first, out)
    return out, first[:count].copy()
