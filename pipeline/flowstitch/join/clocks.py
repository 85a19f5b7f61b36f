"""How far the clocks of the nodes are apart, from connections that two of them saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowstitch.join.keys import run_pointers
from flowstitch.kernels.group import group
from flowstitch.kernels.lifetimes import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowstitch.arrays import Ints


# So many connections must tell a difference, and agree on it.
FEWEST, SPREAD = 3, SECOND
# Smaller differences are the readers' lateness, not the clocks'.
TOLD_APART = SECOND // 2


def join_offsets(samples: Sequence[Ints], known_nodes: Ints) -> Ints:
    """Offset of each node's clock against a common one, that of the node nearest to all others, µs.

    The median per pair of nodes is carried over the pairs with most samples first.

    Parameters
    ----------
    samples : of each bucket, shape (samples, 3), two nodes and the difference of their clocks in µs as each connection tells it that they both
        saw from the NEW on, and nobody else (``kernels.sides.pair_starts``): those two lifetimes are one, and the difference of their starts is
        the clocks' (a reader stamps within some 0.1 s).
    known_nodes : nodes that there are.

    Returns
    -------
    Offset by node: what has to be taken from that node's times. A node without a pair has 0.
    """
    nodes = np.unique(known_nodes).tolist()
    offsets = np.zeros(max(nodes, default=0) + 1, np.int64)
    pairs = np.concatenate(samples)
    if pairs.shape[0] == 0:
        return offsets
    numbers, first = group(pairs[:, :2].astype(np.uint64))
    order = np.argsort(numbers, kind="stable")
    pointer = run_pointers(numbers[order], first.shape[0])
    edges = []
    for number, row in enumerate(first.tolist()):
        of_pair = pairs[order[pointer[number] : pointer[number + 1]], 2]
        median = int(np.median(of_pair))
        if of_pair.shape[0] >= FEWEST and np.median(np.abs(of_pair - median)) < SPREAD:
            left, right = pairs[row, :2].tolist()
            edges.append((-of_pair.shape[0], left, right, median))
    tree = _Forest(offsets, nodes)
    for _, left, right, median in sorted(edges):
        tree.join(left, right, median)
    known = offsets[nodes]
    offsets[nodes] -= min(known.tolist(), key=lambda middle: int(np.abs(known - middle).sum()))
    return np.where(np.abs(offsets) >= TOLD_APART, offsets, 0)


def flow_log_offset(samples: Ints) -> int:
    """Offset of the flow logs' clock against the nodes', µs, 0 where fewer than 8 connections tell.

    Parameters
    ----------
    samples : shape (n,), µs; how much later than a connection's start by the nodes' clock the middle of the second is
        in which the window begins that has its first packet.
    """
    if samples.shape[0] < 8:
        return 0
    median = int(np.median(samples))
    return median if abs(median) > SECOND else 0


class _Forest:
    """Offsets within each connected part, joined from the best-proven pair on."""

    def __init__(self, offsets: Ints, nodes: list[int]) -> None:
        self._offsets = offsets
        self._part = {node: node for node in nodes}

    def join(self, left: int, right: int, gap: int) -> None:
        """Let ``right``'s clock be ``gap`` ahead of ``left``'s, unless that is known already."""
        if self._part[left] == self._part[right]:
            return
        shift = int(self._offsets[left]) + gap - int(self._offsets[right])
        old, new = self._part[right], self._part[left]
        for node, part in self._part.items():
            if part == old:
                self._part[node] = new
                self._offsets[node] += shift
