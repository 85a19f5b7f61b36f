"""What became of the entries of each dump of conntrack, counted: rows of the view ``dump_entries``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from flowstitch.catalog import field
from flowstitch.normalize.columns import renumber

if TYPE_CHECKING:
    from flowstitch.arrays import Columns, Flags, Ints
    from flowstitch.normalize.columns import Pools


def count_dump_entries(datapaths: Columns, observations: Columns, pools: Pools) -> pa.Table:
    """Rows of the view ``dump_entries`` of some paths.

    Parameters
    ----------
    datapaths, observations : columns of these tables; each row of a dump is on one of the paths.
    """
    rows = np.flatnonzero(observations["kind"] == pools.names.code("conntrack-list"))
    sources, source = renumber(observations["source"][rows])
    ids, order = datapaths["path_id"], np.argsort(datapaths["path_id"])
    path = order[np.searchsorted(ids, observations["path_id"][rows], sorter=order)]

    def count(chosen: Flags) -> Ints:
        return np.bincount(source[chosen[path]], minlength=sources.shape[0])

    protocol, outcome = datapaths["protocol"], field("outcome")
    tcp, udp = (protocol == pools.names.code(name) for name in ("tcp", "udp"))
    lost = [outcome.code("unanswered"), outcome.code("rejected")]
    counts = {
        "entries": np.ones_like(tcp),
        "tcp": tcp,
        "udp": udp,
        "other": ~tcp & ~udp & (protocol > 0),
        "unanswered": np.isin(datapaths["outcome"], lost),
        "masqueraded": (datapaths["snat_ip"] > 0) | (datapaths["snat_port"] >= 0),
    }
    words = pa.array([pools.names.word(code) for code in sources.tolist()], pa.string())
    return pa.table({"source": words} | {name: count(chosen) for name, chosen in counts.items()})
