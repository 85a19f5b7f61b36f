"""Until when a masquerading node held the source port of each path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowstitch.normalize.columns import NULL_TIME

if TYPE_CHECKING:
    from flowstitch.arrays import Ints
    from flowstitch.join.classify import Translations
    from flowstitch.join.groups import Group
    from flowstitch.join.stitched import Cluster
    from flowstitch.join.verdicts import Verdicts


def snat_held_until(group: Group, nat: Translations, verdicts: Verdicts, cluster: Cluster) -> Ints:
    """Last packet of each path with a translated source port, or the last row that tells of its entry after that; shape (paths,), µs.

    A row tells where its node may be that whose address the server saw: of any node where that is not known. Without a translated port ``NULL_TIME``.
    """
    stitched, translated = group.stitched, nat.snat_port >= 0
    entries = stitched.entries
    holder = cluster.owners.at(nat.snat_ip, verdicts.first)
    node = np.where(holder.of("node"), holder.name, 0)
    path = stitched.chains.path[stitched.sides.originals(len(entries))]
    own = (node[path] == entries.node) | (node[path] == 0) | (entries.node == 0)
    tells = translated[path] & own
    rows = np.flatnonzero(tells[entries.row_entry])
    until = np.where(translated, verdicts.last, NULL_TIME)
    np.maximum.at(until, path[entries.row_entry[rows]], group.conntrack["seen_at"][rows])
    return until
