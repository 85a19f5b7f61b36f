"""Addresses of one block numbered by their text: what has been read once is compared, not parsed.

A block has few addresses and many mentions of them. Numbers are the block's own: 0 is none, others count from 1; one
address in two spellings has two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowstitch.kernels._jit import inner_kernel
from flowstitch.kernels.address_text import parse_address
from flowstitch.kernels.hashing import mix
from flowstitch.kernels.wide import first_byte, load8
from flowstitch.kernels.wide_text import blank_bytes, bytes_before

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NONE = np.uint64(0)
_GOLDEN, _ODD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
_AT, _LENGTH = 0, 1


class AddressMemo(NamedTuple):
    """Addresses seen so far.

    Attributes
    ----------
    slots : shape (m,), uint32, numbers by hash of the text, 0 where free, m a power of two of at least twice n.
    heads : shape (n, 2), uint64, the first 16 bytes of each text, zeros behind its end.
    places : shape (n, 2), int64, where the text is first, and how long it is.
    high, low : shape (n,), uint64, halves of each address.
    count : shape (1,), int64, the next number.
    """

    slots: NDArray[np.uint32]
    heads: NDArray[np.uint64]
    places: NDArray[np.int64]
    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    count: NDArray[np.int64]


def make_memo(addresses: int) -> AddressMemo:
    """Empty memo for at most so many addresses."""
    size = addresses + 1
    return AddressMemo(
        np.zeros(1 << (2 * size - 1).bit_length(), np.uint32),
        np.empty((size, 2), np.uint64),
        np.empty((size, 2), np.int64),
        np.empty(size, np.uint64),
        np.empty(size, np.uint64),
        np.ones(1, np.int64),
    )


@inner_kernel
def number_address(text, at, memo):
    """Number of the address at ``at``, which ends before a blank or less.

    Parameters
    ----------
    text : shape (n,), uint8; behind what ends the address are ``PADDING`` bytes or more.
    memo : ``AddressMemo`` with room for one more.

    Returns
    -------
    (number, 0 when it is no address; where it ends).
    """
    first, second = load8(text, at), _NONE
    marks = blank_bytes(first)
    if marks != 0:
        first = bytes_before(first, marks)
        stop = at + first_byte(marks)
        seed = first * _GOLDEN
    else:
        second = load8(text, at + 8)
        marks = blank_bytes(second)
        if marks != 0:
            second = bytes_before(second, marks)
            stop = at + 8 + first_byte(marks)
            seed = (first ^ second * _ODD) * _GOLDEN
        else:
            seed, stop = _hash_rest(text, at + 16, first ^ second * _ODD)
    mask = memo.slots.shape[0] - 1
    place = np.int64(seed >> np.uint64(32)) & mask
    number = np.int64(memo.slots[place])
    while number != 0:
        if (
            memo.heads[number, 0] == first
            and memo.heads[number, 1] == second
            and memo.places[number, _LENGTH] == stop - at
            and (stop - at <= 16 or _same_rest(text, memo.places[number, _AT], at, stop))
        ):
            return number, stop
        place = (place + 1) & mask
        number = np.int64(memo.slots[place])
    good, high, low = parse_address(text, at, stop)
    if not good:
        return number, stop
    number = add_address(high, low, memo)
    memo.slots[place] = number
    memo.heads[number, 0], memo.heads[number, 1] = first, second
    memo.places[number, _AT], memo.places[number, _LENGTH] = at, stop - at
    return number, stop


@inner_kernel
def add_address(high, low, memo):
    """Number of an address that was parsed, without looking whether it has one already."""
    number = memo.count[0]
    memo.count[0] = number + 1
    memo.high[number], memo.low[number] = high, low
    return number


@inner_kernel
def _hash_rest(text, at, seed):
    """Hash of the bytes from ``at`` before a blank or less, and where they end."""
    marks = _NONE
    while marks == 0:
        word = load8(text, at)
        marks = blank_bytes(word)
        at += first_byte(marks)
        if marks != 0:
            word = bytes_before(word, marks)
        seed = mix(seed ^ word)
    return seed, at


@inner_kernel
def _same_rest(text, known, at, stop):
    place = 16
    while at + place < stop and text[known + place] == text[at + place]:
        place += 1
    return at + place == stop
