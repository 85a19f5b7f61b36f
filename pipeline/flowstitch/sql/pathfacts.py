"""What a result has on a path, and how one is found."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from flowstitch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowstitch.sql.session import Result

    Record: TypeAlias = dict[str, Any]

_MOST_ID = (1 << 64) - 1
_ID_DIGITS = len(str(_MOST_ID))
MAX_CANDIDATES = 20
_SIDES = ("client", "dialled", "server", "snat", "seen")
_FIND = f"""
select *, count(*) over () as found
from datapaths
where {" or ".join(f"({side}_ip = $ip and coalesce({side}_port = $port, $port is null))" for side in _SIDES)}
order by
    greatest($at - epoch_us(last_seen), epoch_us(first_seen) - $at, 0),
    abs(epoch_us(first_seen) - $at),
    first_seen,
    path_id
limit {MAX_CANDIDATES}
"""


@dataclass(frozen=True)
class Address:
    """What a user looks for: an address in RFC 5952 form, and a port or None."""

    ip: str
    port: int | None


@dataclass
class Path:
    """A path with everything the result has on it.

    Attributes
    ----------
    facts : its row of ``datapaths``. title : of its scenario.
    segments, observations : its rows of those tables, in order.
    enis : (node, role) by ENI. drifts : its rows of view ``drifts``; without sentences where an earlier version made the result.
    counters : its rows of view ``path_counters`` in order; none where an earlier version made the result.
    whole : the result has its observations; where not, that there are none says nothing.
    bypassed : 'client' and 'server', where conntrack of that node does not see the path by design of its data plane.
    missed : rows of view ``coverage_stretches`` of the time of the path: who does not show all of it, and why.
    veths : by 'client' and 'server' the device on the node that the pod's packets come by, where a policy route names one.
    """

    facts: Record
    title: str | None
    segments: list[Record]
    observations: list[Record]
    enis: dict[str, tuple[str | None, str | None]]
    drifts: list[Record]
    counters: list[Record]
    whole: bool = True
    bypassed: frozenset[str] = frozenset()
    missed: Sequence[Record] = ()
    veths: Mapping[str, str] = field(default_factory=dict)


def parse_target(text: str) -> int | Address:
    """A path_id, or an address with or without port; IPv6 with a port stands in brackets.

    Raises
    ------
    UsageError when it is neither.
    """
    if text.isascii() and text.isdigit() and len(text) <= _ID_DIGITS and int(text) <= _MOST_ID:
        return int(text)
    host, port = text, ""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        port = f":{port}"
    try:
        ip = ipaddress.ip_address(host)
        number = int(port[1:]) if port else None
        fits = port[:1] in {"", ":"} and 0 <= (number or 0) <= 0xFFFF
    except ValueError:
        fits = False
    if not fits:
        raise UsageError(
            f"got {text!r}, expected a path_id or ADDRESS[:PORT] like 10.0.1.91:20036 or [fd00::1]:80."
        )
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return Address(str(mapped or ip), number)


def find_paths(session: Result, address: Address, at: int | None) -> tuple[list[Record], int]:
    """Paths that have the address as client, dialled, server, snat or seen address.

    Parameters
    ----------
    at : time in µs since the epoch; the paths alive then come first, then the nearest ones; None orders by start.

    Returns
    -------
    At most ``MAX_CANDIDATES`` rows of ``datapaths``, and how many there are.
    """
    rows = _records(session, _FIND, {"ip": address.ip, "port": address.port, "at": at})
    return rows, rows[0]["found"] if rows else 0


def load_path(session: Result, path_id: int) -> Path:
    """Everything the result has on a path.

    Raises
    ------
    UsageError when it has no such path.
    """
    wanted = {"path_id": path_id}
    facts = _records(session, "from datapaths where path_id = $path_id", wanted)
    if not facts:
        raise UsageError(f"{session.name}: has no path {path_id}; name an ADDRESS[:PORT] to look for one.")
    titles = _records(
        session, "select title from scenarios where (dataplane, scenario) = ($dataplane, $scenario)",
        {name: facts[0][name] for name in ("dataplane", "scenario")},
    )  # fmt: skip
    enis = _records(
        session, "select eni, any_value(node) as node, any_value(role) as role from enis group by eni", {}
    )
    return Path(
        facts[0],
        titles[0]["title"] if titles else None,
        _records(session, "from segments where path_id = $path_id order by position", wanted),
        _records(
            session, "from observations where path_id = $path_id order by first_seen, source, line", wanted
        ),
        {row["eni"]: (row["node"], row["role"]) for row in enis},
        _drifts(session, facts[0]),
        _counters(session, path_id) if session.whole else [],
        session.whole,
        _bypassed(session, facts[0]),
        _missed(session, facts[0]) if session.whole else (),
        _veths(session, facts[0]),
    )


def _missed(session: Result, facts: Record) -> list[Record]:
    return _records(
        session,
        """
        select observer, node, eni, state
        from coverage_stretches
        where not whole and state not in ('listed', 'bypassed')
            and coalesce(since <= $until, true) and coalesce(until >= $since, true)
        """,
        {"since": facts["first_seen"], "until": facts["last_seen"]},
    )


def _veths(session: Result, facts: Record) -> dict[str, str]:
    query = "select distinct iif from ip_rules where node = $node and src = $ip and iif is not null"
    found = {}
    for side in ("client", "server"):
        if facts[f"{side}_kind"] == "pod":
            rows = _records(session, query, {"node": facts[f"{side}_node"], "ip": facts[f"{side}_ip"]})
            # of an address that two pods had in turn there can be two
            if len(rows) == 1:
                found[side] = rows[0]["iif"]
    return found


def input_sizes(session: Result) -> dict[str, set[int]]:
    """How large each source was, in bytes as it was stored, by its name; of several results it can have been of several sizes."""
    sizes: dict[str, set[int]] = {}
    for one in session.manifests():
        for told in one.get("inputs", ()):
            sizes.setdefault(told["source"], set()).add(told["size_bytes"])
    return sizes


def _bypassed(session: Result, facts: Record) -> frozenset[str]:
    planes = {"client": facts["dataplane"], "server": facts.get("server_dataplane") or facts["dataplane"]}
    rows = _records(session, "from scenarios where scenario = $scenario", {"scenario": facts["scenario"]})
    hidden = {row["dataplane"]: row["bypasses_conntrack"] or () for row in rows}
    return frozenset(side for side, plane in planes.items() if side in hidden.get(plane, ()))


def _drifts(session: Result, facts: Record) -> list[Record]:
    if "drift_codes" in session.tables:
        return _records(session, "from drifts where path_id = $path_id", {"path_id": facts["path_id"]})
    return [{"code": text, "sentence": None} for text in facts["drift"] or ()]


def _counters(session: Result, path_id: int) -> list[Record]:
    if not session.has_view("path_counters"):
        return []
    return _records(
        session,
        "from path_counters where path_id = $path_id order by hop_direction, point",
        {"path_id": path_id},
    )


def _records(session: Result, query: str, parameters: dict[str, Any]) -> list[Record]:
    relation = session.sql(query, parameters)
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def endpoint(ip: str | None, port: int | None) -> str:
    """Address and port as people write them."""
    if ip is None:
        return "?"
    if port is None:
        return ip
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
