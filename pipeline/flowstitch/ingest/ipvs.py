"""IPVS table of a node: the rules of ``ipvsadm-save -n``, or a listing, ``ipvsadm -Ln`` with or without ``--stats`` and its like.

Columns of a listing are those of ipvsadm.c, print_title. Only some listings have weights, and what they count is not kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from flowstitch.ingest.items import BadValue, canonical
from flowstitch.ingest.lines import BLANK, TORN_LINE, split_lines
from flowstitch.ingest.model import IpvsService

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowstitch.ingest.blocks import Block
    from flowstitch.ingest.model import Account, NodeFacts

_PROTOCOLS = {
    "-t": "tcp", "--tcp-service": "tcp",
    "-u": "udp", "--udp-service": "udp",
    "--sctp-service": "sctp",
}  # fmt: skip
_FWMARK = {"-f", "--fwmark-service"}
_ADD = {"-A": "service", "--add-service": "service", "-a": "server", "--add-server": "server"}
_SERVER = {"-r", "--real-server"}
_WEIGHT = {"-w", "--weight"}
_SCHEDULER = {"-s", "--scheduler"}
_LISTED = {"TCP": "tcp", "UDP": "udp", "SCTP": "sctp"}
_LISTED_FWMARK = "FWM"
_LISTED_SERVER = "->"
_TITLES = (["IP", "Virtual"], ["Prot", "LocalAddress:Port"], [_LISTED_SERVER, "RemoteAddress:Port"])
_ENDPOINT = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})")
_FWMARK_SERVICE = "fwmark service"
_TORN_RULE = "torn rule"

Key = tuple[str, str, int]
Server = tuple[str, int, int | None]


class NotARule(ValueError):  # noqa: N818 - it is the reason in the account, not a failure of the program
    """A line that is no rule; the text is the reason of the reject."""


@dataclass
class _Table:
    """What a file says so far.

    Attributes
    ----------
    services : real servers and their weights, by virtual service.
    current : virtual service that the lines are at, None where there is none.
    doubtful : virtual services that may have servers that could not be read.
    passed_over : why the servers that are listed below carry nothing, '' where they do.
    weight_at : place of the weight in the lines of a listing, None where they have none.
    """

    services: dict[Key, dict[tuple[str, int], int | None]] = field(default_factory=dict)
    current: Key | None = None
    doubtful: set[Key | None] = field(default_factory=set)
    passed_over: str = ""
    weight_at: int | None = None

    def add_service(self, key: Key) -> None:
        self.services.setdefault(key, {})
        self.current = key

    def add_server(self, ip: str, port: int, weight: int | None) -> None:
        if self.current not in self.services:
            raise NotARule("server of no service")
        servers = self.services[self.current]
        servers[ip, port] = servers.get((ip, port)) if weight is None else weight

    def known(self) -> dict[Key, list[Server]]:
        """Virtual services of which is known whom they send to: one of which it is not would seem to send to nobody."""
        return {
            key: [(*end, weight) for end, weight in servers.items()]
            for key, servers in self.services.items()
            if key not in self.doubtful or any(servers.values())
        }


def read_ipvs(blocks: Iterable[Block], account: Account, facts: NodeFacts) -> None:
    """Read the IPVS table of a node.

    Parameters
    ----------
    blocks : the file.
    account : gets every line.
    facts : gets the table, empty when the file has no rules; a service that it has already gets the servers
        of this file. A service is left out where a server of it could not be read and no other takes connections.
    """
    table, whole = _Table(), True
    for block in blocks:
        lines = list(split_lines(block))
        whole = block.terminated
        for line in lines:
            torn = not block.terminated and line is lines[-1]
            before = table.current
            try:
                skipped = _take(line.text.decode("ascii", "replace").split(), table, torn=torn)
            except NotARule as error:
                table.doubtful.add(before if torn else table.current)
                account.incomplete |= torn
                account.reject(line.number, line.byte_offset, TORN_LINE if torn else str(error), line.text)
            else:
                if skipped:
                    account.skipped[skipped] += 1
                else:
                    account.accept(line.number)
    if account.incomplete or not whole:
        # servers may have followed
        table.doubtful.add(table.current)
    add_services(table.known(), facts)


def add_services(services: Mapping[Key, Iterable[Server]], facts: NodeFacts) -> None:
    """Add virtual services to the IPVS table of a node, which it has from then on.

    Parameters
    ----------
    services : real servers of each virtual service; they take the place of those that it had, and one without a weight
        keeps the weight that it had.
    """
    known = {(service.protocol, service.ip, service.port): service for service in facts.ipvs or []}
    for key, servers in services.items():
        weights = {(ip, port): weight for ip, port, weight in known[key].servers} if key in known else {}
        ends = {
            (ip, port): weights.get((ip, port)) if weight is None else weight for ip, port, weight in servers
        }
        known[key] = IpvsService(*key, tuple((*end, weight) for end, weight in sorted(ends.items())))
    facts.ipvs = [known[key] for key in sorted(known)]


def _take(words: list[str], table: _Table, *, torn: bool) -> str:
    """Take one line; returns why it carries nothing."""
    if not words:
        return BLANK
    if words[0] in _ADD:
        return _take_rule(words, table, torn=torn)
    if words[0] == _LISTED_SERVER and words[:2] not in _TITLES:
        return _take_listed_server(words, table, torn=torn)
    return _take_listed_service(words, table, torn=torn)


def _take_rule(words: list[str], table: _Table, *, torn: bool) -> str:
    what = _ADD[words[0]]
    if what == "service":
        table.current = None
    if _FWMARK.intersection(words):
        return _FWMARK_SERVICE
    protocol = next((word for word in words if word in _PROTOCOLS), "")
    key = (_PROTOCOLS.get(protocol, ""), *_endpoint(_after(words, {protocol})))
    # the command prints scheduler and weight last of all that counts: a cut line would show a shorter number
    last = _SCHEDULER if what == "service" else _WEIGHT
    if torn and not last.intersection(words):
        raise NotARule(_TORN_RULE)
    if what == "service":
        table.add_service(key)
    else:
        table.current = key
        table.add_server(*_endpoint(_after(words, _SERVER)), _weight(words))
    return ""


def _take_listed_service(words: list[str], table: _Table, *, torn: bool) -> str:
    """Take a line of a listing that is no server's: whatever it is, servers below are not those of the service above."""
    table.current, table.passed_over = None, ""
    if words[:2] in _TITLES:
        if words[0] != _LISTED_SERVER:
            table.weight_at = None
        if "Weight" in words:
            table.weight_at = words.index("Weight")
        return "header"
    if words[0] == _LISTED_FWMARK:
        table.passed_over = _FWMARK_SERVICE
        return _FWMARK_SERVICE
    if words[0] not in _LISTED or len(words) < 2:
        raise NotARule("not an ipvsadm rule")
    key = (_LISTED[words[0]], *_endpoint(words[1]))
    if torn and len(words) < 3:
        raise NotARule(_TORN_RULE)
    table.add_service(key)
    return ""


def _take_listed_server(words: list[str], table: _Table, *, torn: bool) -> str:
    if table.passed_over:
        return table.passed_over
    last = table.weight_at or 1
    if len(words) <= last or (torn and len(words) <= last + 1):
        raise NotARule(_TORN_RULE)
    weight = None if table.weight_at is None else _number(words[table.weight_at])
    table.add_server(*_endpoint(words[1]), weight)
    return ""


def _after(words: list[str], options: set[str]) -> str:
    """Value of the first of the options."""
    for option, value in pairwise(words):
        if option in options:
            return value
    raise NotARule("not an ipvsadm rule")


def _endpoint(text: str) -> tuple[str, int]:
    match = _ENDPOINT.fullmatch(text)
    if match is None or int(match[3]) > 0xFFFF:
        raise NotARule("not numeric")
    try:
        return canonical(match[1] or match[2], "address"), int(match[3])
    except BadValue as error:
        raise NotARule("not numeric") from error


def _weight(words: list[str]) -> int:
    if not _WEIGHT.intersection(words):
        return 1  # ipvsadm(8): the default
    return _number(_after(words, _WEIGHT))


def _number(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text):
        raise NotARule("not numeric")
    return int(text)
