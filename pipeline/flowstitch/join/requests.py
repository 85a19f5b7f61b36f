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
from flowstitch.kernels.requests import fill_maxima
from flowstitch.kernels.requests import find_carriers as carriers_of
from flowstitch.kernels.windows import running_maximum
from flowstitch.normalize.columns import null_columns, take_columns

if TYPE_CHECKING:
    from flowstitch.arrays import Columns, Ints, Words
    from flowstitch.join.attempts import Attempts
    from flowstitch.join.groups import Group
    from flowstitch.join.stitched import Paths
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
class Carriers:
    """Paths from load balancers that can carry requests; arrays of shape (carriers,) unless said.

    Attributes
    ----------
    id : ``path_id``.
    server_ip, server_port, dialled_ip, dialled_port : where it went, address numbers and ports.
    first, last : when it had packets, µs.
    windows : how many windows of flow-log rows it has. begin, end : shape (windows of all,), µs, those of each by their begin.
    """

    id: Words
    server_ip: Ints
    server_port: Ints
    dialled_ip: Ints
    dialled_port: Ints
    first: Ints
    last: Ints
    windows: Ints
    begin: Ints
    end: Ints


def find_carriers(group: Group, paths: Paths, ids: Words) -> Carriers:
    """Paths of a group that can carry requests; flow logs can show packets later than conntrack does, which has no event for data.

    Parameters
    ----------
    ids : ``path_id`` of each path.

    Notes
    -----
    A connection that was opened and never carried a byte is a health check, and carried no request either. One that
    was refused or never answered is what a failed attempt looks like.
    """
    ends, verdicts, flows = paths.ends, paths.verdicts, group.stitched.flows
    lb = ends.client.kind == field("client_kind").code("lb")
    chosen = lb & (ends.protocol == TCP) & (verdicts.payload != NO_PAYLOAD)
    path = np.flatnonzero(chosen)
    number = np.cumsum(chosen) - 1
    pair = np.flatnonzero(chosen[paths.legs.pair_path])
    carrier = number[paths.legs.pair_path[pair]]
    begin, end = flows["window_start"][pair], flows["window_end"][pair] + SECOND
    last = verdicts.last[path]
    later = (group.shared[pair] == 1) & (end > last[carrier] + SLACK)
    np.maximum.at(last, carrier[later], end[later])
    order = np.lexsort((begin, carrier))
    return Carriers(
        ids[path], ends.server.ip[path], ends.server.port[path], ends.dialled_ip[path], ends.dialled_port[path],
        verdicts.first[path], last, np.bincount(carrier, minlength=path.shape[0]), begin[order], end[order],
    )  # fmt: skip


@dataclass(frozen=True)
class Requests:
    """Requests and what became of them.

    Attributes
    ----------
    rows : columns of the table ``requests``. attempts : their upstream attempts.
    count : shape (attempts,), how many paths could have carried each.
    path_id : shape (attempts, MAX_PATHS), uint64, those that began last, 0 where there are fewer.
    """

    rows: Columns
    attempts: Attempts
    count: Ints
    path_id: Words


def attribute_requests(rows: Columns, attempts: Attempts, carriers: Carriers) -> Requests:
    """Find the paths from a load balancer to the backend of each attempt that were open during it.

    Parameters
    ----------
    rows : columns of the table ``requests``. attempts : of these rows. carriers : of all paths.
    """
    carrier, key, asked = _backends(carriers, attempts)
    order = np.lexsort((carriers.id[carrier], carriers.first[carrier], key))
    carrier, key = carrier[order], key[order]
    tree = np.full(2 << max(0, carrier.shape[0] - 1).bit_length(), np.iinfo(np.int64).min, np.int64)
    fill_maxima(carriers.last[carrier], tree)
    pointer = run_pointers(key, int(max(key.max(initial=-1), asked.max(initial=-1))) + 1)
    own = np.append(0, np.cumsum(carriers.windows))
    reach = np.empty_like(carriers.end)
    running_maximum(own, carriers.end, reach)
    since, until = _attempt_spans(rows, attempts)
    count = np.zeros(len(attempts), np.int64)
    found = np.full((len(attempts), MAX_PATHS), -1, np.int64)
    carriers_of(
        asked, since - SLACK, until + SLACK, pointer, carriers.first[carrier], carrier, tree, own, carriers.begin, reach, count, found,
    )  # fmt: skip
    return Requests(rows, attempts, count, np.append(carriers.id, np.uint64(0))[found])


def _backends(carriers: Carriers, attempts: Attempts) -> tuple[Ints, Ints, Ints]:
    """Carriers by backend: carrier and backend number of each pair, and the backend number of each attempt, -1 if none."""
    every = np.arange(carriers.id.shape[0])
    other = (carriers.server_ip != carriers.dialled_ip) | (carriers.server_port != carriers.dialled_port)
    ip = np.concatenate([carriers.server_ip, carriers.dialled_ip[other], attempts.ip])
    port = np.concatenate([carriers.server_port, carriers.dialled_port[other], attempts.port])
    key, _ = group(np.stack([ip, port + 1], axis=1).astype(np.uint64))
    carrier = np.concatenate([every, every[other]])
    return carrier, key[: carrier.shape[0]], np.where(attempts.ip > 0, key[carrier.shape[0] :], -1)


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


def request_columns(requests: Requests, ranks: Ints) -> Columns:
    """Columns of the table ``lb_requests`` in its order: time, source, line, attempt.

    Parameters
    ----------
    ranks : by name code, the place of each name in sorted order.
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
        "path_ids": _id_lists(requests.path_id[order]),
    }
    return columns  # type: ignore[return-value]


def _id_lists(path_id: Words) -> pa.Array:
    """Sorted ids of each row, shape (rows, n), 0 for none, as an Arrow list array."""
    there = path_id > 0
    found = np.sort(np.where(there, path_id, np.iinfo(np.uint64).max), axis=1)
    sizes = there.sum(axis=1)
    values = found[np.arange(path_id.shape[1]) < sizes[:, None]]
    return pa.ListArray.from_arrays(pa.array(np.append(0, np.cumsum(sizes)), pa.int32()), pa.array(values))


def request_observations(requests: Requests, kinds: Ints, pools: Pools) -> Columns:
    """Rows of ``observations`` for requests: one per request and path that surely carried an attempt of it, else one.

    Parameters
    ----------
    kinds : by name code of a source, the name code of its kind.
    """
    rows, attempts = requests.rows, requests.attempts
    sure = requests.count == 1
    row, path_id = attempts.row[sure], requests.path_id[sure, 0]
    _, heads = group(np.stack([row.astype(np.uint64), path_id], axis=1))
    carried, path_id = row[heads], path_id[heads]
    shared = np.bincount(carried, minlength=rows["line"].shape[0])
    alone = np.flatnonzero(shared == 0)
    row = np.concatenate([carried, alone])
    out = null_columns("observations", row.shape[0])
    out |= {name: rows[name][row] for name in ("source", "line")}
    out["kind"] = kinds[out["source"]].astype(np.uint32)
    known = path_id.shape[0]
    out["path_id"][:known], out["position"][:known] = path_id, 0
    out["part"][:known] = field("part").code("request")
    out["reason"][known:] = pools.names.codes(REASONS)[_reasons(requests)[alone]]
    out["first_seen"], out["last_seen"] = (times[row] for times in _request_spans(rows))
    out["shared_by"] = shared[row]
    return out


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
