"""What points that follow each other on the way of paths counted, summed up: rows of the view ``counter_pairs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from flowstitch.catalog import field
from flowstitch.kernels.counters import (
    AMBIGUOUS,
    JUDGEMENTS,
    KEY_WORDS,
    KNOWN_CLIENT,
    LISTED,
    LOGGED,
    POINT_COLUMNS,
    SCRATCH_COLUMNS,
    SUMS,
    TCP,
    TOLD,
    UNOPENED,
    number_paths,
    sum_pairs,
)
from flowstitch.kernels.group import free_slots

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowstitch.arrays import Columns, Ints, Narrow, Words
    from flowstitch.normalize.columns import Pools

_FORMS = {"conntrack-list": LISTED, "conntrack-events": TOLD, "vpc-flow-log": LOGGED}
# Where on the way from client to server a part is.
_PLACES = {
    "client": 0, "forward_out": 1, "return_in": 1, "forward_transit": 2, "return_transit": 2, "transit": 4,
    "forward_in": 5, "return_out": 5, "server": 6,
}  # fmt: skip
_OBSERVED = (
    "kind", "part", "position", "node", "eni", "packets", "bytes", "reply_packets", "reply_bytes", "first_seen", "last_seen", "shared_by"
)  # fmt: skip


def sum_counter_pairs(
    datapaths: Columns, observations: Columns, skipped: Mapping[int, tuple[Ints, Ints]], pools: Pools
) -> pa.Table:
    """Rows of the view ``counter_pairs`` of some paths.

    Parameters
    ----------
    datapaths, observations : columns of these tables, rows of a path together and paths in the order of ``datapaths``.
    skipped : see ``Coverage``.
    """
    rows = observations["path_id"].shape[0]
    path = np.empty(rows, np.int64)
    longest = number_paths(datapaths["path_id"], observations["path_id"], path)
    entries, legs = np.empty((2, longest, SCRATCH_COLUMNS), np.int64)
    points = np.empty((2 * longest, POINT_COLUMNS), np.int64)
    order, scratch = np.empty((2, 2 * longest), np.int64)
    # a row of conntrack can count both ways
    most = 2 * rows
    keys, sums = np.empty((most, KEY_WORDS), np.uint64), np.empty((most, len(SUMS)), np.int64)
    told = [datapaths["first_seen"], datapaths["last_seen"], _facts(datapaths, pools)]
    told += [observations[name] for name in _OBSERVED]
    known = [*_tables(pools), *_windows(skipped, len(pools.names))]
    room = [entries, legs, points, order, scratch, free_slots(most), keys, sums]
    found = sum_pairs(path, *told, *known, *room)
    return _told(keys[:found], sums[:found], pools)


def _facts(datapaths: Columns, pools: Pools) -> Narrow:
    outcome, match = field("outcome"), field("match")
    tcp = datapaths["protocol"] == pools.names.code("tcp")
    # where nothing is known it is not said that it was not
    opened = np.ones(len(outcome.values) + 1, np.bool_)
    opened[1:] = [value in {"established", "closed"} for value in outcome.values]
    facts = TCP * tcp + UNOPENED * (tcp & ~opened[datapaths["outcome"]])
    facts += AMBIGUOUS * (datapaths["match"] == match.code("ambiguous"))
    facts += KNOWN_CLIENT * (datapaths["client_node"] > 0)
    return facts.astype(np.uint8)


def _tables(pools: Pools) -> tuple[Narrow, Ints, Ints, Ints, Ints]:
    """What a kind of row is, by name code; place, way and order of a part, by its code; order of names."""
    kinds = dict(zip(pools.names.codes(_FORMS).tolist(), _FORMS.values(), strict=True))
    forms = np.zeros(len(pools.names), np.uint8)
    forms[list(kinds)] = list(kinds.values())
    parts = field("part").values
    places = np.array([-1, *(_PLACES.get(part, -1) for part in parts)], np.int64)
    backs = np.array([0, *(part.startswith("return") for part in parts)], np.int64)
    order = np.array([0, *(1 + sorted(parts).index(part) for part in parts)], np.int64)
    ranks = pools.names.ranks().copy()
    # null comes last
    ranks[0] = ranks.shape[0]
    return forms, places, backs, order, ranks


def _windows(skipped: Mapping[int, tuple[Ints, Ints]], names: int) -> tuple[Ints, Ints, Ints]:
    """Windows of ENIs one behind the other, and where those of each name code begin."""
    known = sorted((code, windows) for code, windows in skipped.items() if code)
    counts = np.zeros(names + 1, np.int64)
    for code, (starts, _) in known:
        counts[code + 1] = starts.shape[0]
    none = [np.empty(0, np.int64)]
    starts, ends = (np.concatenate(none + [windows[which] for _, windows in known]) for which in range(2))
    return np.cumsum(counts), starts, ends


def _told(keys: Words, sums: Ints, pools: Pools) -> pa.Table:
    back, near, far, judgement = (keys[:, 0] >> np.uint64(shift) & np.uint64(255) for shift in (24, 16, 8, 0))
    parts, name = (None, *field("part").values), pools.names.word
    words = {
        "hop_direction": _words(back, ("forward", "return").__getitem__),
        "near_part": _words(near, parts.__getitem__),
        "near_node": _words(keys[:, 1], name),
        "far_part": _words(far, parts.__getitem__),
        "far_node": _words(keys[:, 2], name),
        "judgement": _words(judgement, JUDGEMENTS.__getitem__),
    }
    return pa.table(words | {column: sums[:, place] for place, column in enumerate(SUMS)})


def _words(codes: Words, word: Callable[[int], str | None]) -> pa.Array:
    return pa.array(map(word, codes.tolist()), pa.string())
