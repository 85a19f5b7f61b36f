"""Equal keys get equal numbers."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import kernel

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


@kernel
def number_keys(keys, slots, first, out):
    """Number the distinct rows of ``keys`` in order of first appearance, by open addressing.

    Parameters
    ----------
    keys : shape (n, k), uint64.
    slots : shape (m,), int64, all -1, m a power of two of at least 2 n.
    first : shape (n,), int64, receives for each number the row that showed it first.
    out : shape (n,), int64, receives the number of each row.

    Returns
    -------
    How many distinct keys there are.
    """
    mask = np.uint64(slots.shape[0] - 1)
    count = 0
    for row in range(keys.shape[0]):
        place = _spread(keys[row]) & mask
        while True:
            number = slots[place]
            if number < 0:
                slots[place] = count
                first[count] = row
                out[row] = count
                count += 1
                break
            if _same(keys[first[number]], keys[row]):
                out[row] = number
                break
            place = (place + np.uint64(1)) & mask
    return count


def group(keys):
    """Distinct rows of ``keys``, shape (n, k), uint64.

    Returns
    -------
    (number of each row, shape (n,), int64; row that showed each number first, shape (groups,), int64).
    Numbers follow first appearance; whole keys are compared.
    """
    keys = np.ascontiguousarray(keys, dtype=np.uint64)
    rows = keys.shape[0]
    slots = np.full(1 << max(4, (2 * rows - 1).bit_length()), -1, np.int64)
    first = np.empty(rows, np.int64)
    out = np.empty(rows, np.int64)
    count = number_keys(keys, slots, first, out)
    return out, first[:count].copy()
