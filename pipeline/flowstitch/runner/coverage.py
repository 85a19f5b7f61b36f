"""What an export lacks, and what that costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowstitch.ingest.holdings import ASKED, Holdings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flowstitch.ingest.read import Export
    from flowstitch.normalize.columns import Pools

MAX_NAMES = 5
# How much earlier or later than the others' the events of a node may end or begin before it is told, µs.
UNEVEN_US = 60_000_000

_TABLES = {
    "nodes": (
        "no Kubernetes nodes in the export: addresses and node ports of nodes and the nodes of ENIs are not known; "
        "who dialled from a node or was masqueraded, ENI legs and where those replies land stay null."
    ),
    "pods": (
        "no pods in the export: which addresses are pods' is not known; clients and servers have no name and no node, "
        "and most paths no scenario."
    ),
    "services": (
        "no services in the export: what a dialled address and port belong to is not known; paths to services have no "
        "scenario, and dead_ends is empty."
    ),
    "endpoints": (
        "no endpoints of services in the export: whether a client from outside came through a load balancer is not "
        "known, and dead_ends has only what IPVS tables prove."
    ),
    "enis": (
        "no ENIs in the export: their roles and nodes are not known; ENI legs stay null, and return_lands_on where a reply "
        "crossed an ENI."
    ),
}  # fmt: skip
_NO_INVENTORY = (
    "no inventory in the export, neither nodes, pods, services and endpoints nor ENIs: addresses have no owner; names, nodes, "
    "scenarios and where replies land stay null, and dead_ends is empty."
)  # fmt: skip


def holdings_of(export: Export, pools: Pools) -> Holdings:
    """What an export holds that was read whole, its inventory put in order."""
    held = Holdings(inventory=export.inventory)
    for source, account in zip(export.sources, export.accounts, strict=True):
        held.note(source, incomplete=account.incomplete)
    for name, columns in ASKED.items():
        for rows in export.parts_of(name, columns):
            held.take(name, rows, pools)
    return held


def find_missing(held: Holdings, *, by_rules: Callable[[str], bool] = lambda _: True) -> list[str]:
    """Sentences for the user on what is not there; none for an export that is whole.

    One sentence for each kind of thing, with the first ``MAX_NAMES`` of those it concerns. What lies in a file that was not
    read to its end is not said to be missing.

    Parameters
    ----------
    held : with an inventory as ``finish_inventory`` left it.
    by_rules : of a node, whether its data plane lets one expect by its rules by which ENI a request leaves.
    """
    if any(kind == "canonical-table" for kind, _ in held.unread):
        return []
    return [
        *_missing_conntrack(held),
        *_missing_flow_logs(held),
        *_missing_tables(held),
        *_missing_settings(held, by_rules),
        *_switched_off(held),
        *_uneven(held),
        *_without_backend(held),
    ]


def _missing_conntrack(held: Holdings) -> Iterator[str]:
    if not held.nodes:
        if held.flow_logs:
            yield (
                "no conntrack in the export: paths are what flow logs saw of them; what was dialled, translations and masqueraded "
                "clients stay unknown."
            )
        else:
            yield "neither conntrack nor flow logs in the export: there is no path to find."
        return
    without = _known_nodes(held) - held.nodes.keys()
    yield from _of_nodes(
        without,
        "no conntrack in the export; connections opened there are seen from the other end only: their dialled address and "
        "masqueraded clients stay unknown.",
    )
    yield from _of_nodes(
        (name for name, node in held.nodes.items() if node.lists and not node.events),
        "conntrack lists but no events; connections that came and went between two lists are missing.",
    )
    yield from _of_nodes(
        (name for name, node in held.nodes.items() if node.events and not node.lists),
        "conntrack events but no list; connections that were open all the time and changed no state are missing.",
    )


def _known_nodes(held: Holdings) -> set[str]:
    """Nodes that the inventory has at any time of the export."""
    tables = held.inventory.tables
    found = {row["name"] for row in tables["nodes"] if _during(row, held)}
    for name in ("enis", "pods"):
        found |= {row["node"] for row in tables[name] if row["node"] and _during(row, held)}
    return found


def _during(row: dict[str, Any], held: Holdings) -> bool:
    if held.first > held.last:
        return True
    begin, end = row["valid_from"], row["valid_to"]
    return (begin is None or begin <= held.last) and (end is None or end > held.first)


def _missing_flow_logs(held: Holdings) -> Iterator[str]:
    if not held.flow_logs:
        if held.nodes:
            yield (
                "no flow logs in the export: ENI legs stay null, return_evidence is nowhere 'observed', and what a security group "
                "rejected is not told from what nobody answered."
            )
        return
    if any(kind in {"vpc-flow-log", "enis", "kubernetes"} for kind, _ in held.unread):
        return
    enis = [row for row in held.inventory.tables["enis"] if row["instance_id"] and _during(row, held)]
    # other machines of the VPC have ENIs too
    of_nodes = [row for row in enis if row["node"]] or enis
    without = {row["eni"] for row in of_nodes} - held.logs.keys()
    if without:
        yield (
            f"{_some('ENI', without)}: no flow log; ENI legs and return_evidence 'observed' are not possible for what crosses "
            f"{'it' if len(without) == 1 else 'them'}."
        )


def _missing_tables(held: Holdings) -> Iterator[str]:
    unread = {kind for kind, _ in held.unread}
    missing = [
        name
        for name in _TABLES
        if not held.inventory.has_list(name) and ("enis" if name == "enis" else "kubernetes") not in unread
    ]
    if len(missing) == len(_TABLES):
        yield _NO_INVENTORY
    else:
        yield from (_TABLES[name] for name in missing)


def _missing_settings(held: Holdings, by_rules: Callable[[str], bool]) -> Iterator[str]:
    facts = held.inventory.facts
    ruled = {name for name, known in facts.items() if known.rules is not None}
    set_up = {name for name, known in facts.items() if known.sysctls}
    ruled |= {node for kind, node in held.unread if kind == "ip-rule"}
    yield from _of_nodes(
        filter(by_rules, held.nodes.keys() - ruled),
        "no ip rules in the export; by which ENI requests of pods should leave there is not known, so that drift is not found.",
    )
    yield from _of_nodes(
        held.nodes.keys() - set_up,
        "no sysctls in the export; the kernel's default timeouts are assumed, and from them the last packet of what a list has.",
    )


def _switched_off(held: Holdings) -> Iterator[str]:
    yield from _of_nodes(
        (name for name in held.nodes if _is_off(held, name, "counted", "net.netfilter.nf_conntrack_acct")),
        "conntrack accounting is off (net.netfilter.nf_conntrack_acct); packets and bytes are not known there.",
    )
    yield from _of_nodes(
        (
            name
            for name in held.nodes
            if _is_off(held, name, "stamped", "net.netfilter.nf_conntrack_timestamp")
        ),
        "conntrack time stamps are off (net.netfilter.nf_conntrack_timestamp); starts that no NEW event shows are inferred.",
    )
    yield from _of_nodes(
        (name for name, known in held.inventory.facts.items() if known.ipvs != [] and _setting(held, name, "net.ipv4.vs.conntrack") == "0"),
        "net.ipv4.vs.conntrack is 0; what IPVS sends on there has no conntrack entry and is masqueraded nowhere, which nothing tells: "
        "backends see the client's own address, and what was dialled is known from IPVS connection tables alone.",
    )  # fmt: skip


def _is_off(held: Holdings, name: str, what: str, key: str) -> bool:
    """What rows show counts more than a setting, which may be younger than they are."""
    shown = getattr(held.nodes[name], what)
    return not shown if shown is not None else _setting(held, name, key) == "0"


def _setting(held: Holdings, name: str, key: str) -> str | None:
    known = held.inventory.facts.get(name)
    return known.sysctls.get(key, "").strip() if known else None


def _uneven(held: Holdings) -> Iterator[str]:
    spans = {name: node for name, node in held.nodes.items() if name and node.first <= node.last}
    if len(spans) < 2:
        return
    begin, end = min(node.first for node in spans.values()), max(node.last for node in spans.values())
    late = {name: node.first - begin for name, node in spans.items() if node.first - begin > UNEVEN_US}
    early = {name: end - node.last for name, node in spans.items() if end - node.last > UNEVEN_US}
    yield from _of_nodes(
        _timed(late),
        "conntrack events begin later than those of other nodes; what came before is missing there.",
    )
    if all(kind != "conntrack-events" for kind, _ in held.unread):
        yield from _of_nodes(
            _timed(early),
            "conntrack events end earlier than those of other nodes; what came after is missing there.",
        )


def _without_backend(held: Holdings) -> Iterator[str]:
    if held.lb_connections:
        yield (
            "connections to load balancers in the export have no backend: table lb_connections says who dialled a load balancer, "
            "when and how much, and no path comes of them."
        )


def _timed(lengths: dict[str, int]) -> list[str]:
    return [f"{name} (by {length // 1_000_000} s)" for name, length in lengths.items()]


def _of_nodes(names: Iterable[str], sentence: str) -> Iterator[str]:
    found = {name for name in names if name}
    if found:
        yield f"{_some('node', found)}: {sentence}"


def _some(what: str, names: Iterable[str]) -> str:
    """Names for a sentence, the first few of many."""
    shown = sorted(names)
    more = len(shown) - MAX_NAMES
    if more > 0:
        shown = [*shown[:MAX_NAMES], f"{more} more"]
    listed = f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else shown[0]
    return f"{what}{'s' if len(shown) > 1 else ''} {listed}"
