"""Lists of ``ip -j addr``, ``link``, ``rule`` and ``route`` of a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowstitch.ingest.items import BadValue, Item, canonical
from flowstitch.ingest.model import IpRule
from flowstitch.normalize.address import family_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowstitch.ingest.model import NodeFacts

_MAX_NUMBER = 0xFFFFFFFF  # priorities and interface indexes are 32 bits
# what an IpRule can say; a rule with another selector applies to less than it would seem
_RULE_KEYS = {"priority", "src", "srclen", "dst", "dstlen", "iif", "iif_detached", "table", "protocol"}


def entries(document: object) -> Iterator[object]:
    """Entries of a list; a document that is no list is its own entry."""
    yield from document if isinstance(document, list) else [document]


def take_entry(item: Item, kind: str, facts: NodeFacts) -> str:
    """Add one entry to what is known of the node.

    Parameters
    ----------
    item : the entry.
    kind : ``ip-addr``, ``ip-link``, ``ip-rule`` or ``ip-route``.

    Returns
    -------
    Why the entry carries nothing; '' when it was taken. Raises ``BadValue`` when it is not what the kind says.
    """
    # iproute2 prints {} for what a filter leaves out
    return _KINDS[kind](item, facts) if item else "empty object"


def _take_addresses(item: Item, facts: NodeFacts) -> str:
    name = item.need("ifname")
    facts.addresses += [
        (name, canonical(local, "addr_info[].local"), _length(info, "prefixlen", local))
        for info in item.items("addr_info[]")
        if (local := info.text("local"))
    ]
    return ""


def _take_link(item: Item, facts: NodeFacts) -> str:
    index = item.number("ifindex", _MAX_NUMBER)
    if index is None:
        raise BadValue("ifindex")
    facts.links.append((index, item.need("ifname"), item.text("address") or ""))
    return ""


def _take_rule(item: Item, facts: NodeFacts) -> str:
    if item.keys() - _RULE_KEYS:
        return "rule with another selector"
    priority = item.number("priority", _MAX_NUMBER)
    if priority is None:
        raise BadValue("priority")
    rule = IpRule(
        priority,
        _prefix(item, "src"),
        _prefix(item, "dst"),
        item.text("iif") or "",
        item.text("table") or "main",
    )
    if facts.rules is None:
        facts.rules = []
    facts.rules.append(rule)
    return ""


def _take_route(item: Item, facts: NodeFacts) -> str:
    destination = item.need("dst")
    table = item.text("table") or "main"
    hops = item.items("nexthops[]") or [item]
    facts.routes += [
        (destination, hop.text("dev") or "", hop.text("gateway", "via.host") or "", table) for hop in hops
    ]
    return ""


def _prefix(item: Item, path: str) -> str:
    """Address with its length unless it is a single one; '' for all."""
    text = item.text(path)
    if text is None or text == "all":
        return ""
    address = canonical(text, path)
    length = _length(item, f"{path}len", address)
    return address if length == _most(address) else f"{address}/{length}"


def _length(item: Item, path: str, address: str) -> int:
    length = item.number(path, _most(address))
    return _most(address) if length is None else length


def _most(address: str) -> int:
    return 128 if family_of(address) == 6 else 32


_KINDS: dict[str, Callable[[Item, NodeFacts], str]] = {
    "ip-addr": _take_addresses,
    "ip-link": _take_link,
    "ip-rule": _take_rule,
    "ip-route": _take_route,
}
