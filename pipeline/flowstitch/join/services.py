"""Which service a dialled address and port belong to, and what its policies are."""

from __future__ import annotations

from bisect import bisect_right
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
    from collections.abc import Callable, Iterable

    from flowstitch.arrays import Flags, Ints, Narrow, Words
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
        self._dialled = _Question(self._by_address, self._spans_of_address, self._dialled_at, pools)
        behind = self._by_endpoint, self._spans_of_endpoint
        self._behind_lb, self._may_front = (
            _Question(*behind, answer, pools) for answer in (self._behind_lb_at, self._may_front_at)
        )

    def dialled(self, protocol: Ints, ip: Ints, port: Ints, at: Ints) -> Dialled:
        """Services at addresses and ports at times in µs, shape (n,) each; ICMP goes by the address alone."""
        found = self._dialled.ask(protocol, ip, port, at)
        return Dialled(found[:, 0], np.where(protocols_with("ports")[protocol], found[:, 1], 0), found[:, 2])

    def _dialled_at(self, key: Key, moment: int) -> tuple[int, int, int]:
        for kind, row in self._by_address.get(key, ()):
            if _holds(row, moment):
                policy = row["internal_traffic_policy" if kind == "cluster_ip" else "external_traffic_policy"]
                name = self._pools.names.code(_service_name(row))
                code = field("traffic_policy").code(policy) if policy and key[0] else 0
                return field("dialled_kind").code(kind), name, code
        return 0, 0, 0

    def behind_lb(
        self, protocol: Ints, ip: Ints, port: Ints, at: Ints
    ) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """LoadBalancer services that have an endpoint, for connections that a load balancer passes on unchanged.

        Returns
        -------
        (how many such services, and of the only one: name code, LB address number, port, policy code), shape (n,) each.
        """
        found = self._behind_lb.ask(protocol, ip, port, at)
        return found[:, 0], found[:, 1], found[:, 2], found[:, 3], found[:, 4]

    def _behind_lb_at(self, key: Key, moment: int) -> tuple[int, int, int, int, int]:
        leads = {
            (row["service"], port["port"]): port
            for row in self._by_endpoint.get(key, ())
            if _holds(row, moment)
            for port in self._ports_of.get(row["service"], ())
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
        code = field("traffic_policy").code(policy) if policy else 0
        return 1, self._pools.names.code(name), lb_ip, number if unique else -1, code

    def may_front(self, protocol: Ints, ip: Ints, port: Ints, at: Ints) -> Flags:
        """Whether what reached an address and port may have dialled a service, shape (n,), bool.

        It may if the address is an endpoint, and for all that is known if the export has no services.
        """
        if not self._ports_of:
            return np.ones(ip.shape[0], np.bool_)
        found: Flags = self._may_front.ask(protocol, ip, port, at)[:, 0] == 1
        return found

    def _may_front_at(self, key: Key, moment: int) -> tuple[int]:
        return (int(any(_holds(row, moment) for row in self._by_endpoint.get(key, ()))),)

    def has_local_endpoint(self, service: Ints, node: Ints) -> Flags:
        """Whether a service has a ready endpoint on a node, name codes of shape (n,) each."""
        pairs, first = group(np.stack([service, node], axis=1).astype(np.uint64))
        words = self._pools.names.word
        local = [(words(int(service[row])), words(int(node[row]))) in self._local for row in first.tolist()]
        return np.array(local, np.bool_)[pairs]

    def _spans_of_address(self, key: Key) -> list[int]:
        return [edge for _, row in self._by_address.get(key, ()) for edge in interval(row)]

    def _spans_of_endpoint(self, key: Key) -> list[int]:
        ends = self._by_endpoint.get(key, ())
        return [
            edge
            for end in ends
            for row in (end, *self._ports_of.get(end["service"], ()))
            for edge in interval(row)
        ]


class _Question:
    """A question to the inventory, answered once per distinct key and stretch of time in which the inventory does not change."""

    def __init__(
        self, known: Iterable[Key], edges: Callable[[Key], list[int]], answer: Callable[[Key, int], tuple[int, ...]], pools: Pools
    ) -> None:  # fmt: skip
        """Number the keys.

        Parameters
        ----------
        known : keys that the inventory has; of others there is nothing to say, whatever the time.
        edges : of a key, when its answer may change, µs. answer : to a key at a time in µs.
        """
        self._edges, self._answer = edges, answer
        ported = np.flatnonzero(protocols_with("ports")).tolist()
        numbers = {"": 0} | {protocol_names()[number]: number for number in ported}
        keys = [key for key in known if key[0] in numbers]
        ips = pools.addresses.intern_texts([ip for _, ip, _ in keys])
        words = _key_words(
            np.array([numbers[name] for name, *_ in keys], np.int64),
            ips,
            np.array([port for *_, port in keys], np.int64),
        )
        order = np.argsort(words)
        self._words = words[order]
        # number 0 is what nobody has
        self._keys = [("", "", 0), *(keys[place] for place in order.tolist())]
        self._answers: dict[int, _Answers] = {}

    def ask(self, protocol: Ints, ip: Ints, port: Ints, at: Ints) -> Ints:
        """Answers for connections, shape (n, what an answer has)."""
        numbered = protocols_with("ports")[protocol]
        words = _key_words(np.where(numbered, protocol, 0), ip, np.where(numbered, port, 0))
        place = np.searchsorted(self._words, words)
        there = place < self._words.shape[0]
        there[there] = self._words[place[there]] == words[there]
        numbers = np.where(there, place + 1, 0)
        keys, first = group(numbers.astype(np.uint64)[:, None])
        answers = [self._answers_to(number) for number in numbers[first].tolist()]
        cases, heads = _stretches(keys, first, at, [item.edges for item in answers])
        moments = zip(keys[heads].tolist(), at[heads].tolist(), strict=True)
        found = [answers[key].at(moment, self._answer) for key, moment in moments]
        width = len(self._answers_to(0).at(0, self._answer))
        return np.array(found, np.int64).reshape(-1, width)[cases]

    def _answers_to(self, number: int) -> _Answers:
        if number not in self._answers:
            key = self._keys[number]
            self._answers[number] = _Answers(key, sorted(set(self._edges(key)) - {MIN_TIME, MAX_TIME}), {})
        return self._answers[number]


def _key_words(protocol: Narrow, ip: Narrow, port: Narrow) -> Words:
    """Keys as numbers, shape (n,), uint64: protocol and port over the 32 bits of the address."""
    high, low, middle = (part.astype(np.uint64) for part in (protocol, ip, port))
    words: Words = high << np.uint64(48) | middle << np.uint64(32) | low
    return words


@dataclass(frozen=True)
class _Answers:
    """Answers to a key by the stretch between two of its ``edges``."""

    key: Key
    edges: list[int]
    known: dict[int, tuple[int, ...]]

    def at(self, moment: int, answer: Callable[[Key, int], tuple[int, ...]]) -> tuple[int, ...]:
        stretch = bisect_right(self.edges, moment)
        if stretch not in self.known:
            self.known[stretch] = answer(self.key, moment)
        return self.known[stretch]


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
