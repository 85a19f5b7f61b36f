"""Where bytes stand in a text, 64 at a time, a bit for each: one comparison of a vector register."""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from flowstitch.kernels._jit import bounds_checked, kernel

# Bytes that are looked at at once.
MARKED = 64

_NEWLINE, _QUOTE, _BACKSLASH, _BLANK, _ABOVE_ASCII = ord("\n"), ord('"'), ord("\\"), ord(" "), 128
_ONE = np.uint64(1)
_BYTES = ir.VectorType(ir.IntType(8), MARKED)


def _everywhere(byte: int) -> ir.Constant:
    return ir.Constant(_BYTES, [byte] * MARKED)


@intrinsic
def _find_marks_wide(typing_context, text, at, separator):
    """Native form of ``find_marks``; LLVM makes of it what the machine has."""
    signature = types.UniTuple(types.uint64, 3)(text, at, types.uint8)

    def generate(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        index = context.cast(builder, arguments[1], signature.args[1], types.intp)
        pointer = builder.bitcast(cgutils.gep_inbounds(builder, array.data, index), _BYTES.as_pointer())
        text = builder.load(pointer, align=1)
        none = ir.Constant(_BYTES, ir.Undefined)
        first = builder.insert_element(none, arguments[2], ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), MARKED), [0] * MARKED)
        newlines = builder.icmp_unsigned("==", text, _everywhere(_NEWLINE))
        marks = builder.or_(
            newlines, builder.icmp_unsigned("==", text, builder.shuffle_vector(first, none, zeros))
        )
        # as signed numbers those above ASCII are below zero
        odd = builder.icmp_signed("<", text, _everywhere(_BLANK))
        for byte in (_QUOTE, _BACKSLASH):
            odd = builder.or_(odd, builder.icmp_unsigned("==", text, _everywhere(byte)))
        odd = builder.and_(odd, builder.not_(marks))
        found = [builder.bitcast(flags, ir.IntType(MARKED)) for flags in (marks, newlines, odd)]
        return context.make_tuple(builder, signature.return_type, found)

    return signature, generate


@kernel
def _find_marks_checked(text, at, separator):
    marks, newlines, odd = np.uint64(0), np.uint64(0), np.uint64(0)
    for place in range(MARKED):
        byte = text[at + place]
        bit = _ONE << np.uint64(place)
        if byte == _NEWLINE:
            newlines |= bit
        if byte in (_NEWLINE, separator):
            marks |= bit
        elif byte < _BLANK or byte >= _ABOVE_ASCII or byte in (_QUOTE, _BACKSLASH):
            odd |= bit
    return marks, newlines, odd


if bounds_checked():
    find_marks = _find_marks_checked
else:

    @kernel
    def find_marks(text, at, separator):
        """Bytes of ``text[at:at + MARKED]``, the first one lowest, uint64 each.

        Returns
        -------
        (the separator and newlines; newlines; others that are not plain: below a blank, above ASCII, '"' or a backslash).
        """
        return _find_marks_wide(text, at, np.uint8(separator))


@intrinsic
def _ones(typing_context, value):
    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@kernel
def count_bits(marks):
    """How many bits are set, int64."""
    return np.int64(_ones(marks))
