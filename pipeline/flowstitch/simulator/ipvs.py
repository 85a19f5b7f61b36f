"""What ``ipvsadm -Lnc`` of the nodes lists: the connections that IPVS translates, as long as it keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.simulator.columns import Rows
from flowstitch.simulator.connections import CLOSED, DATAGRAMS, REFUSED
from flowstitch.simulator.conntrack import so_far
from flowstitch.simulator.settings import SECOND

if TYPE_CHECKING:
    from flowstitch.arrays import Ints
    from flowstitch.simulator.conntrack import Entries

ESTABLISHED, TIME_WAIT, SYN_RECV, CLOSE, UDP = range(5)
STATES = ("ESTABLISHED", "TIME_WAIT", "SYN_RECV", "CLOSE", "UDP")
HEADER = "IPVS connection entries\npro expire state       source             virtual            destination\n"
# Of each state (net/netfilter/ipvs/ip_vs_proto_tcp.c, _udp.c).
TIMEOUTS_S = (900, 120, 60, 10, 300)


@dataclass
class IpvsRows(Rows):
    """Rows as they are written; arrays of shape (n,). ``seen`` is the stamp of the listing by the node's clock, µs."""

    node: Ints
    dump: Ints
    seen: Ints
    protocol: Ints
    state: Ints
    left_s: Ints
    client: Ints
    client_port: Ints
    virtual: Ints
    virtual_port: Ints
    server: Ints
    server_port: Ints


def ipvs_rows(entries: Entries, at: int, dump: int, skew: Ints) -> IpvsRows:
    """What listings of all nodes at a true time in µs have of the connections of entries.

    Parameters
    ----------
    skew : shape (nodes,), how far each node's clock is ahead, µs.
    """
    begun = entries.view(np.flatnonzero(entries.virtual & (entries.start <= at)))
    _, last, _ = so_far(begun, at, begun.packets, begun.octets)
    over = (begun.fate == CLOSED) & (begun.end <= at)
    state = np.select(
        [begun.fate == DATAGRAMS, over, begun.fate == CLOSED, begun.fate == REFUSED],
        [UDP, TIME_WAIT, ESTABLISHED, CLOSE], SYN_RECV,
    )  # fmt: skip
    since = np.where(over, begun.end, last)
    left = np.array(TIMEOUTS_S)[state] - (at - since) // SECOND
    # the next connection on the same ports takes the place of one that is over
    replaced = (begun.removed < begun.expiry) & (begun.removed <= at)
    kept = np.flatnonzero((left > 0) & ~replaced)
    part, state, left = begun.view(kept), state[kept], left[kept]
    return IpvsRows(
        part.node, np.full(len(part), dump), at + skew[part.node], part.protocol, state, left, part.orig_src, part.orig_src_port,
        part.orig_dst, part.orig_dst_port, part.reply_src, part.reply_src_port,
    )  # fmt: skip
