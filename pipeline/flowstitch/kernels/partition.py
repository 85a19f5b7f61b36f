"""Rows put together by the hash of their wire key, so that what meets is worked on in cache."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import kernel
from flowstitch.kernels.hashing import mix

_S16, _S24 = np.uint64(16), np.uint64(24)
# Values that are compared before the first difference counts: by themselves they could not be compared several at a time.
_AT_ONCE = 4096


@kernel
def hash_wires(protocol, src, src_port, dst, dst_port, scope, ported, out):
    """Hash of each row's wire key as flow logs show it: equal for both directions, without what is a port to conntrack alone.

    Parameters
    ----------
    protocol, src_port, dst_port : shape (n,), int32, below 0 where there is none.
    src, dst : shape (n,), uint32, address numbers.
    scope : shape (n,), int32, 0 on a shared wire.
    ported : shape (256,), bool, which protocols have ports.
    out : shape (n,), uint64, receives the hashes.
    """
    for row in range(out.shape[0]):
        number = max(protocol[row], 0)
        left, right = np.uint64(src[row]), np.uint64(dst[row])
        left_port = right_port = np.uint64(0)
        if ported[number]:
            left_port, right_port = np.uint64(max(src_port[row], 0)), np.uint64(max(dst_port[row], 0))
        # a sum knows no order
        ends = mix(left << _S16 | left_port) + mix(right << _S16 | right_port)
        out[row] = mix(ends ^ (np.uint64(scope[row]) << _S24 | np.uint64(number)))


@kernel
def place_rows(hashes, shift, begins, following, places):
    """Where each row stands once rows of one bucket are together, in their order.

    Parameters
    ----------
    hashes : shape (n,), uint64; a bucket is what ``hash >> shift`` says.
    shift : uint64.
    begins : shape (buckets + 1,), int64, all 0, receives where each bucket begins.
    following : shape (buckets,), int64, is overwritten.
    places : shape (n,), uint32, receives the new place of each row.
    """
    for row in range(hashes.shape[0]):
        begins[np.int64(hashes[row] >> shift) + 1] += 1
    for bucket in range(following.shape[0]):
        begins[bucket + 1] += begins[bucket]
        following[bucket] = begins[bucket]
    for row in range(hashes.shape[0]):
        bucket = np.int64(hashes[row] >> shift)
        places[row] = following[bucket]
        following[bucket] += 1


@kernel
def all_alike(values):
    """Whether all of ``values``, shape (n,), an unsigned integer type, are the same."""
    for begin in range(0, values.shape[0], _AT_ONCE):
        differing = values[begin] ^ values[0]
        for row in range(begin, min(begin + _AT_ONCE, values.shape[0])):
            differing |= values[row] ^ values[0]
        if differing != 0:
            return False
    return True


@kernel
def move_rows(values, places, out):
    """Put each of ``values``, shape (n,), an unsigned integer type, into ``out`` at its place, shape (n,), uint32."""
    for row in range(values.shape[0]):
        out[places[row]] = values[row]
