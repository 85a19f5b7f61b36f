"""What is known of nodes beside Kubernetes, as rows of the tables ``sysctls``, ``ip_rules`` and ``ipvs_servers``.

Interfaces, their addresses and routes have no table: nothing that is asked of them is in a result.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from flowstitch.ingest.content import LONG_DOCUMENT
from flowstitch.ingest.ipvs import add_services
from flowstitch.ingest.model import IpRule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowstitch.ingest.ipvs import Key, Server
    from flowstitch.ingest.model import Account, Inventory, Source

    Row = dict[str, Any]

FACT_TABLES = ("sysctls", "ip_rules", "ipvs_servers")


def inventory_rows(inventory: Inventory) -> dict[str, list[Row]]:
    """Rows of every inventory table by its name, those of ``FACT_TABLES`` too, each in a fixed order.

    Parameters
    ----------
    inventory : as ``finish_inventory`` left it.
    """
    facts = [(node or None, known) for node, known in sorted(inventory.facts.items())]
    sysctls: list[Row] = [
        {"node": node, "key": key, "value": value or None}
        for node, known in facts
        for key, value in sorted(known.sysctls.items())
    ]
    rules: list[Row] = [
        {
            "node": node, "priority": rule.priority, "src": rule.src or None, "dst": rule.dst or None,
            "iif": rule.iif or None, "route_table": rule.table,
        }
        for node, known in facts
        for rule in known.rules or ()
    ]  # fmt: skip
    servers: list[Row] = [
        {
            "node": node, "protocol": service.protocol, "ip": service.ip, "port": service.port,
            "server_ip": server_ip, "server_port": server_port, "weight": weight,
        }
        for node, known in facts
        for service in known.ipvs or ()
        for server_ip, server_port, weight in service.servers or ((None, None, None),)
    ]  # fmt: skip
    return inventory.tables | dict(zip(FACT_TABLES, (sysctls, rules, servers), strict=True))


def take_rows(name: str, rows: Sequence[Row], inventory: Inventory) -> None:
    """Add rows of an inventory table to the inventory; the inverse of ``inventory_rows``.

    Parameters
    ----------
    name : an inventory table.
    rows : in the order of ``inventory_rows``.
    """
    if name in inventory.tables:
        inventory.tables[name] += rows
    elif name == "sysctls":
        for row in rows:
            inventory.of_node(row["node"] or "").sysctls[row["key"]] = row["value"] or ""
    elif name == "ip_rules":
        for row in rows:
            facts = inventory.of_node(row["node"] or "")
            src, dst, iif = (row[selector] or "" for selector in ("src", "dst", "iif"))
            facts.rules = facts.rules or []
            facts.rules.append(IpRule(row["priority"], src, dst, iif, row["route_table"]))
    elif name == "ipvs_servers":
        _take_servers(rows, inventory)


def note_dump(source: Source, account: Account, inventory: Inventory) -> None:
    """Note that a node's rules or IPVS table were dumped, which only the list of sources says where the dump was empty."""
    if source.kind == "ipvs-rules":
        add_services({}, inventory.of_node(source.node))
    elif source.kind == "ip-rule" and LONG_DOCUMENT not in account.rejected:
        facts = inventory.of_node(source.node)
        facts.rules = facts.rules or []


def _take_servers(rows: Sequence[Row], inventory: Inventory) -> None:
    tables: dict[str, dict[Key, list[Server]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        servers = tables[row["node"] or ""][row["protocol"], row["ip"], row["port"]]
        if row["server_ip"] is not None:
            servers.append((row["server_ip"], row["server_port"], row["weight"]))
    for node, services in tables.items():
        add_services(services, inventory.of_node(node))
