"""One path of a result, hop by hop: what it went through, and which rows prove it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from flowstitch.sql.pathfacts import endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowstitch.sql.pathfacts import Path, Record

BYPASSED = "no conntrack row, by design: the data plane bypasses it"
# Why an observer has no row, by what the view coverage_stretches says of it at that time.
_REASONS = {
    "not observed": "the export has none of it",
    "events lost": "events of that time were lost",
    "records missing": "records of that time are missing",
    "no rows": "it has no rows at all of that time",
}
LEFT_OUT = "rows of paths are left out of the result, by --observations unmatched"


@dataclass(frozen=True)
class Device:
    """What a packet goes through.

    Attributes
    ----------
    kind : 'eni', 'netfilter' or 'balancer'.
    name : ENI, or address of the load balancer; None for one that was not seen.
    node : that it is on, None where there is none or it is not known.
    role : of an ENI. direction : 'out' of the node by an ENI, or 'in'.
    """

    kind: str
    name: str | None = None
    node: str | None = None
    role: str | None = None
    direction: str | None = None


@dataclass
class Hop:
    """A step of a path in one direction.

    Attributes
    ----------
    kind : 'wire' (the tuple from here on), 'conntrack', 'nat', 'eni' or 'request'.
    text : what happens.
    rows : rows of ``observations`` that prove it.
    note : what else is to be said of the proof, for example that there is none.
    device : where it happens, of those that a packet goes through.
    tuples : of a 'wire' its tuple, of a 'nat' between two segments those before and behind it, as the packet has them.
    """

    kind: str
    text: str
    rows: list[Record] = field(default_factory=list)
    note: str = ""
    device: Device | None = None
    tuples: list[Record] = field(default_factory=list)


def chains(path: Path) -> tuple[list[Hop], list[Hop]]:
    """Hops of the request, and of the reply; of the reply none when nothing says that there was one."""
    teller = _Teller(path)
    forward, back = teller.forward(), teller.back()
    facts = path.facts
    answered = facts["outcome"] == "one_way" or facts["return_lands_on"] or facts["return_packets"]
    logged = (text for segment in path.segments for text in segment["crossings"])
    answered = answered or any(text.startswith("return ") for text in logged)
    return forward, back if answered else []


class _Teller:
    """Tells a path: each segment lies between two places, nodes translate between segments."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._segments = path.segments
        self._observers = [set(segment["observers"]) for segment in self._segments]
        self._translators = [min(one & two, default=None) for one, two in pairwise(self._observers)]
        self._upper = [path.facts["client_node"], *self._translators]
        self._lower = [*self._translators, path.facts["server_node"]]
        self._told: set[tuple[str, int]] = set()

    def forward(self) -> list[Hop]:
        hops = [*self._balancing(), *self._requests()]
        for place, segment in enumerate(self._segments):
            if place:
                hops.append(self._translation(place))
            hops.append(_wire(segment))
            if not place:
                hops += self._endpoint_conntrack("client")
            hops += self._crossings(place, "forward")
            hops += self._others(place)
        return [*hops, *self._endpoint_conntrack("server")]

    def back(self) -> list[Hop]:
        hops: list[Hop] = []
        last = len(self._segments) - 1
        for place in range(last, -1, -1):
            segment = self._segments[place]
            if place < last:
                node = self._translators[place]
                text, device = f"{node} undoes its translation", Device("netfilter", node=node)
                tuples = [wire_tuple(one, back=True) for one in (self._segments[place + 1], segment)]
                hops.append(Hop("nat", text, [], "the same conntrack rows prove it", device, tuples))
            hops.append(_wire(segment, back=True))
            hops += self._crossings(place, "return")
        return hops

    def _balancing(self) -> Iterator[Hop]:
        """What a load balancer did before the first segment; it is in no row."""
        facts = self._path.facts
        for first in self._segments[:1]:
            dialled, target = _end(facts, "dialled"), _end(first, "dst")
            if facts["dialled_kind"] == "lb_ip" and dialled[0] != target[0]:
                text = f"load balancer sends {endpoint(*dialled)} on to {endpoint(*target)}"
                yield Hop(
                    "nat", text, note="in no row, by its service", device=Device("balancer", dialled[0])
                )

    def _requests(self) -> Iterator[Hop]:
        rows = [row for row in self._path.observations if row["part"] == "request"]
        if rows:
            yield Hop(
                "request", "load balancer sent requests, no other connection could have carried them", rows
            )

    def _translation(self, place: int) -> Hop:
        before, after, node = self._segments[place - 1], self._segments[place], self._translators[place - 1]
        changes = [
            f"{word} {endpoint(*old)} → {endpoint(*new)}"
            for word, side in (("source", "src"), ("destination", "dst"))
            if (old := _end(before, side)) != (new := _end(after, side))
        ]
        text = f"{node} translates {', '.join(changes) or 'nothing'}"
        tuples = [wire_tuple(before), wire_tuple(after)]
        return Hop("nat", text, self._conntrack(node), "", Device("netfilter", node=node), tuples)

    def _endpoint_conntrack(self, side: str) -> Iterator[Hop]:
        """Conntrack of the client's or the server's node, where it was not told as a translation."""
        node = self._path.facts[f"{side}_node"]
        if node is None or node in self._translators:
            return
        if side == "server" and node == self._path.facts["client_node"]:
            return
        rows = self._conntrack(node)
        yield Hop("conntrack", f"conntrack of {node}", rows, "" if rows else self._without_rows(side))

    def _without_rows(self, side: str) -> str:
        """Why conntrack of the client's or server's node has no row of the path."""
        if not self._path.whole:
            return LEFT_OUT
        if side in self._path.bypassed:
            return BYPASSED
        states = {
            row["state"]
            for row in self._path.missed
            if row["observer"] == "conntrack" and row["node"] == self._path.facts[f"{side}_node"]
        }
        return f"no conntrack row{_because(states)}"

    def _others(self, place: int) -> Iterator[Hop]:
        """Conntrack of nodes that the segment only passes."""
        known = {self._path.facts["client_node"], self._path.facts["server_node"], *self._translators}
        for node in sorted(self._observers[place] - known):
            yield Hop("conntrack", f"conntrack of {node}", self._conntrack(node))

    def _conntrack(self, node: str | None) -> list[Record]:
        return [
            row
            for row in self._path.observations
            if row["node"] == node and row["eni"] is None and row["part"] != "request"
        ]

    def _crossings(self, place: int, way: str) -> Iterator[Hop]:
        upper, lower = self._upper[place], self._lower[place]
        ends = (("out", upper), ("in", lower)) if way == "forward" else (("out", lower), ("in", upper))
        crossed = [
            text.split(" ", 2)[1:]
            for text in self._segments[place]["crossings"]
            if text.startswith(f"{way} ")
        ]
        local = self._path.facts["return_lands_on"] == "local"
        if upper is not None and (upper == lower or local) and not crossed:
            yield Hop("eni", f"within {upper}, crosses no ENI")
            return
        for direction, expected in ends:
            enis = [eni for step, eni in crossed if step == direction]
            for eni in enis:
                yield self._crossing(way, direction, eni)
            if expected is not None and not any(
                self._path.enis.get(eni, (None,))[0] == expected for eni in enis
            ):
                yield Hop(
                    "eni",
                    f"{_PREPOSITIONS[direction]} {expected}",
                    note=self._unseen(way, direction, expected),
                    device=Device("eni", None, expected, self._inferred(way, direction, expected), direction),
                )

    def _crossing(self, way: str, direction: str, eni: str) -> Hop:
        node, role = self._path.enis.get(eni, (None, None))
        rows = self._flow_rows(way, direction, eni)
        told = {(row["source"], row["line"]) for row in rows}
        note = "the rows above are of both crossings of this ENI" if told and told <= self._told else ""
        self._told |= told
        where = f"{_PREPOSITIONS[direction]} {node or 'a node that is not known'}"
        text = f"{where} by {eni} ({role or 'role not known'})"
        return Hop("eni", text, [] if note else rows, note, Device("eni", eni, node, role, direction))

    def _flow_rows(self, way: str, direction: str, eni: str) -> list[Record]:
        of_eni = [row for row in self._path.observations if row["eni"] == eni]
        exact = [row for row in of_eni if row["part"] == f"{way}_{direction}"]
        return exact or [row for row in of_eni if row["part"] == f"{way}_transit"]

    def _unseen(self, way: str, direction: str, node: str) -> str:
        role = self._inferred(way, direction, node)
        missed = {row["eni"]: row["state"] for row in self._path.missed if row["observer"] == "flow log"}
        enis = [
            eni for eni, (held_by, has) in self._path.enis.items() if held_by == node and role in {None, has}
        ]
        # which of them it was is not known: it may have been one that has all of its rows
        because = _because({missed[eni] for eni in enis} if enis and missed.keys() >= set(enis) else set())
        if role is not None:
            return f"no flow log row{because}; by the owner of the address that the reply goes to it is the {role} ENI"
        return f"no flow log row{because}"

    def _inferred(self, way: str, direction: str, node: str) -> str | None:
        """Role of an ENI that no row shows, where it is known even so: of the one that the reply landed on."""
        facts = self._path.facts
        landing = (way, direction, node) == ("return", "in", facts["client_node"])
        return facts["return_lands_on"] if landing and facts["return_evidence"] == "inferred" else None


