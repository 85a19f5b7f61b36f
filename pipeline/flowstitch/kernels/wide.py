"""Eight bytes of text at a time: a number in a register is searched, compared and written at once.

The bytes of a text are followed by ``arrays.PADDING`` more, so that a load near its end stays within the array.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from flowstitch.kernels._jit import bounds_checked, kernel

_LOW = np.uint64(0x0101010101010101)
_HIGH = np.uint64(0x8080808080808080)
_ZEROS = np.uint64(0x3030303030303030)
_NINE_TO_HIGH = np.uint64(0x7676767676767676)
_PAIRS = np.uint64(0x000000FF000000FF)
_EIGHT, _BITS = np.uint64(8), np.uint64(64)


@intrinsic
def _load_unaligned(typing_context, text, at):
    """Native load of the eight bytes at ``text[at]``, first byte lowest on the little-endian machines that numba knows."""
    signature = types.uint64(text, at)

    def generate(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        index = context.cast(builder, arguments[1], signature.args[1], types.intp)
        pointer = builder.bitcast(
            cgutils.gep_inbounds(builder, array.data, index), ir.IntType(64).as_pointer()
        )
        return builder.load(pointer, align=1)

    return signature, generate


@kernel
def _load_checked(text, at):
    value = np.uint64(0)
    for place in range(8):
        value |= np.uint64(text[at + place]) << np.uint64(8 * place)
    return value


if bounds_checked():
    load8 = _load_checked
else:

    @kernel
    def load8(text, at):
        """Eight bytes of ``text`` (uint8, at least ``at + 8`` long) as uint64, the first one lowest."""
        return _load_unaligned(text, at)


@intrinsic
def _store_unaligned(typing_context, text, at, value):
    """Native store of a uint64 into the eight bytes at ``text[at]``, the counterpart of ``_load_unaligned``."""
    signature = types.void(text, at, types.uint64)

    def generate(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        index = context.cast(builder, arguments[1], signature.args[1], types.intp)
        pointer = builder.bitcast(
            cgutils.gep_inbounds(builder, array.data, index), ir.IntType(64).as_pointer()
        )
        builder.store(arguments[2], pointer, align=1)
        return context.get_dummy_value()

    return signature, generate


@kernel
def _store_checked(text, at, value):
    for place in range(8):
        text[at + place] = value >> np.uint64(8 * place) & np.uint64(0xFF)


if bounds_checked():
    store8 = _store_checked
else:

    @kernel
    def store8(text, at, value):
        """Put a uint64 into eight bytes of ``text`` (uint8, at least ``at + 8`` long), its lowest byte first."""
        _store_unaligned(text, at, np.uint64(value))


@kernel
def spread(byte):
    """The byte in all eight places, uint64."""
    return np.uint64(byte) * _LOW


@kernel
def zero_bytes(value):
    """The highest bit of each byte of ``value`` that is zero, up to the lowest such byte exactly, uint64.

    Above the first zero byte a byte of one may be taken for zero (Mycroft's test): the first one is what counts.
    """
    return (value - _LOW) & ~value & _HIGH


@intrinsic
def _trailing_zeros(typing_context, value):
    """Zero bits below the lowest one of a uint64, 64 when there is none."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.IntType(1)(0))

    return types.uint64(types.uint64), generate


@kernel
def lowest_bit(marks):
    """Number of the lowest bit of a uint64 that is set, int64; 64 when none is."""
    return np.int64(_trailing_zeros(marks))


@kernel
def first_byte(marks):
    """Number of the lowest byte that is marked, 0 to 7; 8 when none is. ``marks`` is a uint64 of highest bits."""
    return lowest_bit(np.uint64(marks)) >> 3


@kernel
def find_byte8(text, at, stop, byte):
    """First place in ``[at, stop]`` that has the byte, ``stop`` when none has; ``text`` is ``PADDING`` longer than ``stop``."""
    wanted = spread(byte)
    while at < stop:
        marks = zero_bytes(load8(text, at) ^ wanted)
        if marks != 0:
            return min(at + first_byte(marks), stop)
        at += 8
    return stop


@kernel
def keep(value, count):
    """The lowest ``count`` bytes of a uint64, 0 to 7 of them, the others zero."""
    return value & ((np.uint64(1) << (_EIGHT * np.uint64(count))) - np.uint64(1))


@kernel
def same(left, at, right, place, length):
    """Whether ``left[at:at + length]`` equals ``right[place:place + length]``; both are ``PADDING`` longer than that."""
    while length >= 8:
        if load8(left, at) != load8(right, place):
            return False
        at += 8
        place += 8
        length -= 8
    return length == 0 or keep(load8(left, at) ^ load8(right, place), length) == 0


@kernel
def below(value, bounds):
    """The highest bit of each byte of ``value`` that is below that of ``bounds``, all at most 128, up to the lowest exactly."""
    return (value - bounds) & ~value & _HIGH


@kernel
def count_digits(value):
    """How many of the lowest bytes are digits before another byte comes, 0 to 8."""
    value ^= _ZEROS
    # 0 to 9 stay below 128 with 118 added; what a byte carries into the next one is above the first that is no digit
    return first_byte((value + _NINE_TO_HIGH | value) & _HIGH)


@kernel
def decimal8(value, digits):
    """Number that the lowest ``digits`` bytes spell, 0 to 8 decimal digits, the first one lowest, int64."""
    if digits == 0:
        return 0
    # zeros in front make it eight
    return _join8((value ^ _ZEROS) << (_BITS - _EIGHT * np.uint64(digits)))


@kernel
def digits8(value, count):
    """Number that the lowest ``count`` bytes spell, 1 to 8, the first one lowest, int64; -1 where one of them is no digit."""
    value = (value ^ _ZEROS) << (_BITS - _EIGHT * np.uint64(count))
    if (value + _NINE_TO_HIGH | value) & _HIGH != 0:
        return np.int64(-1)
    return _join8(value)


@kernel
def _join8(value):
    """Number of eight digits, each a byte: pairs, fours and all eight are put together, each in one multiplication."""
    value = value * np.uint64(10) + (value >> _EIGHT)
    upper = (value & _PAIRS) * np.uint64(100 + (1_000_000 << 32))
    lower = ((value >> np.uint64(16)) & _PAIRS) * np.uint64(1 + (10_000 << 32))
    return np.int64((upper + lower) >> np.uint64(32))
