"""Ports that are not in use: every address has a counter, and a counter is a walk through a range in scattered steps.

A walk comes by a port again when the range is through, and not before. The ranges of one address are apart, so that a
long connection is not met by a later short one. A node connects from even ports, as Linux does (inet_hash_connect), and
masquerades to odd ones, which the kernel would see to by looking for a free port.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from flowstitch.arrays import Ints


@dataclass(frozen=True)
class Range:
    """Ports ``first + step * k`` for k below ``count``; ``stride`` and ``count`` have no common divisor."""

    first: int
    count: int
    stride: int
    step: int = 1


SHORT = Range(32768, 28232, 12347)
LONG = Range(61000, 4536, 1111)
# Of programs that bind their port.
FIXED = Range(10000, 20000, 7919)
OF_NODE = Range(32768, 16000, 6007, step=2)
MASQUERADE = Range(1025, 32200, 12347, step=2)
ECHO = Range(1, 65535, 1)
_SPREAD = 7919


class Counters:
    """A walk of each of several addresses through a range."""

    def __init__(self, holders: int, ports: Range) -> None:
        self._used = np.zeros(holders, np.int64)
        self._ports = ports

    def take(self, holder: Ints) -> Ints:
        """A port for each row, of the address ``holder``."""
        order = np.argsort(holder, kind="stable")
        ordered = holder[order]
        heads = np.flatnonzero(np.diff(ordered, prepend=-1))
        sizes = np.diff(np.append(heads, ordered.shape[0]))
        turn = np.empty(holder.shape[0], np.int64)
        turn[order] = np.arange(ordered.shape[0]) - np.repeat(heads, sizes) + self._used[ordered]
        self._used[ordered[heads]] += sizes
        ports = self._ports
        return ports.first + ports.step * ((turn * ports.stride + holder * _SPREAD) % ports.count)
