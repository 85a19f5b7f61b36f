"""Which service a dialled address and port belong to, and what its policies are."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flowstitch.catalog import field
from flowstitch.catalog.protocols import protocol_names, protocols_with
from flowstitch.join.keys import run_pointers
from flowstitch.join.owners import MAX_TIME, MIN_TIME, interval
from flowstitch.kernels.group import group
from flowstitch.normalize.address import family_of

if TYPE_CHECKING:
    from flowstitch.arrays import Flags, Ints
    from flowstitch.ingest.model import Inventory
    from flowstitch.normalize.columns import Pools

    Row = dict[str, Any]
    Key = tuple[str, str, int]


@dataclass(frozen=True)
class Dialled:
    """What was dialled; arrays of shape (n,).

    Attributes
    ----------
    kind : enum code of ``dialled_kind`` (``cluster_ip``, ``lb_ip``, ``external_ip``, ``node_port``), 0 where no service
        has the address and port.
    service : name code. policy : enum code of ``traffic_policy``.
    """

    kind: Ints
    service: Ints
    policy: Ints


class Services:
    """Services by dialled address and by endpoint, ready to be asked for many connections at once."""

    def __init__(self, inventory: Inventory, pools: Pools) -> None:
        self._pools = pools
        self._by_address: dict[Key, list[tuple[str, Row]]] = defaultdict(list)
        self._by_endpoint: dict[Key, list[Row]] = defaultdict(list)
        self._ports_of: dict[str, list[Row]] = defaultdict(list)
        self._local: set[tuple[str, str]] = set()
        node_ips = sorted({ip for row in inventory.tables["nodes"] for ip in row["internal_ips"] or ()})
        for row in inventory.tables["services"]:
            self._ports_of[_service_name(row)].append(row)
            for kind, ips in (
                ("cluster_ip", "cluster_ips"),
                ("lb_ip", "lb_ips"),
                ("external_ip", "external_ips"),
            ):
                for ip in row[ips] or ():
                    self._by_address[row["protocol"], ip, row["port"]].append((kind, row))
                    self._by_address["", ip, 0].append((kind, row))
            if row["node_port"]:
                for ip in node_ips:
                    self._by_address[row["protocol"], ip, row["node_port"]].append(("node_port", row))
        for row in inventory.tables["endpoints"]:
            if row["port"] is not None:
                self._by_endpoint[row["protocol"], row["endpoint_ip"], row["port"]].append(row)
            if row["ready"] and row["node"]:
                self._local.add((row["service"], row["node"]))
        ports = {
            row[name] for row in inventory.tables["services"] for name in ("port", "node_port") if row[name]
        }
        ports.update(row["port"] for row in inventory.tables["endpoints"] if row["port"])
        self.ports: Ints = np.array(sorted(ports), np.int64)

    def dialled(self, protocol: Ints, ip: Ints, port: Ints, at: Ints) -> Dialled:
        """Services at addresses and ports at times in µs, shape (n,) each; ICMP goes by the address alone."""
        kinds, policies = field("dialled_kind"), field("traffic_policy")

        def answer(key: Key, moment: int) -> tuple[int, int, int]:
            for kind, row in self._by_address.get(key, ()):
                begin, end = interval(row)
                if begin <= moment < end:
                    policy = row[
                        "internal_traffic_policy" if kind == "cluster_ip" else "external_traffic_policy"
                    ]
                    name = self._pools.names.code(_service_name(row))
                    return kinds.code(kind), name, policies.code(policy) if policy and key[0] else 0
            return 0, 0, 0

        found = self._each(protocol, ip, port, at, self._spans_of_address, answer)
        return Dialled(found[:, 0], np.where(protocols_with("ports")[protocol], found[:, 1], 0), found[:, 2])

    def behind_lb(
        self, protocol: Ints, ip: Ints, port: Ints, at: Ints
    ) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """LoadBalancer services that have an endpoint, for connections that a load balancer passes on unchanged.

        Returns
        -------
        (how many such services, and of the only one: name code, LB address number, port, policy code), shape (n,) each.
        """
        policies = field("traffic_policy")

        def answer(key: Key, moment: int) -> tuple[int, int, int, int, int]:
            leads = {
                (row["service"], port["port"]): port
                for row in self._by_endpoint.get(key, ())
                if _holds(row, moment)
                for port in self._ports_of[row["service"]]
                if port["lb_ips"]
                and _holds(port, moment)
                and (port["protocol"], port["port_name"]) == (row["protocol"], row["port_name"])
            }
            if len({name for name, _ in leads}) != 1:
                return len({name for name, _ in leads}), 0, 0, -1, 0
            ((name, number), service), *others = leads.items()
            policy = service["external_traffic_policy"]
            # a load balancer reaches a backend by an address of the family by which it was reached
            lb_ips = [ip for ip in service["lb_ips"] if family_of(ip) == family_of(key[1])]
            unique = not others and len(lb_ips) == 1
            lb_ip = self._pools.addresses.number(lb_ips[0]) if unique else 0
            code = self._pools.names.code(name)
            return 1, code, lb_ip, number if unique else -1, policies.code(policy) if policy else 0

        found = self._each(protocol, ip, port, at, self._spans_of_endpoint, answer)
        return found[:, 0], found[:, 1], found[:, 2], found[:, 3], found[:, 4]

    def may_front(self, protocol: Ints, ip: Ints, port: Ints, at: Ints) -> Flags:
        """Whether what reached an address and port may have dialled a service, shape (n,), bool.

        It may if the address is an endpoint, and for all that is known if the export has no services.
        """
        if not self._ports_of:
            return np.ones(ip.shape[0], np.bool_)

        def answer(key: Key, moment: int) -> tuple[int]:
            return (int(any(_holds(row, moment) for row in self._by_endpoint.get(key, ()))),)

        return self._each(protocol, ip, port, at, self._spans_of_endpoint, answer)[:, 0] == 1

    def has_local_endpoint(self, service: Ints, node: Ints) -> Flags:
        """Whether a service has a ready endpoint on a node, name codes of shape (n,) each."""
        pairs, first = group(np.stack([service, node], axis=1).astype(np.uint64))
        words = self._pools.names.word
        local = [(words(int(service[row])), words(int(node[row]))) in self._local for row in first.tolist()]
        return np.array(local, np.bool_)[pairs]

    def _spans_of_address(self, key: Key) -> list[int]:
        return [edge for _, row in self._by_address.get(key, ()) for edge in interval(row)]

    def _spans_of_endpoint(self, key: Key) -> list[int]:
        ends = self._by_endpoint.get(key, [])
        return [
            edge for end in ends for row in (end, *self._ports_of[end["service"]]) for edge in interval(row)
        ]

    def _each(self, protocol: Ints, ip: Ints, port: Ints, at: Ints, spans: Any, answer: Any) -> Ints:
        """Answer once per distinct key and stretch of time in which the inventory does not change."""
        names = protocol_names()
        numbered = protocols_with("ports")[protocol]
        ports = np.where(numbered, port, 0)
        keys, first = group(np.stack([np.where(numbered, protocol, 0), ip, ports], axis=1).astype(np.uint64))
        words: list[Key] = []
        for row in first.tolist():
            name = names[int(protocol[row])] if numbered[row] else ""
            words.append((name, self._pools.addresses.text(int(ip[row])) or "", int(ports[row])))
        edges = [sorted(set(spans(word)) - {MIN_TIME, MAX_TIME}) for word in words]
        cases, heads = _stretches(keys, first, at, edges)
        answers = [answer(words[int(keys[row])], int(at[row])) for row in heads.tolist()]
        width = len(answer(("", "", 0), 0))
        return np.array(answers, np.int64).reshape(-1, width)[cases]


def _stretches(keys: Ints, first: Ints, at: Ints, edges: list[list[int]]) -> tuple[Ints, Ints]:
    """Equal numbers for equal keys at times without an edge of the key in between, and a row of each number.

    Parameters
    ----------
    keys, at : shape (n,), a key from 0, and a time in µs. first : a row of each key. edges : times of each key, ascending.
    """
    changing = np.array([bool(times) for times in edges], np.bool_)
    if not changing.any():
        return keys, first
    rows = np.flatnonzero(changing[keys])
    rows = rows[np.argsort(keys[rows], kind="stable")]
    pointer = run_pointers(keys[rows], len(edges))
    stretch = np.zeros(at.shape[0], np.int64)
    for number in np.flatnonzero(changing).tolist():
        mine = rows[pointer[number] : pointer[number + 1]]
        stretch[mine] = np.searchsorted(np.array(edges[number], np.int64), at[mine], side="right")
    return group(np.stack([keys, stretch], axis=1).astype(np.uint64))


def _holds(row: Row, moment: int) -> bool:
    begin, end = interval(row)
    return begin <= moment < end


def _service_name(row: Row) -> str:
    return f"{row['namespace']}/{row['name']}"
