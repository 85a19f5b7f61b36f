"""Rules of ``ipvsadm-save -n`` of a node."""

from __future__ import annotations

import re
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
_ENDPOINT = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})")

Key = tuple[str, str, int]
Server = tuple[str, int, int]


class NotARule(ValueError):  # noqa: N818 - it is the reason in the account, not a failure of the program
    """A line that is no rule; the text is the reason of the reject."""


def read_ipvs(blocks: Iterable[Block], account: Account, facts: NodeFacts) -> None:
    """Read the IPVS table of a node.

    Parameters
    ----------
    blocks : the file.
    account : gets every line.
    facts : gets the table, empty when the file has no rules; a service that it has already gets the servers
        of this file.
    """
    services: dict[Key, set[Server]] = {}
    for block in blocks:
        lines = list(split_lines(block))
        for line in lines:
            torn = not block.terminated and line is lines[-1]
            try:
                skipped = _take(line.text.decode("ascii", "replace").split(), services, torn=torn)
            except NotARule as error:
                account.incomplete |= torn
                account.reject(line.number, line.byte_offset, TORN_LINE if torn else str(error), line.text)
            else:
                if skipped:
                    account.skipped[skipped] += 1
                else:
                    account.accept(line.number)
    add_services(services, facts)


def add_services(services: Mapping[Key, Iterable[Server]], facts: NodeFacts) -> None:
    """Add virtual services to the IPVS table of a node, which it has from then on.

    Parameters
    ----------
    services : real servers of each virtual service; they take the place of those that it had.
    """
    known = {(service.protocol, service.ip, service.port): service for service in facts.ipvs or []}
    known |= {key: IpvsService(*key, tuple(sorted(servers))) for key, servers in services.items()}
    facts.ipvs = [known[key] for key in sorted(known)]


def _take(words: list[str], services: dict[Key, set[Server]], *, torn: bool) -> str:
    """Take one line; returns why it carries nothing."""
    if not words:
        return BLANK
    what = _ADD.get(words[0])
    if what is None:
        raise NotARule("not an ipvsadm rule")
    if _FWMARK.intersection(words):
        return "fwmark service"
    protocol = next((word for word in words if word in _PROTOCOLS), "")
    key = (_PROTOCOLS.get(protocol, ""), *_endpoint(_after(words, {protocol})))
    # the command prints scheduler and weight last of all that counts: a cut line would show a shorter number
    last = _SCHEDULER if what == "service" else _WEIGHT
    if torn and not last.intersection(words):
        raise NotARule("torn rule")
    if what == "service":
        services.setdefault(key, set())
        return ""
    if key not in services:
        raise NotARule("server of no service")
    services[key].add((*_endpoint(_after(words, _SERVER)), _weight(words)))
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
    text = _after(words, _WEIGHT)
    if not re.fullmatch("[0-9]{1,9}", text):
        raise NotARule("not numeric")
    return int(text)
