"""What goes wrong with observers: clocks, lost events, nodes that nobody dumped, files that were cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from flowstitch.simulator.settings import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from flowstitch.simulator.conntrack import ConntrackRows
    from flowstitch.simulator.ipvs import IpvsRows
    from flowstitch.simulator.settings import Settings

    Listed = TypeVar("Listed", ConntrackRows, IpvsRows)

# Of a torn file so much is left.
LEFT = 0.6


class Defects:
    """Defects of conntrack.

    Attributes
    ----------
    skew : shape (nodes,), how far each node's clock is ahead, µs, whole milliseconds.
    """

    def __init__(self, settings: Settings, nodes: int) -> None:
        random = np.random.default_rng([settings.seed, 3])
        most = round(settings.clock_skew_s * 1000)
        self.skew = random.integers(-most, most + 1, nodes) * (SECOND // 1000)
        self._silent = np.zeros(nodes, np.bool_)
        self._silent[random.permutation(nodes)[: settings.lost_nodes]] = True
        self._settings = settings

    def listed(self, rows: Listed) -> Listed:
        """What is left of lists."""
        kept = ~self._silent[rows.node]
        return rows if kept.all() else rows.take(np.flatnonzero(kept))

    def events(self, blocks: Iterable[ConntrackRows], number: int) -> Iterator[ConntrackRows]:
        """What is left of the events of the slice ``number``."""
        random, lost = np.random.default_rng([self._settings.seed, 5, number]), self._settings.lost_events
        for rows in blocks:
            kept = ~self._silent[rows.node]
            if lost:
                kept &= random.random(len(rows)) >= lost
            yield rows if kept.all() else rows.take(np.flatnonzero(kept))


def tear(export: Path, settings: Settings) -> None:
    """Cut off the share of the packed logs that is to be torn."""
    if not settings.torn_files:
        return
    logs = sorted(export.rglob("*.gz"))
    random = np.random.default_rng([settings.seed, 6])
    for path, dice in zip(logs, random.random(len(logs)).tolist(), strict=True):
        if dice < settings.torn_files:
            content = path.read_bytes()
            path.write_bytes(content[: int(len(content) * LEFT)])
