"""Who owns which address, and when."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowstitch.normalize.address import parse_address

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from flowstitch.ingest.model import Inventory

    Row = dict[str, Any]

_SERVICE_ADDRESSES = {"cluster_ips": "cluster_ip", "lb_ips": "lb_ip", "external_ips": "external_ip"}


@dataclass
class _Holders:
    """ENIs by address, and by address and node."""

    of: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    on: defaultdict[tuple[str, str | None], set[str]] = field(default_factory=lambda: defaultdict(set))

    def find(self, ip: str, node: str | None) -> str | None:
        """ENI that holds an address: the only one, else the only one on the node."""
        names = self.of.get(ip, set())
        if len(names) > 1:
            names = set() if node is None else self.on.get((ip, node), set())
        return next(iter(names)) if len(names) == 1 else None


def build_addresses(inventory: Inventory, routed: Collection[str] = ()) -> list[Row]:
    """Rows of the table ``addresses``.

    Parameters
    ----------
    inventory : as ``finish_inventory`` left it.
    routed : nodes to whose primary ENI the VPC routes the addresses of their pods, which no ENI holds.

    Returns
    -------
    A row per address and owner: pods with an address of their own, nodes by their InternalIPs, services by their
    cluster, load balancer and external addresses, and for what nobody else owns ENIs, or the load balancers whose ENIs they are. ``eni`` is the interface that
    holds a pod's or node's address, or that it is routed to; null when several do and none of them is on that node alone. What an owner had without
    a break is one row, however often the owner changed otherwise. Sorted by address as a number, owner kind, owner and start.
    """
    holders = _Holders()
    for eni in inventory.tables["enis"]:
        for ip in eni["ips"]:
            holders.of[ip].add(eni["eni"])
            holders.on[ip, eni["node"]].add(eni["eni"])
    primary = {eni["node"]: eni["eni"] for eni in inventory.tables["enis"] if eni["role"] == "primary"}
    routes = {node: primary[node] for node in routed if node in primary}
    rows = [*_pods(inventory, holders, routes), *_nodes(inventory, holders), *_services(inventory)]
    owned = {row["ip"] for row in rows}
    rows += [
        _row(ip, *_holder(eni), eni, node=eni["node"], eni=eni["eni"])
        for eni in inventory.tables["enis"]
        for ip in eni["ips"]
        if ip not in owned
    ]
    distinct = {tuple(row.items()): row for row in rows}
    return _joined(sorted(distinct.values(), key=_order))


def _holder(eni: Row) -> tuple[str, str]:
    """Owner kind and owner of an address that nobody but the interface has."""
    return ("lb", eni["load_balancer"]) if eni.get("load_balancer") else ("eni", eni["eni"])


def _pods(inventory: Inventory, holders: _Holders, routes: dict[str, str]) -> Iterator[Row]:
    for pod in inventory.tables["pods"]:
        for ip in [] if pod["host_network"] else pod["ips"]:
            owner = f"{pod['namespace']}/{pod['name']}"
            eni = holders.find(ip, pod["node"]) or routes.get(pod["node"])
            yield _row(ip, "pod", owner, pod, node=pod["node"], eni=eni)


def _nodes(inventory: Inventory, holders: _Holders) -> Iterator[Row]:
    for node in inventory.tables["nodes"]:
        for ip in node["internal_ips"]:
            name = node["name"]
            yield _row(ip, "node", name, node, node=name, eni=holders.find(ip, name))


def _services(inventory: Inventory) -> Iterator[Row]:
    for service in inventory.tables["services"]:
        for column, kind in _SERVICE_ADDRESSES.items():
            for ip in service[column]:
                yield _row(
                    ip, kind, f"{service['namespace']}/{service['name']}", service, node=None, eni=None
                )


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
