"""Load balancer requests and the connections that could have carried them, by backend and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from flowstitch.catalog import field
from flowstitch.catalog.protocols import protocol_names
from flowstitch.join.keys import run_pointers
from flowstitch.kernels.group import group
from flowstitch.kernels.lifetimes import SECOND
from flowstitch.kernels.requests import fill_maxima, find_carriers
from flowstitch.kernels.windows import running_maximum
from flowstitch.normalize.columns import null_columns, take_columns

if TYPE_CHECKING:
    from flowstitch.arrays import Columns, Ints, Words
    from flowstitch.join.attempts import Attempts
    from flowstitch.join.stitched import Paths, Stitched
    from flowstitch.normalize.columns import Pools

# The load balancer has a clock of its own, those of nodes are left half a second off, and they report NEW up to 0.1 s late. That
# logs have whole seconds is counted in beside it.
SLACK = SECOND
MAX_PATHS = 8
TCP, NO_PAYLOAD = 6, 1
REASONS = (
    "",
    "no upstream",
    "no connection to the backend at that time",
    "several connections could have carried it",
)


@dataclass(frozen=True)
class Requests:
    """Requests and what became of them.

    Attributes
    ----------
    rows : columns of the table ``requests``. attempts : their upstream attempts.
    count : shape (attempts,), how many paths could have carried each.
    path : shape (attempts, MAX_PATHS), those that began last, -1 where there are fewer.
    """

    rows: Columns
    attempts: Attempts
    count: Ints
    path: Ints


def attribute_requests(
    rows: Columns, attempts: Attempts, stitched: Stitched, paths: Paths, shared: Ints, ids: Words
) -> Requests:
    """Find the paths from a load balancer to the backend of each attempt that were open during it.

    Parameters
    ----------
    rows : columns of the table ``requests``. attempts : of these rows.
    shared : shape (flow rows,), how many paths each flow-log row belongs to.
    ids : ``path_id`` of each path.

    Notes
    -----
    A connection that was opened and never carried a byte is a health check, and carried no request either. One that
    was refused or never answered is what a failed attempt looks like.
    """
    path, key, asked = _carriers(paths, attempts)
    lives = _lives(stitched, paths, shared, path)
    order = np.lexsort((ids[path], lives.first[path], key))
    path, key = path[order], key[order]
    tree = np.full(2 << max(0, path.shape[0] - 1).bit_length(), np.iinfo(np.int64).min, np.int64)
    fill_maxima(lives.last[path], tree)
    pointer = run_pointers(key, int(max(key.max(initial=-1), asked.max(initial=-1))) + 1)
    since, until = _attempt_spans(rows, attempts)
    count = np.zeros(len(attempts), np.int64)
    found = np.full((len(attempts), MAX_PATHS), -1, np.int64)
    find_carriers(
        asked, since - SLACK, until + SLACK, pointer, lives.first[path], path, tree, lives.pointer, lives.span_first,
        lives.span_reach, count, found,
    )  # fmt: skip
    return Requests(rows, attempts, count, found)


def _carriers(paths: Paths, attempts: Attempts) -> tuple[Ints, Ints, Ints]:
    """Paths by backend: path and backend number of each pair, and the backend number of each attempt, -1 if none."""
    ends = paths.ends
    lb = ends.client.kind == field("client_kind").code("lb")
    path = np.flatnonzero(lb & (ends.protocol == TCP) & (paths.verdicts.payload != NO_PAYLOAD))
    server, dialled = (
        (ends.server.ip[path], ends.server.port[path]),
        (ends.dialled_ip[path], ends.dialled_port[path]),
    )
    other = (server[0] != dialled[0]) | (server[1] != dialled[1])
    ip = np.concatenate([server[0], dialled[0][other], attempts.ip])
    port = np.concatenate([server[1], dialled[1][other], attempts.port])
    key, _ = group(np.stack([ip, port + 1], axis=1).astype(np.uint64))
    path = np.concatenate([path, path[other]])
    return path, key[: path.shape[0]], np.where(attempts.ip > 0, key[path.shape[0] :], -1)


@dataclass(frozen=True)
class _Lives:
    """When each path had packets.

    Attributes
    ----------
    first, last : shape (paths,), µs.
    pointer : shape (paths + 1,), windows of flow-log rows of path p stand at [pointer[p], pointer[p + 1]).
    span_first, span_reach : shape (spans,), start of each window, and running maximum of their ends, µs.
    """

    first: Ints
    last: Ints
    pointer: Ints
    span_first: Ints
    span_reach: Ints


def _lives(stitched: Stitched, paths: Paths, shared: Ints, wanted: Ints) -> _Lives:
    """Lives of the wanted paths; flow logs can show packets later than conntrack does, which has no event for data."""
    first, last = paths.verdicts.first, paths.verdicts.last.copy()
    chosen = np.zeros(first.shape[0], np.bool_)
    chosen[wanted] = True
    pair = np.flatnonzero(chosen[paths.legs.pair_path])
    path, row = paths.legs.pair_path[pair], stitched.windows.row[pair]
    start, end = stitched.flows["window_start"][row], stitched.flows["window_end"][row] + SECOND
    later = (shared[row] == 1) & (end > last[path] + SLACK)
    np.maximum.at(last, path[later], end[later])
    order = np.lexsort((start, path))
    pointer = run_pointers(path[order], first.shape[0])
    reach = np.empty_like(end)
    running_maximum(pointer, end[order], reach)
    return _Lives(first, last, pointer, start[order], reach)


def _attempt_spans(rows: Columns, attempts: Attempts) -> tuple[Ints, Ints]:
    """Earliest start and latest end of each attempt, shape (attempts,) each, µs.

    A request is logged when its response is sent; the attempts before and after each one took their time too.
    """
    took = attempts.time_us.clip(0)
    done = np.cumsum(took)
    head = attempts.number == 1
    earlier = done - took - (done - took)[head][attempts.row]
    total = np.add.reduceat(took, np.flatnonzero(head))[attempts.row] if len(attempts) else took
    at, lasted = rows["request_at"][attempts.row], rows["request_time_us"][attempts.row]
    lasted = np.where(lasted >= 0, lasted, total)
    logged = at + np.where(at % SECOND == 0, SECOND, 0)
    since = at - lasted + np.minimum(earlier, lasted)
    until = logged - np.minimum(total - earlier - took, lasted)
    return np.minimum(since, until), until


def request_columns(requests: Requests, ids: Words, ranks: Ints) -> Columns:
    """Columns of the table ``lb_requests`` in its order: time, source, line, attempt.

    Parameters
    ----------
    ids : ``path_id`` of each path. ranks : by name code, the place of each name in sorted order.
    """
    rows, attempts = requests.rows, requests.attempts
    known = {name: values[attempts.row] for name, values in rows.items()}
    order = np.lexsort((attempts.number, known["line"], ranks[known["source"]], known["request_at"]))
    columns: dict[str, object] = {name: values[order] for name, values in known.items()}
    columns |= {
        "attempt": attempts.number[order].astype(np.int32),
        "upstream_ip": attempts.ip[order].astype(np.uint32),
        "upstream_port": attempts.port[order].astype(np.int32),
        "upstream_status": attempts.status[order].astype(np.int32),
        "upstream_response_time_us": attempts.time_us[order],
        "candidate_count": requests.count[order],
        "path_ids": _id_lists(requests.path[order], ids),
    }
    return columns  # type: ignore[return-value]


def _id_lists(path: Ints, ids: Words) -> pa.Array:
    """Sorted ids of the paths of each row, as an Arrow list array."""
    there = path >= 0
    found = np.sort(np.where(there, np.append(ids, np.uint64(0))[path], np.iinfo(np.uint64).max), axis=1)
    sizes = there.sum(axis=1)
    values = found[np.arange(path.shape[1]) < sizes[:, None]]
    return pa.ListArray.from_arrays(pa.array(np.append(0, np.cumsum(sizes)), pa.int32()), pa.array(values))


def request_observations(requests: Requests, ids: Words, kinds: Ints, pools: Pools) -> Columns:
    """Rows of ``observations`` for requests, in their order: one per request and path that surely carried an attempt of it, else one.

    Parameters
    ----------
    ids : ``path_id`` of each path. kinds : by name code of a source, the name code of its kind.
    """
    rows, attempts = requests.rows, requests.attempts
    sure = requests.count == 1
    _, heads = group(np.stack([attempts.row[sure], requests.path[sure, 0]], axis=1).astype(np.uint64))
    carried, path = attempts.row[sure][heads], requests.path[sure, 0][heads]
    shared = np.bincount(carried, minlength=rows["line"].shape[0])
    alone = np.flatnonzero(shared == 0)
    row = np.concatenate([carried, alone])
    out = null_columns("observations", row.shape[0])
    out |= {name: rows[name][row] for name in ("source", "line")}
    out["kind"] = kinds[out["source"]].astype(np.uint32)
    out["path_id"][: path.shape[0]] = ids[path]
    out["position"][: path.shape[0]] = 0
    out["part"][: path.shape[0]] = field("part").code("request")
    out["reason"][path.shape[0] :] = pools.names.codes(REASONS)[_reasons(requests)[alone]]
    out["first_seen"], out["last_seen"] = (times[row] for times in _request_spans(rows))
    out["shared_by"] = shared[row]
    return take_columns(out, np.lexsort((out["path_id"], row)))


def unmatched_requests(requests: Requests, kinds: Ints, pools: Pools) -> Columns:
    """Rows of ``unmatched``: requests of which no attempt has one sure path, as the client's connection to the load balancer.

    Parameters
    ----------
    kinds : by name code of a source, the name code of its kind.
    """
    sure = np.zeros(requests.rows["line"].shape[0], np.bool_)
    sure[requests.attempts.row[requests.count == 1]] = True
    rows = take_columns(requests.rows, ~sure)
    out = null_columns("unmatched", rows["line"].shape[0])
    out |= {name: rows[name] for name in ("source", "line")}
    out["kind"] = kinds[rows["source"]].astype(np.uint32)
    out["reason"] = pools.names.codes(REASONS)[_reasons(requests)[~sure]]
    out["protocol"][:] = pools.names.code(protocol_names()[TCP])
    for end, column in (("src", "client"), ("dst", "lb")):
        out[f"{end}_ip"], out[f"{end}_port"] = rows[f"{column}_ip"], rows[f"{column}_port"]
    out["window_start"], out["window_end"] = _request_spans(rows)
    return out


def _request_spans(rows: Columns) -> tuple[Ints, Ints]:
    """First and last moment of each request, as far as it is logged, µs."""
    return rows["request_at"] - rows["request_time_us"].clip(0), rows["request_at"]


def _reasons(requests: Requests) -> Ints:
    """Why a request has no path, shape (requests,), an index into ``REASONS``; of several attempts the one that knew most."""
    attempts = requests.attempts
    reason = np.where(requests.count > 1, 3, np.where(attempts.ip > 0, 2, 1))
    found = np.zeros(requests.rows["line"].shape[0], np.int64)
    np.maximum.at(found, attempts.row, reason)
    return found
