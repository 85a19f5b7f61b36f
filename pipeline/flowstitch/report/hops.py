"""Where the hops of a scenario stand in its drawing: side by side, requests above, replies below, what both pass once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowstitch.report.asked import Row

_NUMBERED = re.compile(r"\d$")
_OF_POD = re.compile(r"^Pod\d* ")


@dataclass(frozen=True)
class Hop:
    """One device of a chain.

    Attributes
    ----------
    host : node that it is on, as the data plane calls it; empty for what is on none: the VPC, a load balancer, a client.
    name : what it is, without the host.
    kind : pod, veth, nat, stack, eni, vpc, lb or client.
    role : of an ENI, empty where either can be.
    leg : crossing of an ENI that is observed here; empty for others.
    """

    host: str
    name: str
    kind: str
    role: str
    leg: str


@dataclass(frozen=True)
class Column:
    """What stands at one distance from the client; ``both`` says that it is one device for both ways.

    Attributes
    ----------
    forward, back : hop of the request and of the reply, None where that way has none here.
    """

    forward: Hop | None
    back: Hop | None
    both: bool

    @property
    def host(self) -> str:
        """Node that the column is on."""
        return (self.forward or self.back or _NOWHERE).host


_NOWHERE = Hop("", "", "", "", "")


def columns(row: Row) -> list[Column]:
    """Columns of a drawing, from client to server.

    Parameters
    ----------
    row : of query ``hops``.
    """
    forward = [read_hop(item["device"], item["leg"], row["hosts"]) for item in row["forward"]]
    back = [read_hop(item["device"], item["leg"], row["hosts"]) for item in reversed(row["back"])]
    # the same device has one leg of each way
    same = SequenceMatcher(
        None, [_device(hop) for hop in forward], [_device(hop) for hop in back], autojunk=False
    )
    found: list[Column] = []
    for what, i, i_end, j, j_end in same.get_opcodes():
        pairs = zip_longest(forward[i:i_end], back[j:j_end])
        found += [Column(above, below, what == "equal") for above, below in pairs]
    return found


def read_hop(device: str, leg: str | None, hosts: Sequence[str]) -> Hop:
    """Hop of the name of its device.

    Parameters
    ----------
    hosts : how nodes are called: ``ECS`` where there is one, ``ECS1`` and ``ECS2`` where there are several.
    """
    first, _, rest = device.partition(" ")
    host, name = (first, rest or first) if first in hosts else ("", device)
    kind = _kind(device, name, is_host=name == host)
    if not host and kind in {"pod", "veth", "nat"}:
        # where there is one node, what is on it does not say so
        host = next((known for known in hosts if not _NUMBERED.search(known)), "")
    role = _OF_POD.sub("", name).removesuffix("ENI").strip() if kind == "eni" else ""
    return Hop(host, name, kind, role, leg or "")


def spans(found: Sequence[Column]) -> list[tuple[str, int, int]]:
    """Nodes of a drawing: name, first column, last column."""
    told: list[tuple[str, int, int]] = []
    for place, column in enumerate(found):
        if told and told[-1][0] == column.host and told[-1][2] == place - 1:
            told[-1] = (column.host, told[-1][1], place)
        elif column.host:
            told.append((column.host, place, place))
    return told


def _device(hop: Hop) -> tuple[str, str]:
    return hop.host, hop.name


def _kind(device: str, name: str, *, is_host: bool) -> str:
    if is_host:
        return "stack"
    if device.startswith("VPC"):
        return "vpc"
    if device in {"LB", "Client"}:
        return device.lower()
    if name.endswith("ENI"):
        return "eni"
    if name.endswith("eth0"):
        return "pod"
    return "nat" if "NAT" in name or "masquerade" in name else "veth"
