"""What answers are held against: the truth of the capture, and its raw logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

from rawlogs import Logs

Row = dict[str, Any]
Known = dict[str, str]
Ask = Callable[[str], list[Row]]

UNSEEN = {"", "?"}


def totals(rows: list[Row], key: tuple[str, ...], value: str) -> dict[Hashable, Any]:
    """Sum of a column by others."""
    sums: Counter[Hashable] = Counter()
    for row in rows:
        sums[tuple(row[name] for name in key)] += row[value] or 0
    return {case: number for case, number in sums.items() if number}


def node_of(logs: Logs, ip: str) -> str | None:
    return logs.pods[ip][1] if ip in logs.pods else logs.node_addresses.get(ip)


def name_of(logs: Logs, ip: str) -> str | None:
    return logs.pods[ip][0] if ip in logs.pods else logs.node_addresses.get(ip)


def service_of(logs: Logs, known: Known) -> str | None:
    return logs.services.get((known["dialled_ip"], known["dialled_port"]), (None,))[0]


def server_of(logs: Logs, known: Known) -> tuple[str, str]:
    """Server of a truth row; of one that never told, whom the client's node sent it to."""
    if known["server_ip"] != "?" and known["server_port"] != "?":
        return known["server_ip"], known["server_port"]
    return logs.of_client(known).back if known["client_node"] not in UNSEEN else ("?", "?")


def bytes_of(logs: Logs, known: Known) -> tuple[int, int]:
    """Bytes both ways of a truth row, at the node of the client, else at the one that was entered or has the server."""
    if known["client_node"] in UNSEEN:
        entered = logs.node_addresses.get(known["dialled_ip"], known["server_node"])
        known = known | {"client_node": entered}
    _, forward, _, back = logs.of_client(known).counters
    return forward, back


def entry_seen_by_server(logs: Logs, known: Known) -> str:
    """Source address that the server's side of a connection had, from the entry of the node that translates."""
    if known["snat_ip"] != "?":
        return known["snat_ip"] or known["client_ip"]
    return logs.of_client(known).via[0]
