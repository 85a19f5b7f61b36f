"""Equal keys get equal numbers."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import inner_kernel, kernel

_ONE, _HALF = np.uint64(1), np.uint64(32)
# Odd, with bits all over; one for each word of a key.
_FACTORS = tuple(
    np.uint64(factor)
    for factor in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93)
)


@inner_kernel
def find_key(keys, count, slots, key):
    """The number of a key, ``count`` where it is new: it is put there, and has a slot then.

    Parameters
    ----------
    keys : shape (n, k), uint64, the keys by their numbers; the first ``count`` are there.
    slots : shape (m,), int32, a number each, -1 where free, m a power of two of at least 2 n: open addressing.
    key : its k words, uint64 each, at most four. A tuple: what is taken out of an array as a row is twice as slow.
    """
    mask, total = np.uint64(slots.shape[0] - 1), np.uint64(0)
    for word in range(len(key)):
        # independent of each other, and their upper halves are spread well enough to place a key
        total += key[word] * _FACTORS[word]
    place = (total >> _HALF) & mask
    while slots[place] >= 0:
        number, differing = np.uint64(slots[place]), np.uint64(0)
        for word in range(len(key)):
            differing |= keys[number, word] ^ key[word]
        if differing == np.uint64(0):
            return np.int64(number)
        place = (place + _ONE) & mask
    slots[place] = count
    for word in range(len(key)):
        keys[count, word] = key[word]
    return count


@inner_kernel
def _find_row(keys, row, slots):
    """As ``find_key``, for keys of any width: the row that had the key of ``row`` first, which is there already."""
    mask, total = np.uint64(slots.shape[0] - 1), np.uint64(0)
    for word in range(keys.shape[1]):
        total = (total ^ keys[row, word]) * _FACTORS[0]
    place = (total >> _HALF) & mask
    while slots[place] >= 0:
        number, differing = np.uint64(slots[place]), np.uint64(0)
        for word in range(keys.shape[1]):
            differing |= keys[number, word] ^ keys[row, word]
        if differing == np.uint64(0):
            return np.int64(number)
        place = (place + _ONE) & mask
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
        found = _find_row(keys, row, slots)
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
