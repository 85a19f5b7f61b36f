"""Where a service cannot be reached from a node, which no log can show: no packet gets far enough to leave a trace."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from flowstitch.join.owners import MAX_TIME, MIN_TIME, interval
from flowstitch.normalize.address import family_of, parse_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowstitch.ingest.model import Inventory
    from flowstitch.join.dataplane import Dataplane
    from flowstitch.join.dataplanes import Dataplanes

    Row = dict[str, Any]
    Span = tuple[int, int]
    Key = tuple[str, str, int]

NO_ENDPOINT, NO_LOCAL_ENDPOINT = "no_endpoint", "no_local_endpoint"
# By kind of address: where a service has it, and the policy that holds for it.
_FIXED = (
    ("cluster_ip", "cluster_ips", "internal_traffic_policy"),
    ("lb_ip", "lb_ips", "external_traffic_policy"),
    ("external_ip", "external_ips", "external_traffic_policy"),
)


class Dial(NamedTuple):
    """What can be dialled of a service; of a node port ``ip`` is empty, each node has its own."""

    service: str
    protocol: str
    kind: str
    ip: str
    port: int
    local: bool


@dataclass
class _Node:
    """A node: when it was there, its InternalIPs, its data plane, and which of that one's lists of dead ends holds for it."""

    name: str
    dataplane: Dataplane
    lives: list[Span]
    ips: list[str] = field(default_factory=list)
    proxy: str = "other"


@dataclass
class _Ready:
    """When there are ready endpoints: anywhere, and by node."""

    anywhere: list[Span] = field(default_factory=list)
    on: dict[str, list[Span]] = field(default_factory=dict)


@dataclass
class _Tables:
    """What the nodes' IPVS tables say of virtual services.

    Attributes
    ----------
    serves : by node and virtual service, whether it has a real server that takes connections; nothing where the weights
        of its servers are not known.
    empty : nodes on which a virtual service has none. empty_ports : the same for virtual services at the node's own
        addresses, by protocol and port.
    """

    serves: dict[tuple[str, Key], bool] = field(default_factory=dict)
    empty: dict[Key, set[str]] = field(default_factory=lambda: defaultdict(set))
    empty_ports: dict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))


def find_dead_ends(inventory: Inventory, dumped: Iterable[str], dataplanes: Dataplanes) -> list[Row]:
    """Rows of the table ``dead_ends``.

    A service is a dead end on every node while it has no ready endpoint of the address's family, and, under policy
    Local, on every node while it has none there; where an endpoint may have been ready, nothing is expected. A node's
    IPVS table decides: a virtual service with a real server of weight above 0 is no dead end, one without is proven to
    be one (the schedulers pass over weight 0, ip_vs_rr.c and its like; kube-proxy gives it to servers that are going
    away). A listing without weights decides only where there is no real server at all. Such a table has no time: it proves the only stretch that policy and endpoints expect, or all
    of the service's life where they expect none; where they expect several it does not say which one it saw, so those
    stay expected.

    Headless and ExternalName services have no address that a node translates. Without any endpoint in the export,
    nothing is expected. A service that was made again ends the one before.

    Parameters
    ----------
    inventory : as ``finish_inventory`` left it.
    dumped : nodes that the export has files of; they count where it has no list of nodes.
    dataplanes : of the nodes, say who fails.

    Returns
    -------
    Rows sorted by node, service, protocol, address, port and start; cut where the reason changes.
    """
    nodes = _nodes(inventory, dumped, dataplanes)
    tables = _read_tables(inventory, nodes)
    endpoints = _endpoints(inventory)
    known = bool(inventory.tables["endpoints"])
    rows: list[Row] = []
    services = inventory.tables["services"]
    for service, life in zip(services, _lives(services), strict=True):
        for dial in _dials(service):
            families = (4, 6) if dial.kind == "node_port" else (family_of(dial.ip),)
            for family in families:
                key = (dial.service, dial.protocol, service["port_name"], family)
                ready = endpoints.get(key, _Ready()) if known else None
                rows += _rows_of(dial, family, life, ready, nodes, tables)
    return sorted(rows, key=_order)


