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
def read_tuples(
    node, protocol, src, src_port, dst, dst_port, echo_id, echoes, local, out_src, out_src_port, out_dst, out_dst_port, scope
):  # fmt: skip
    """One tuple of each conntrack row as it goes over the wire, see ``join.keys.Tuples``.

    Parameters
    ----------
    node, src, dst : shape (n,), uint32, name code and address numbers.
    protocol, src_port, dst_port, echo_id : shape (n,), int32, -1 where there is none.
    echoes : shape (256,), bool, protocols whose echo identifier stands for both ports.
    local : by address number, bool, addresses that never are a source on a wire.
    out_src, out_src_port, out_dst, out_dst_port, scope : shape (n,), int64, receive the tuple.
    """
    for row in range(node.shape[0]):
        left, right = src_port[row], dst_port[row]
        if echoes[protocol[row]]:
            left = right = echo_id[row]
        out_src[row], out_dst[row] = src[row], dst[row]
        out_src_port[row], out_dst_port[row] = max(left, 0), max(right, 0)
        stays = local[src[row]] or src[row] == dst[row]
        scope[row] = np.int64(node[row]) + 1 if stays else 0


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
