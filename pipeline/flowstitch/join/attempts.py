"""Requests to their upstream attempts: one row for each backend that was tried."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from flowstitch.normalize.numbers import scaled_decimals, whole_numbers

if TYPE_CHECKING:
    from flowstitch.arrays import Columns, Ints
    from flowstitch.normalize.columns import Pools

# nginx has a comma between the servers of a group and a colon between groups (ngx_http_upstream_module, $upstream_addr).
_BETWEEN_GROUPS, _BETWEEN = " : ", ","
_ENDPOINT = re.compile(r"(?:([0-9.]+)|\[([0-9A-Fa-f:.]+)\]):([0-9]{1,5})")
_SECOND = 1_000_000


@dataclass(frozen=True)
class Attempts:
    """Upstream attempts in order of request and attempt; arrays of shape (attempts,).

    Attributes
    ----------
    row : the request. number : of the attempt within it, from 1.
    ip, port : address number and port of the backend, 0 and -1 where there is none.
    status : HTTP status of the attempt. time_us : time that it took; -1 where not known.
    """

    row: Ints
    number: Ints
    ip: Ints
    port: Ints
    status: Ints
    time_us: Ints

    def __len__(self) -> int:
        return self.row.shape[0]


def split_attempts(requests: Columns, pools: Pools) -> Attempts:
    """Attempts of all requests; a request that reached no backend has one without.

    Parameters
    ----------
    requests : columns of the table ``requests``.
    pools : get the addresses of the backends.

    Returns
    -------
    Attempts. Times and statuses are null where there are not as many of them as backends.
    """
    backends = _lists(requests["upstream_addrs"], pools)
    sizes = np.maximum(backends.list.len().fill_null(1).to_numpy().astype(np.int64), 1)
    row = np.repeat(np.arange(sizes.shape[0]), sizes)
    number = np.arange(row.shape[0]) - np.repeat(np.cumsum(sizes) - sizes, sizes) + 1
    ip, port = _endpoints(backends.explode(), pools)
    statuses = _beside(_lists(requests["upstream_statuses"], pools), sizes)
    times = _beside(_lists(requests["upstream_response_times"], pools), sizes)
    status = statuses.to_frame("x").select(whole_numbers(["x"]))["x"].to_numpy()
    # 0 stands for none
    status = np.where((status > 0) & (status <= 0xFFFF), status, -1)
    return Attempts(row, number, ip, port, status, scaled_decimals(times, _SECOND))


def _lists(codes: Ints, pools: Pools) -> pl.Series:
    """Items of each row's text, each distinct text looked at once; null where there is no text."""
    used, place = np.unique(codes, return_inverse=True)
    texts = pl.Series([pools.texts.word(code) for code in used.tolist()], dtype=pl.String)
    items = texts.str.replace_all(_BETWEEN_GROUPS, _BETWEEN, literal=True).str.split(_BETWEEN)
    return items.gather(place).list.eval(pl.element().str.strip_chars())


def _beside(lists: pl.Series, sizes: Ints) -> pl.Series:
    """Items of all lists, one for each attempt; null where a list has not the size that it should have."""
    fits = (lists.list.len() == pl.Series(sizes)).fill_null(value=False)
    items = lists.filter(fits).explode()
    place = np.full(sizes.sum(), len(items), np.int64)
    place[np.repeat(fits.to_numpy(), sizes)] = np.arange(len(items))
    return items.append(pl.Series([None], dtype=items.dtype)).gather(place)


def _endpoints(items: pl.Series, pools: Pools) -> tuple[Ints, Ints]:
    """Address number and port of each text, 0 and -1 where it is no endpoint."""
    encoded = items.to_arrow().dictionary_encode()
    matches = [_ENDPOINT.fullmatch(text or "") for text in encoded.dictionary.to_pylist()]
    ports = [int(match[3]) if match and int(match[3]) <= 0xFFFF else -1 for match in matches]
    texts = [
        match[1] or match[2] if match and port >= 0 else None
        for match, port in zip(matches, ports, strict=True)
    ]
    ips = np.append(pools.addresses.intern_texts(texts), 0).astype(np.int64)
    known = encoded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
    ip: Ints = ips[known]
    return ip, np.where(ip > 0, np.append(np.array(ports, np.int64), -1)[known], -1)
