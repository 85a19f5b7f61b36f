"""Keys as words: what has to be equal for rows to be of one wire, or of one tuple on one node."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import kernel

_S8, _S16, _S24, _S32 = np.uint64(8), np.uint64(16), np.uint64(24), np.uint64(32)


@kernel
def wire_words(protocol, src, src_port, dst, dst_port, scope, ported, out):
    """Wire keys: protocol and scope, then the two ends, the lower one first, so that both directions are equal.

    Parameters
    ----------
    protocol, src, src_port, dst, dst_port, scope : shape (n,), int64, see ``join.keys.Tuples``.
    ported : shape (256,), bool, protocols whose ports belong to the key.
    out : shape (n, 3), uint64, receives the keys.
    """
    for row in range(out.shape[0]):
        left, right = np.uint64(src[row]) << _S16, np.uint64(dst[row]) << _S16
        if ported[protocol[row]]:
            left |= np.uint64(src_port[row])
            right |= np.uint64(dst_port[row])
        out[row, 0] = np.uint64(protocol[row]) | np.uint64(scope[row]) << _S8
        out[row, 1] = min(left, right)
        out[row, 2] = max(left, right)


@kernel
def entry_words(
    node, zone, protocol, src, src_port, dst, dst_port, reply_src, reply_src_port, reply_dst, reply_dst_port, out
):  # fmt: skip
    """Keys of conntrack rows: node, protocol and zone, then both tuples.

    Parameters
    ----------
    node : shape (n,), uint32. zone : shape (n,), int32, -1 where there is none.
    protocol, src, src_port, dst, dst_port : shape (n,), int64, the original tuple; ``reply_…`` the other one.
    out : shape (n, 5), uint64, receives the keys.
    """
    for row in range(out.shape[0]):
        place = np.uint64(node[row]) << _S24 | np.uint64(protocol[row]) << _S16
        out[row, 0] = place | np.uint64(max(zone[row], 0))
        out[row, 1] = np.uint64(src[row]) << _S32 | np.uint64(dst[row])
        out[row, 2] = np.uint64(src_port[row]) << _S16 | np.uint64(dst_port[row])
        out[row, 3] = np.uint64(reply_src[row]) << _S32 | np.uint64(reply_dst[row])
        out[row, 4] = np.uint64(reply_src_port[row]) << _S16 | np.uint64(reply_dst_port[row])