def _nodes(inventory: Inventory, dumped: Iterable[str], dataplanes: Dataplanes) -> dict[str, _Node]:
    listed = inventory.tables["nodes"]
    nodes: dict[str, _Node] = {}
    for row in listed:
        node = nodes.setdefault(row["name"], _Node(row["name"], dataplanes.of(row["name"]), []))
        node.lives = union([*node.lives, interval(row)])
        node.ips = sorted({*node.ips, *(row["internal_ips"] or ())})
    if not listed:
        nodes = {name: _Node(name, dataplanes.of(name), [(MIN_TIME, MAX_TIME)]) for name in dumped if name}
    versions = {row["name"]: _version(row["kubelet_version"]) for row in listed}
    for name, facts in inventory.facts.items():
        if name in nodes and facts.ipvs:
            since = _version(nodes[name].dataplane.ipvs_falls_back_since)
            falls_back = since is not None and (versions.get(name) or (0,)) >= since
            nodes[name].proxy = "ipvs_falling_back" if falls_back else "ipvs"
    return nodes


def _version(text: str | None) -> tuple[int, int] | None:
    """Major and minor number of a version of Kubernetes like `v1.30.4-aliyun.1`, None where it is none."""
    found = re.match(r"v?(\d+)\.(\d+)", text or "")
    return (int(found[1]), int(found[2])) if found else None


def _read_tables(inventory: Inventory, nodes: dict[str, _Node]) -> _Tables:
    tables = _Tables()
    for name, node in nodes.items():
        facts = inventory.facts.get(name)
        for virtual in (facts and facts.ipvs) or ():
            key = (virtual.protocol, virtual.ip, virtual.port)
            weights = [weight for _, _, weight in virtual.servers]
            serves = any(weights)
            if not serves and None in weights:
                continue
            tables.serves[name, key] = serves
            if not serves:
                tables.empty[key].add(name)
                if virtual.ip in node.ips:
                    tables.empty_ports[virtual.protocol, virtual.port].add(name)
    return tables


def _endpoints(inventory: Inventory) -> dict[tuple[str, str, str | None, int], _Ready]:
    """When endpoints are or may be ready, by service, protocol, name of the port and family, as kube-proxy matches them."""
    spans: dict[tuple[str, str, str | None, int], dict[str | None, list[Span]]] = {}
    for row in inventory.tables["endpoints"]:
        # whose readiness is not known may be ready
        if row["ready"] is not False and row["port"] is not None:
            key = (row["service"], row["protocol"], row["port_name"], family_of(row["endpoint_ip"]))
            spans.setdefault(key, {}).setdefault(row["node"], []).append(interval(row))
    return {
        key: _Ready(
            union(span for of_node in by_node.values() for span in of_node),
            {node: union(of_node) for node, of_node in by_node.items() if node},
        )
        for key, by_node in spans.items()
    }


def _dials(service: Row) -> Iterator[Dial]:
    if service["service_type"] == "ExternalName" or not service["cluster_ips"] or service["protocol"] is None:
        return
    head = (f"{service['namespace']}/{service['name']}", service["protocol"])
    for kind, column, policy in _FIXED:
        for ip in service[column] or ():
            yield Dial(*head, kind, ip, service["port"], service[policy] == "Local")
    if service["node_port"]:
        local = service["external_traffic_policy"] == "Local"
        yield Dial(*head, "node_port", "", service["node_port"], local)


def _rows_of(
    dial: Dial, family: int, life: Span, ready: _Ready | None, nodes: dict[str, _Node], tables: _Tables
) -> Iterator[Row]:  # fmt: skip
    """Rows of one address and port, or of a node port in one family; looks only at nodes that can have any."""
    elsewhere = _stretches(dial, life, ready, [])
    if dial.kind == "node_port":
        empty = tables.empty_ports.get((dial.protocol, dial.port), set())
    else:
        empty = tables.empty.get((dial.protocol, dial.ip, dial.port), set())
    for name in nodes if elsewhere else empty:
        node = nodes[name]
        local = ready.on.get(name) if ready and dial.local else None
        stretches = elsewhere if local is None else _stretches(dial, life, ready, local)
        ips = [ip for ip in node.ips if family_of(ip) == family] if dial.kind == "node_port" else [dial.ip]
        for ip in ips:
            serves = tables.serves.get((name, (dial.protocol, ip, dial.port)))
            if serves is None:
                yield from _expected(dial, ip, node, stretches)
            elif not serves:
                yield from _proven(dial, ip, node, life, stretches)


