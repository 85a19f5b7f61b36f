"""One path as a graph: what its packets go through, both ways, under which tuple."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowstitch.sql.explain import Device, chains
from flowstitch.sql.pathfacts import endpoint

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from flowstitch.sql.explain import Hop
    from flowstitch.sql.pathfacts import Path, Record

FORWARD, RETURN = "forward", "return"
_ENDS = {FORWARD: ("client", "server"), RETURN: ("server", "client")}


@dataclass(frozen=True)
class Stop:
    """What packets go through.

    Attributes
    ----------
    kind : of an end its kind, or 'unknown'; else 'veth', 'netfilter', 'eni', 'vpc' or 'balancer'.
    lines : what is written on it. node : that it is on, None where it is on none or that is not known.
    seen : False where no row shows it.
    """

    kind: str
    lines: tuple[str, ...]
    node: str | None = None
    seen: bool = True


@dataclass(frozen=True)
class Step:
    """From one stop to the next: their places among all stops, the way, and the tuple."""

    begin: int
    end: int
    way: str
    text: str


@dataclass
class Picture:
    """A graph: stops in the order in which they are come by first, and the steps of the request, then those of the reply."""

    stops: list[Stop] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    _places: dict[Hashable, int] = field(default_factory=dict)

    def place(self, key: Hashable, stop: Stop) -> int:
        """Place of the stop of that key, which is added when there is none."""
        if key not in self._places:
            self._places[key] = len(self.stops)
            self.stops.append(stop)
        return self._places[key]


def draw(path: Path) -> Picture:
    """The graph of a path; of the reply it has no step when nothing says that there was one."""
    picture = Picture()
    for way, hops in zip((FORWARD, RETURN), chains(path), strict=True):
        if hops:
            _walk(picture, path, hops, way)
    return picture


def _walk(picture: Picture, path: Path, hops: Sequence[Hop], way: str) -> None:
    facts = path.facts
    begin, end = _ENDS[way]
    text = next((hop.text for hop in hops if hop.kind == "wire"), "")
    if hops[0].device is not None and hops[0].device.kind == "balancer":
        text = f"{endpoint(*_address(facts, 'client'))} → {endpoint(*_address(facts, 'dialled'))}"
    at: int | None = None

    def go(*stop: int) -> None:
        nonlocal at
        for place in stop:
            if at is not None and at != place:
                picture.steps.append(Step(at, place, way, text))
            at = place

    go(*_end(picture, path, begin))
    crossed = False
    for hop in hops:
        if hop.kind == "wire":
            text = hop.text
        if hop.device is None:
            continue
        incoming = hop.device.direction == "in"
        if crossed or incoming:
            go(picture.place("vpc", Stop("vpc", ("VPC",))))
        go(_device(picture, hop.device, way))
        crossed = hop.device.direction == "out"
    if crossed:
        go(picture.place("vpc", Stop("vpc", ("VPC",))))
    go(*reversed(_end(picture, path, end)))


def _address(facts: Record, side: str) -> tuple[str | None, int | None]:
    return facts[f"{side}_ip"], facts[f"{side}_port"]


def _end(picture: Picture, path: Path, side: str) -> list[int]:
    """The client or the server, and the veth of a pod."""
    facts = path.facts
    ip, kind, name, node = (facts[f"{side}_{item}"] for item in ("ip", "kind", "name", "node"))
    if ip is None:
        return [picture.place(side, Stop("unknown", (f"{side} not known",)))]
    lines = (f"{kind} {name}" if name else kind or "owner not known", ip)
    places = [picture.place((kind, ip), Stop(kind or "unknown", lines, node))]
    if kind == "pod":
        places.append(
            picture.place(("veth", ip), Stop("veth", ("veth", path.veths.get(side) or name or ip), node))
        )
    return places


def _device(picture: Picture, device: Device, way: str) -> int:
    if device.kind == "netfilter":
        stop = Stop("netfilter", ("netfilter", device.node or "?"), device.node)
    elif device.kind == "balancer":
        stop = Stop("balancer", ("load balancer", device.name or "?"), seen=False)
    elif device.name is None:
        stop = Stop(
            "eni",
            ("ENI not seen", *(f"{role}, inferred" for role in [device.role] if role)),
            device.node,
            seen=False,
        )
        return picture.place((device, way), stop)
    else:
        stop = Stop("eni", (device.name, device.role or "role not known"), device.node)
    return picture.place((device.kind, device.name, device.node), stop)
