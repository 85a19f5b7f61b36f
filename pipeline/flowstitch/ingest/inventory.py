"""Inventory files, whatever wrote them, into one description of the cluster."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from flowstitch.catalog.load import table
from flowstitch.ingest.content import read_blocks
from flowstitch.ingest.dialects import dialect_of
from flowstitch.ingest.documents import TORN, TORN_DOCUMENT, read_json, strict_values
from flowstitch.ingest.enis import interfaces, take_interface
from flowstitch.ingest.iproute import entries, take_entry
from flowstitch.ingest.ipvs import read_ipvs
from flowstitch.ingest.items import BadValue, Item
from flowstitch.ingest.kubernetes import is_whole_list, objects, take_object
from flowstitch.ingest.snapshots import Dump, keep, settle
from flowstitch.ingest.sysctl import read_sysctl
from flowstitch.ingest.terway import read_mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from flowstitch.ingest.model import Account, Inventory, NodeFacts, Source

_NODE_KINDS = ("ip-addr", "ip-link", "ip-route", "ip-rule", "ipvs-rules", "sysctl", "terway-mapping")
INVENTORY_KINDS = ("enis", "kubernetes", *_NODE_KINDS)
_T = TypeVar("_T")
_FULL_LINE = re.compile(rb"\S[^\n]*")


class _Reader(NamedTuple):
    """How a document of one kind is read: what its items are, and what takes one (the reason if it carries nothing)."""

    items: Callable[[object], Iterator[object]]
    take: Callable[[Item], str]


def read_inventory(source: Source, account: Account, inventory: Inventory) -> None:
    """Read one inventory file.

    Parameters
    ----------
    source : a file of one of ``INVENTORY_KINDS``.
    account : gets every item (of a document, by its ordinal) or line.
    inventory : gets table rows and node facts; ``finish_inventory`` puts them in order when all files are read.
        Files are to be read in sorted order: of two descriptions of one object the later one counts.
    """
    if source.kind in _NODE_KINDS and not source.node:
        account.warnings.append(
            "the file does not say of which node it is; put it under nodes/<node>/ or set node in export.toml."
        )
    if source.kind == "ipvs-rules":
        read_ipvs(read_blocks(source.path, account), account, inventory.of_node(source.node))
    elif source.kind == "terway-mapping":
        read_mapping(read_blocks(source.path, account), source, account, inventory)
    elif source.kind == "sysctl":
        read_sysctl(read_blocks(source.path, account), account, inventory.of_node(source.node))
    elif (document := read_json(source.path, account)) is not None:
        if source.kind == "kubernetes":
            _read_kubernetes(document, source, account, inventory)
        else:
            _read_items(document, _reader(source, account, inventory), account)


def finish_inventory(inventory: Inventory) -> None:
    """Put the inventory in order when all files are read.

    Snapshots become rows, see ``settle``; what the network plug-in says is added where nobody else says it. Of rows that describe one object (equal key, see the table) the last one
    read stays; tables are sorted by key. ENIs get the node whose instance they are attached to; without a list of nodes
    they have none but what the plug-in of a node said.
    """
    settle(inventory)
    if inventory.cni is not None:
        settle(inventory.cni)
        _complement(inventory, inventory.cni)
        inventory.cni = None
    for name, rows in inventory.tables.items():
        latest = {tuple(_sortable(row[part]) for part in table(name).key): row for row in rows}
        rows[:] = [latest[key] for key in sorted(latest)]
    _place_enis(inventory)
    for facts in inventory.facts.values():
        _order_facts(facts)
    dataplanes = inventory.dataplanes_of()
    for row in inventory.tables["nodes"]:
        row["dataplane"] = dataplanes.get(row["name"])
        known = inventory.facts.get(row["name"])
        row["proxy_mode"] = "ipvs" if known and known.ipvs else None


def _reader(source: Source, account: Account, inventory: Inventory) -> _Reader:
    if source.kind == "enis":
        dialect = dialect_of(source, ["json"])
        undated = source.taken_at is None
        take = partial(take_interface, inventory=inventory, account=account, dialect=dialect, undated=undated)
        return _Reader(partial(interfaces, dialect=dialect), take)
    facts = inventory.of_node(source.node)
    if source.kind == "ip-rule" and facts.rules is None:
        facts.rules = []
    return _Reader(entries, partial(take_entry, kind=source.kind, facts=facts))


def _read_kubernetes(document: bytes, source: Source, account: Account, inventory: Inventory) -> None:
    dump = Dump(source.taken_at, source.node)

    def items(value: object) -> Iterator[object]:
        dump.values += 1
        dump.lists += is_whole_list(value)
        return objects(value)

    _read_items(document, _Reader(items, partial(take_object, dump=dump)), account)
    lines = sum(1 for _ in _FULL_LINE.finditer(document)) if dump.taken_at is not None else 0
    keep(dump, inventory, lines=lines, intact=not account.rejected and not account.incomplete)


def _read_items(document: bytes, reader: _Reader, account: Account) -> None:
    ordinal = 0
    for byte_offset, value in strict_values(document):
        if value is TORN:
            account.incomplete = True
            account.reject(ordinal + 1, byte_offset, TORN_DOCUMENT, document[byte_offset:])
            return
        for item in reader.items(value):
            ordinal += 1
            _read_item(item, ordinal, byte_offset, reader, account)


def _read_item(item: object, ordinal: int, byte_offset: int, reader: _Reader, account: Account) -> None:
    try:
        skipped = reader.take(Item(item))
    except BadValue as error:
        account.reject(ordinal, byte_offset, str(error), _raw(item))
        return
    if skipped:
        account.skipped[skipped] += 1
    else:
        account.accept(ordinal)


def _raw(item: object) -> bytes:
    try:
        return json.dumps(item, ensure_ascii=False).encode("utf-8", "replace")
    except RecursionError:
        return b""


def _sortable(value: str | int | None) -> tuple[bool, str | int]:
    return (False, 0) if value is None else (True, value)


def _complement(inventory: Inventory, cni: Inventory) -> None:
    """Add what the network plug-in says: addresses, nodes and roles of ENIs, and pods and addresses that no list of pods has."""
    enis: dict[str, list[dict[str, Any]]] = {}
    for row in inventory.tables["enis"]:
        enis.setdefault(row["eni"], []).append(row)
    for row in cni.tables["enis"]:
        if row["eni"] not in enis:
            enis[row["eni"]] = [row]
            inventory.tables["enis"].append(row)
        for known in enis[row["eni"]]:
            known["ips"] = sorted({*known["ips"], *row["ips"]})
            known["node"], known["role"] = known["node"] or row["node"], known["role"] or row["role"]
    pods = inventory.tables["pods"]
    listed = {(row["namespace"], row["name"]) for row in pods}
    held = {ip for row in pods for ip in row["ips"]}
    for row in cni.tables["pods"]:
        if (row["namespace"], row["name"]) not in listed:
            pods.append(row | {"ips": [ip for ip in row["ips"] if ip not in held]})


def _place_enis(inventory: Inventory) -> None:
    nodes: dict[str, set[str]] = {}
    for row in inventory.tables["nodes"]:
        if row["instance_id"]:
            nodes.setdefault(row["instance_id"], set()).add(row["name"])
    for row in inventory.tables["enis"]:
        if names := nodes.get(row["instance_id"]):
            row["node"] = next(iter(names)) if len(names) == 1 else None


def _order_facts(facts: NodeFacts) -> None:
    facts.addresses = _distinct(facts.addresses)
    facts.links = _distinct(facts.links)
    facts.routes = _distinct(facts.routes)
    if facts.rules is not None:
        facts.rules = sorted(_distinct(facts.rules), key=lambda rule: rule.priority)


def _distinct(values: Iterable[_T]) -> list[_T]:
    return list(dict.fromkeys(values))