def _stretches(dial: Dial, life: Span, ready: _Ready | None, local: list[Span]) -> list[tuple[Span, str]]:
    """When, and why, policy and endpoints expect a dead end on a node that has ready endpoints at some times."""
    if ready is None:
        return []
    found = [(span, NO_ENDPOINT) for span in minus([life], ready.anywhere)]
    if dial.local:
        served = minus([life], [span for span, _ in found])
        found += [(span, NO_LOCAL_ENDPOINT) for span in minus(served, local)]
    return sorted(found)


def _expected(dial: Dial, ip: str, node: _Node, stretches: list[tuple[Span, str]]) -> Iterator[Row]:
    for life in node.lives:
        for span, reason in _within(stretches, life):
            clients = node.dataplane.dead_ends.get((node.proxy, reason, dial.kind))
            if clients:
                yield _row(dial, ip, node, clients, reason, span, "expected", _shown_by(reason))


def _proven(dial: Dial, ip: str, node: _Node, life: Span, stretches: list[tuple[Span, str]]) -> Iterator[Row]:
    """Rows of a virtual service without real servers; nobody gets through, whatever the reason."""
    clients = node.dataplane.dead_ends.get(("ipvs", NO_ENDPOINT, dial.kind), [])
    found = [part for living in node.lives for part in _within(stretches, living)]
    contradicted = not found
    if contradicted:
        reason = NO_LOCAL_ENDPOINT if dial.local else NO_ENDPOINT
        found = [part for living in node.lives for part in _within([(life, reason)], living)]
    certainty = "proven" if len(union(span for span, _ in found)) == 1 else "expected"
    for span, reason in found:
        evidence = ["ipvs"] if contradicted else [*_shown_by(reason), "ipvs"]
        yield _row(dial, ip, node, clients, reason, span, certainty, evidence)


def _shown_by(reason: str) -> list[str]:
    return ["endpoints"] if reason == NO_ENDPOINT else ["endpoints", "policy"]


def _row(
    dial: Dial, ip: str, node: _Node, clients: list[str], reason: str, span: Span, certainty: str, evidence: list[str]
) -> Row:  # fmt: skip
    return {
        "node": node.name, "service": dial.service, "protocol": dial.protocol, "address": ip, "port": dial.port,
        "address_kind": dial.kind, "client_kinds": clients, "reason": reason,
        "since": None if span[0] == MIN_TIME else span[0], "until": None if span[1] == MAX_TIME else span[1],
        "certainty": certainty, "evidence": sorted(evidence),
    }  # fmt: skip


def _order(row: Row) -> tuple[Any, ...]:
    address = parse_address(row["address"]) or 0
    since = MIN_TIME if row["since"] is None else row["since"]
    return row["node"], row["service"], row["protocol"], address, row["port"], row["address_kind"], since


def _lives(services: list[Row]) -> list[Span]:
    """Validity of each row, cut where the next service of its name begins."""
    starts: dict[tuple[str, str], set[int]] = defaultdict(set)
    for row in services:
        starts[row["namespace"], row["name"]].add(interval(row)[0])
    lives = []
    for row in services:
        begin, end = interval(row)
        later = (start for start in starts[row["namespace"], row["name"]] if start > begin)
        lives.append((begin, min(end, *later, MAX_TIME)))
    return lives


def _within(stretches: Iterable[tuple[Span, str]], life: Span) -> Iterator[tuple[Span, str]]:
    """Parts of the stretches that lie in a span."""
    for (begin, end), reason in stretches:
        inner = max(begin, life[0]), min(end, life[1])
        if inner[0] < inner[1]:
            yield inner, reason


def union(spans: Iterable[Span]) -> list[Span]:
    """Half-open spans as the fewest that cover the same times, in order."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if begin >= end:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return found


def minus(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """Times of the spans that no other span covers, in order."""
    found = []
    holes = union(others)
    for begin, end in union(spans):
        at = begin
        for left, right in holes:
            if right <= at:
                continue
            if left >= end:
                break
            if at < left:
                found.append((at, left))
            at = right
        if at < end:
            found.append((at, end))
    return found
