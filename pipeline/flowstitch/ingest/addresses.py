"""Who owns which address, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowstitch.normalize.address import parse_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowstitch.ingest.model import Inventory

    Row = dict[str, Any]

_SERVICE_ADDRESSES = {"cluster_ips": "cluster_ip", "lb_ips": "lb_ip", "external_ips": "external_ip"}


def build_addresses(inventory: Inventory) -> list[Row]:
    """Rows of the table ``addresses``.

    Parameters
    ----------
    inventory : as ``finish_inventory`` left it.

    Returns
    -------
    A row per address and owner: pods with an address of their own, nodes by their InternalIPs, services by their
    cluster, load balancer and external addresses, and ENIs for what nobody else owns. ``eni`` is the interface that
    holds a pod's or node's address; null when several do and none of them is on that node alone. What an owner had without
    a break is one row, however often the owner changed otherwise. Sorted by address as a number, owner kind, owner and start.
    """
    holders: dict[str, list[Row]] = {}
    for eni in inventory.tables["enis"]:
        for ip in eni["ips"]:
            holders.setdefault(ip, []).append(eni)
    rows = [*_pods(inventory, holders), *_nodes(inventory, holders), *_services(inventory)]
    owned = {row["ip"] for row in rows}
    rows += [
        _row(ip, "eni", eni["eni"], eni, node=eni["node"], eni=eni["eni"])
        for ip, enis in holders.items()
        if ip not in owned
        for eni in enis
    ]
    distinct = {tuple(row.items()): row for row in rows}
    return _joined(sorted(distinct.values(), key=_order))


def _pods(inventory: Inventory, holders: dict[str, list[Row]]) -> Iterator[Row]:
    for pod in inventory.tables["pods"]:
        for ip in [] if pod["host_network"] else pod["ips"]:
            owner = f"{pod['namespace']}/{pod['name']}"
            yield _row(ip, "pod", owner, pod, node=pod["node"], eni=_holder(holders.get(ip, []), pod["node"]))


def _nodes(inventory: Inventory, holders: dict[str, list[Row]]) -> Iterator[Row]:
    for node in inventory.tables["nodes"]:
        for ip in node["internal_ips"]:
            yield _row(
                ip,
                "node",
                node["name"],
                node,
                node=node["name"],
                eni=_holder(holders.get(ip, []), node["name"]),
            )


def _services(inventory: Inventory) -> Iterator[Row]:
    for service in inventory.tables["services"]:
        for field, kind in _SERVICE_ADDRESSES.items():
            for ip in service[field]:
                yield _row(
                    ip, kind, f"{service['namespace']}/{service['name']}", service, node=None, eni=None
                )


def _holder(enis: list[Row], node: str | None) -> str | None:
    """ENI that holds an address: the only one, else the only one on the node."""
    if len({eni["eni"] for eni in enis}) > 1:
        enis = [eni for eni in enis if node is not None and eni["node"] == node]
    names = {eni["eni"] for eni in enis}
    return names.pop() if len(names) == 1 else None


def _row(ip: str, kind: str, owner: str, of: Row, *, node: str | None, eni: str | None) -> Row:
    """Row that holds as long as the object it comes from."""
    return {
        "ip": ip, "owner_kind": kind, "owner": owner, "node": node, "eni": eni,
        "valid_from": of["valid_from"], "valid_to": of["valid_to"], "undated": of["undated"],
    }  # fmt: skip


def _joined(rows: list[Row]) -> list[Row]:
    """Rows in their order, those that follow each other without a break as one."""
    found: list[Row] = []
    for row in rows:
        span = {name: row[name] for name in ("valid_from", "valid_to")}
        if (
            found
            and row["valid_from"] is not None
            and found[-1]["valid_to"] == row["valid_from"]
            and found[-1] | span == row
        ):
            found[-1]["valid_to"] = row["valid_to"]
        else:
            found.append(row)
    return found


def _order(row: Row) -> tuple[int, str, str, int, int]:
    return (
        parse_address(row["ip"]) or 0,
        row["owner_kind"],
        row["owner"],
        row["valid_from"] or 0,
        row["valid_to"] or 0,
    )
