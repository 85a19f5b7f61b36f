"""Keys of rows, numbered where they stand: what has to be equal for rows to be of one wire, or of one tuple on one node."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import inner_kernel, kernel
from flowstitch.kernels.group import find_key
from flowstitch.kernels.lifetimes import LIST, UNKNOWN

NEVER = np.iinfo(np.int64).max
_S8, _S16, _S24, _S32 = np.uint64(8), np.uint64(16), np.uint64(24), np.uint64(32)


@kernel
def number_wires(protocol, src, src_port, dst, dst_port, scope, ported, count, keys, slots, out):
    """Number the wire keys of rows, which are protocol, scope and both ends, the lower one first, so that both directions are equal.

    Parameters
    ----------
    protocol, src, src_port, dst, dst_port, scope : shape (n,), see ``join.keys.Tuples``; a protocol or port below 0 counts as 0.
    ported : shape (256,), bool, protocols whose ports belong to the key.
    count : how many keys have numbers already, those of other rows.
    keys : shape (m, 3), uint64, m no less than all rows, receives each key at its number.
    slots : see ``kernels.group.find_key``, of the rows of ``keys``.
    out : shape (n,), int64, receives the number of each row.

    Returns
    -------
    How many keys have numbers now; they follow first appearance.
    """
    for row in range(out.shape[0]):
        number = max(protocol[row], 0)
        left, right = np.uint64(src[row]) << _S16, np.uint64(dst[row]) << _S16
        if ported[number]:
            left |= np.uint64(max(src_port[row], 0))
            right |= np.uint64(max(dst_port[row], 0))
        place = np.uint64(number) | np.uint64(scope[row]) << _S8
        found = find_key(keys, count, slots, (place, min(left, right), max(left, right)))
        out[row] = found
        if found == count:
            count += 1
    return count


@inner_kernel
def _ports(src_port, dst_port, echo_id, echo):
    """Ports of a tuple, 0 where there are none; the echo identifier stands for both."""
    if echo:
        src_port = dst_port = echo_id
    return max(src_port, 0), max(dst_port, 0)


@kernel
def number_tuples(
    node, zone, protocol, src, src_port, dst, dst_port, reply_src, reply_src_port, reply_dst, reply_dst_port,
    echo_id, reply_echo_id, echoes, keys, slots, out,
):  # fmt: skip
    """Number what has to be equal for conntrack rows to be of one tuple on one node: node, protocol, zone and both tuples.

    Parameters
    ----------
    node : shape (n,), uint32. zone : shape (n,), int32, -1 where there is none, which counts as 0.
    protocol, src, … reply_echo_id : columns of the table ``conntrack``.
    echoes : shape (256,), bool, protocols whose echo identifier stands for both ports.
    keys : shape (n, 4), uint64, receives each key at its number.
    slots : see ``kernels.group.find_key``.
    out : shape (n,), int64, receives the number of each row.

    Returns
    -------
    How many keys there are; numbers follow first appearance.
    """
    count = 0
    for row in range(out.shape[0]):
        echo = echoes[protocol[row]]
        left, right = _ports(src_port[row], dst_port[row], echo_id[row], echo)
        back_left, back_right = _ports(reply_src_port[row], reply_dst_port[row], reply_echo_id[row], echo)
        place = np.uint64(node[row]) << _S24 | np.uint64(protocol[row]) << _S16
        ports = np.uint64(left) << _S16 | np.uint64(right)
        key = (
            place | np.uint64(max(zone[row], 0)),
            np.uint64(src[row]) << _S32 | np.uint64(dst[row]),
            np.uint64(reply_src[row]) << _S32 | np.uint64(reply_dst[row]),
            ports << _S32 | np.uint64(back_left) << _S16 | np.uint64(back_right),
        )
        found = find_key(keys, count, slots, key)
        out[row] = found
        if found == count:
            count += 1
    return count


@inner_kernel
def _scope(node, src, dst, local):
    """Scope of a tuple, see ``join.keys.Tuples``."""
    return np.int64(node) + 1 if local[src] or src == dst else 0


@kernel
def scope_tuples(node, src, dst, local, out):
    """Scope of the tuple of each row, see ``read_tuples``, into ``out``, shape (n,), int32."""
    for row in range(out.shape[0]):
        out[row] = _scope(node[row], src[row], dst[row], local)


@kernel
def read_tuples(
    rows, node, protocol, src, src_port, dst, dst_port, echo_id,
    reply_src, reply_src_port, reply_dst, reply_dst_port, reply_echo_id, echoes, local, translated,
    out_protocol, out_src, out_src_port, out_dst, out_dst_port, out_scope,
    back_protocol, back_src, back_src_port, back_dst, back_dst_port, back_scope,
):  # fmt: skip
    """Both tuples of each chosen conntrack row as they go over the wire, see ``join.keys.Tuples``, the reply tuple turned round.

    Parameters
    ----------
    rows : shape (m,), int64, the chosen rows.
    node, src, dst, reply_src, reply_dst : shape (n,), uint32, name code and address numbers.
    protocol, src_port, dst_port, echo_id, reply_src_port, reply_dst_port, reply_echo_id : shape (n,), int32, -1 where there is none.
    echoes : shape (256,), bool, protocols whose echo identifier stands for both ports.
    local : by address number, bool, addresses that never are a source on a wire.
    translated : shape (m,), bool, receives whether the two differ.
    out_protocol, … out_scope, back_protocol, … back_scope : shape (m,), uint32 for addresses, else int32, receive the original tuple and the reply's.
    """
    for place in range(rows.shape[0]):
        row = np.uint64(rows[place])
        number = protocol[row]
        echo = echoes[number]
        client, server, source, target = src[row], dst[row], reply_dst[row], reply_src[row]
        client_port, server_port = _ports(src_port[row], dst_port[row], echo_id[row], echo)
        source_port, target_port = _ports(reply_dst_port[row], reply_src_port[row], reply_echo_id[row], echo)
        out_protocol[place] = back_protocol[place] = number
        out_src[place], out_src_port[place] = client, client_port
        out_dst[place], out_dst_port[place] = server, server_port
        back_src[place], back_src_port[place] = source, source_port
        back_dst[place], back_dst_port[place] = target, target_port
        out_scope[place] = _scope(node[row], client, server, local)
        back_scope[place] = _scope(node[row], source, target, local)
        other_ends = client != source or server != target
        translated[place] = other_ends or client_port != source_port or server_port != target_port


@kernel
def number_cases(
    node, protocol, state, assured, timeout_s, event, seen, keys, slots, first, longest, begun, ended, out
):
    """Number the distinct (node, protocol, state, assured) of rows, and find the longest time left of each, its first event and its last.

    Parameters
    ----------
    node : shape (n,), uint32. protocol : shape (n,), int32. state : shape (n,), uint8. assured : shape (n,), int8.
    timeout_s : shape (n,), int64, seconds, -1 if unknown. event : shape (n,), uint8, ``LIST`` is none.
    seen : shape (n,), int64, µs, the smallest int64 if unknown.
    keys : shape (n, 1), uint64, receives each key at its number. slots : see ``kernels.group.find_key``.
    first, longest : shape (n,), int64, receive by number the row that showed it first, and the most of ``timeout_s``, at least 0.
    begun, ended : shape (n,), int64, receive by number the first ``seen`` of an event and the last; without any the first is later than the last.
    out : shape (n,), int64, receives the number of each row.

    Returns
    -------
    How many there are; numbers follow first appearance.
    """
    count = 0
    found = np.int64(0)
    for row in range(out.shape[0]):
        place = np.uint64(node[row]) << _S24 | np.uint64(protocol[row]) << _S16
        key = place | np.uint64(state[row]) << _S8 | np.uint64(assured[row] + 1)
        # rows of a node stand together, and many are alike
        if row == 0 or key != keys[found, 0]:
            found = find_key(keys, count, slots, (key,))
        if found == count:
            first[count], longest[count] = row, 0
            begun[count], ended[count] = NEVER, UNKNOWN
            count += 1
        out[row] = found
        longest[found] = max(longest[found], timeout_s[row])
        if event[row] != LIST and seen[row] != UNKNOWN:
            begun[found], ended[found] = min(begun[found], seen[row]), max(ended[found], seen[row])
    return count
