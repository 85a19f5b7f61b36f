"""Addresses of 128 bits to numbers of 32."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import kernel
from flowstitch.kernels.hashing import mix

_NULL = np.uint64(0xFFFFFFFFFFFFFFFF)


@kernel
def intern_addresses(hi, lo, known_hi, known_lo, count, slots, out):
    """Number addresses by whole-key comparison; all ones is null and gets 0.

    Parameters
    ----------
    hi, lo : shape (n,), uint64, the halves of each address.
    known_hi, known_lo : uint64, the addresses known so far at [1, count); grown here, long enough for n more.
    count : how many numbers are taken, 0 (null) among them.
    slots : shape (m,), uint32, 0 where free, m a power of two of at least twice (count + n).
    out : shape (n,), uint32, receives the number of each address.

    Returns
    -------
    The new count.
    """
    mask = np.uint64(slots.shape[0] - 1)
    for row in range(hi.shape[0]):
        if hi[row] == _NULL and lo[row] == _NULL:
            out[row] = 0
            continue
        place = mix(hi[row] ^ mix(lo[row])) & mask
        while True:
            number = slots[place]
            if number == 0:
                known_hi[count] = hi[row]
                known_lo[count] = lo[row]
                slots[place] = count
                out[row] = count
                count += 1
                break
            if known_hi[number] == hi[row] and known_lo[number] == lo[row]:
                out[row] = number
                break
            place = (place + np.uint64(1)) & mask
    return count


@kernel
def fill_slots(hi, lo, count, slots):
    """Place the addresses [1, count) into empty ``slots``, after growth."""
    mask = np.uint64(slots.shape[0] - 1)
    for number in range(1, count):
        place = mix(hi[number] ^ mix(lo[number])) & mask
        while slots[place] != 0:
            place = (place + np.uint64(1)) & mask
        slots[place] = number
