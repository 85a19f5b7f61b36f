"""Who owns an address, and which service answers at one, at a given time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flowstitch.catalog import field
from flowstitch.join.keys import run_pointers
from flowstitch.kernels.owners import find_owners
from flowstitch.normalize.address import parse_network

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowstitch.arrays import Flags, Ints
    from flowstitch.ingest.model import Inventory
    from flowstitch.normalize.columns import Pools

    Rows = Sequence[dict[str, Any]]

MIN_TIME, MAX_TIME = np.iinfo(np.int64).min, np.iinfo(np.int64).max
# Where an address has several owners at once, the workload counts before the thing that carries it.
_PRIORITY = ("pod", "node", "cluster_ip", "lb_ip", "external_ip", "eni", "lb")
SERVICE_KINDS = ("cluster_ip", "lb_ip", "external_ip")
# RFC 1122 3.2.1.3, RFC 3927, RFC 4291 2.5.3 and 2.5.6: never a source beyond the host or link.
_LOCAL_NETWORKS = ("127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10")


def interval(row: dict[str, Any]) -> tuple[int, int]:
    """Validity of an inventory row, half-open, µs, open ends at the extremes of int64."""
    begin, end = row["valid_from"], row["valid_to"]
    return MIN_TIME if begin is None else begin, MAX_TIME if end is None else end


@dataclass(frozen=True)
class Owned:
    """Owners of addresses; arrays of shape (n,).

    Attributes
    ----------
    kind : enum code of ``owner_kind``, 0 where nobody owns it. lapsed : bool, owned only at other times.
    name, node, eni : name codes, 0 where there is none.
    """

    kind: Ints
    lapsed: Flags
    name: Ints
    node: Ints
    eni: Ints

    def of(self, *kinds: str) -> Flags:
        """Where the owner is one of these kinds."""
        return np.isin(self.kind, [field("owner_kind").code(kind) for kind in kinds])


class Owners:
    """Rows of the table ``addresses``, ready to be asked for many addresses at once: those that are interned by now."""

    def __init__(self, rows: Rows, pools: Pools) -> None:
        address = pools.addresses.intern_texts([row["ip"] for row in rows]).astype(np.int64)
        spans = np.array([interval(row) for row in rows], np.int64).reshape(-1, 2)
        rank = np.array([_PRIORITY.index(row["owner_kind"]) for row in rows], np.int64)
        # the latest owner first: a deletion that no snapshot saw leaves the one before open
        order = np.lexsort((~spans[:, 0], rank, address))
        chosen = [rows[place] for place in order.tolist()]
        self._pointer = run_pointers(address[order], len(pools.addresses) + 1)
        self._valid_from, self._valid_to = (np.ascontiguousarray(spans[order, column]) for column in (0, 1))
        kind = field("owner_kind")
        self._kind = np.array([kind.code(row["owner_kind"]) for row in chosen] + [0], np.int64)
        self._codes = {
            name: np.append(pools.names.codes(row[name] for row in chosen), 0).astype(np.int64)
            for name in ("owner", "node", "eni")
        }

    def at(self, address: Ints, time: Ints) -> Owned:
        """Owners of addresses at times in µs, shape (n,) each."""
        found = np.empty(address.shape[0], np.int64)
        # what was interned later has no owner, as the number behind the last
        known = np.minimum(address.astype(np.int64, copy=False), self._pointer.shape[0] - 2)
        find_owners(known, time, self._pointer, self._valid_from, self._valid_to, found)
        place = np.where(found < 0, self._valid_from.shape[0], found)
        names = (self._codes[name][place] for name in ("owner", "node", "eni"))
        return Owned(self._kind[place], found == -2, *names)


def local_addresses(rows: Rows, inventory: Inventory, pools: Pools) -> Flags:
    """Addresses that never are the source of a packet on a wire, by address number, bool.

    A service's addresses live on every node (kube-ipvs0) or on none; loopback and link-local do not leave the host. A
    service can also answer at the address of a node, which is on the wire all the same.
    """
    services = {row["ip"] for row in rows if row["owner_kind"] in SERVICE_KINDS}
    hosts = {row["ip"] for row in rows if row["owner_kind"] in {"pod", "node", "eni", "lb"}}
    dumps = [{virtual.ip for virtual in facts.ipvs} for facts in inventory.facts.values() if facts.ipvs]
    held = Counter(ip for dump in dumps for ip in dump)
    # a node's own address, which it has there for its node ports, is in no other node's table
    services.update(ip for ip, count in held.items() if count > 1 or len(dumps) == 1)
    numbers = pools.addresses.intern_texts(sorted(services - hosts))
    local = within(_LOCAL_NETWORKS, pools)
    local[numbers] = True
    local[0] = False
    return local


def within(networks: Iterable[str], pools: Pools) -> Flags:
    """Which addresses lie in one of the networks, by address number, bool."""
    hi, lo = pools.addresses.hi, pools.addresses.lo
    inside = np.zeros(len(pools.addresses), np.bool_)
    for network in networks:
        first, last = parse_network(network)
        halves = [np.array([value >> 64, value & (1 << 64) - 1], np.uint64) for value in (first, last)]
        above = (hi > halves[0][0]) | ((hi == halves[0][0]) & (lo >= halves[0][1]))
        below = (hi < halves[1][0]) | ((hi == halves[1][0]) & (lo <= halves[1][1]))
        inside |= above & below
    return inside
