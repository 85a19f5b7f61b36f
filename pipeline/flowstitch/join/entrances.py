"""Where connections from outside to a port of a node came in: rows of the view ``entry_crossings``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flowstitch.catalog import field
from flowstitch.normalize.columns import renumber

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowstitch.arrays import Columns, Flags
    from flowstitch.normalize.columns import Pools


def list_entry_crossings(datapaths: Columns, segments: Columns, pools: Pools) -> pa.Table:
    """Rows of the view ``entry_crossings`` of some paths, one for each connection.

    Parameters
    ----------
    datapaths, segments : columns of these tables.
    """
    of_outside = _is_one_of(datapaths, "client_kind", ("outside", "lb"))
    chosen = np.flatnonzero(of_outside & _is_one_of(datapaths, "dialled_kind", ("node_port", "external_ip")))
    chosen = chosen[np.argsort(datapaths["path_id"][chosen])]
    first = np.flatnonzero(
        (segments["position"] == 0) & np.isin(segments["path_id"], datapaths["path_id"][chosen])
    )
    path = chosen[np.searchsorted(datapaths["path_id"][chosen], segments["path_id"][first])]
    crossings = pc.binary_join(segments["crossings"].take(pa.array(first)), ",")
    policies = pa.array([None, *field("traffic_policy").values], pa.string())
    returned = datapaths["return_bytes"][path]
    services, service = renumber(datapaths["service"][path])
    words = pa.array([pools.names.word(code) for code in services.tolist()], pa.string())
    return pa.table(
        {
            "service": words.take(pa.array(service)),
            "traffic_policy": policies.take(pa.array(datapaths["traffic_policy"][path])),
            "crossings": pc.if_else(pc.equal(crossings, ""), None, crossings),
            "connections": np.ones(path.shape[0], np.int64),
            "return_bytes": pa.array(returned, mask=returned < 0),
        }
    )


def _is_one_of(columns: Columns, name: str, values: Sequence[str]) -> Flags:
    return np.isin(columns[name], [field(name).code(value) for value in values])
