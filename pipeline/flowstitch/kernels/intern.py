"""Addresses of 128 bits, and words of a text, to numbers of 32."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import inner_kernel, kernel
from flowstitch.kernels.hashing import mix
from flowstitch.kernels.wide import keep, load8, same

_NULL = np.uint64(0xFFFFFFFFFFFFFFFF)
_FACTOR, _HALF = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


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


# A key of a word: its first 16 bytes, zeros where it is shorter; its group and its length; where it stands in the text.
WORD_KEY = 4


@inner_kernel
def intern_word(text, at, length, group, slots, keys, count):
    """Number the word ``text[at:at + length]`` of a group, by comparison of whole words.

    Parameters
    ----------
    text : uint8, ``PADDING`` longer than the word's end. group : less than 2**31; words of two groups are never the same.
    slots : shape (m,), uint32, 0 where free, m a power of two of at least twice the rows of ``keys``.
    keys : shape (n, WORD_KEY), uint64, the words known so far by number; a new one is put at ``count``, less than n.

    Returns
    -------
    The number of the word, ``count`` when it is new.
    """
    first = load8(text, at)
    second = np.uint64(0)
    if length < 8:
        first = keep(first, length)
    elif length >= 16:
        second = load8(text, at + 8)
    else:
        second = keep(load8(text, at + 8), length - 8)
    third = np.uint64(group) << np.uint64(32) | np.uint64(length)
    mask = np.uint64(slots.shape[0] - 1)
    seed = second
    for rest in range(16, length, 8):
        value = load8(text, at + rest)
        seed = seed * _FACTOR ^ (value if length - rest >= 8 else keep(value, length - rest))
    # the upper bits of a product depend on all bits of its factors, and are as many as there are slots
    seed = (first ^ seed * _FACTOR) * _FACTOR >> _HALF
    place = seed * np.uint64(slots.shape[0]) >> _HALF
    while slots[place] != 0:
        number = slots[place]
        if (
            keys[number, 0] == first
            and keys[number, 1] == second
            and keys[number, 2] == third
            and (length <= 16 or same(text, at + 16, text, np.int64(keys[number, 3]) + 16, length - 16))
        ):
            return np.int64(number)
        place = (place + np.uint64(1)) & mask
    keys[count, 0] = first
    keys[count, 1] = second
    keys[count, 2] = third
    keys[count, 3] = np.uint64(at)
    slots[place] = count
    return count