def _because(states: set[str]) -> str:
    """Why there is no row, to be put behind that; nothing where nothing is known to be missing."""
    told = [reason for state, reason in _REASONS.items() if state in states]
    return f": {' or '.join(told)}" if told else ""


def wire_tuple(segment: Record, *, back: bool = False) -> Record:
    """Tuple of a segment's packets, of the replies with ``back``."""
    ends = ("dst", "src") if back else ("src", "dst")
    told = {
        f"{end}_{what}": segment[f"{side}_{what}"]
        for end, side in zip(("src", "dst"), ends, strict=True)
        for what in ("ip", "port")
    }
    return {"protocol": segment["protocol"], **told, "icmp_id": segment["icmp_id"]}


def _wire(segment: Record, *, back: bool = False) -> Hop:
    wire = wire_tuple(segment, back=back)
    text = " → ".join(endpoint(*_end(wire, side)) for side in ("src", "dst"))
    if wire["icmp_id"] is not None:
        text += f" (echo id {wire['icmp_id']})"
    return Hop("wire", text, tuples=[wire])


_PREPOSITIONS = {"out": "out of", "in": "into"}


def _end(row: Record, side: str) -> tuple[str | None, int | None]:
    return row[f"{side}_ip"], row[f"{side}_port"]


def wanted_lines(hops: Sequence[Hop], most: int | None) -> dict[str, list[int]]:
    """Lines that prove the hops, by source; of each hop the first ``most``, None for all."""
    lines: dict[str, list[int]] = {}
    for hop in hops:
        for row in hop.rows[:most]:
            lines.setdefault(row["source"], []).append(row["line"])
    return lines
