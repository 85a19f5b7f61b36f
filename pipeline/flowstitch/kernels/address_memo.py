"""Addresses of one block numbered by their text: what has been read once is compared, not parsed.

A block has few addresses and many mentions of them. Numbers are the block's own: 0 is none, others count from 1; one
address in two spellings has two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowstitch.kernels._jit import inner_kernel
from flowstitch.kernels.address_text import parse_address
from flowstitch.kernels.intern import WORD_KEY, intern_word
from flowstitch.kernels.wide_text import find_blank8

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowstitch.arrays import Ints, Words

_NULL = np.uint64(0xFFFFFFFFFFFFFFFF)


class AddressMemo(NamedTuple):
    """Addresses seen so far.

    Attributes
    ----------
    slots, keys : of their texts, as for ``intern_word``.
    high, low : shape (n,), uint64, halves of each address, all ones for a text that is none.
    count : shape (1,), int64, the next number.
    """

    slots: NDArray[np.uint32]
    keys: Words
    high: Words
    low: Words
    count: Ints


def make_memo(addresses: int) -> AddressMemo:
    """Empty memo for at most so many addresses."""
    size = addresses + 1
    return AddressMemo(
        np.zeros(1 << (2 * size - 1).bit_length(), np.uint32),
        np.empty((size, WORD_KEY), np.uint64),
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
    stop = find_blank8(text, at)
    number = intern_word(text, at, stop - at, 0, memo.slots, memo.keys, memo.count[0])
    if number == memo.count[0]:
        good, high, low = parse_address(text, at, stop)
        add_address(high if good else _NULL, low if good else _NULL, memo)
    if memo.high[number] == _NULL and memo.low[number] == _NULL:
        return np.int64(0), stop
    return number, stop


@inner_kernel
def add_address(high, low, memo):
    """Number of an address that was parsed, without looking whether it has one already."""
    number = memo.count[0]
    memo.count[0] = number + 1
    memo.high[number], memo.low[number] = high, low
    return number
