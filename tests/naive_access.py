"""Access logs of AWS read by hand: one character after the other, one value after the other."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import Any

MISSING = {None, "", "-", "-1"}
PHASES = ("request_processing_time_us", "target_processing_time_us", "response_processing_time_us")
ALB = [
    "type",
    "time",
    "elb",
    "client",
    "target",
    "request_processing",
    "target_processing",
    "response_processing",
    "status",
    "upstream_status",
    "received",
    "sent",
    "request",
    "agent",
    "cipher",
    "protocol",
    "group",
    "trace",
    "domain",
    "certificate",
    "priority",
    "created",
    "actions",
    "redirect",
    "error",
    "targets",
    "target_statuses",
]
CLB = ALB[1:16]


def values_of(line: str) -> list[str] | None:
    """Values of a line without their quotes; None when it is not values throughout."""
    values: list[str] = []
    place = 0
    while place < len(line):
        start = place
        if line[place] == '"':
            place += 1
            while place < len(line) and line[place] != '"':
                place += 2 if line[place] == "\\" else 1
            if place >= len(line):
                return None
            values.append(line[start + 1 : place])
            place += 1
        else:
            while place < len(line) and line[place] not in ' \t"':
                place += 1
            values.append(line[start:place])
        if place < len(line) and line[place] not in " \t":
            return None
        while place < len(line) and line[place] in " \t":
            place += 1
    return values


def time_of(text: str | None) -> datetime | None:
    """Time in UTC of an ISO text with its offset; ValueError when it is none."""
    if text in MISSING:
        return None
    moment = datetime.fromisoformat(text or "")
    if moment.tzinfo is None or moment.year < 1970:
        raise ValueError(text)
    return moment.astimezone(UTC).replace(tzinfo=None)


def number_of(text: str | None, most: int) -> int | None:
    if text in MISSING:
        return None
    if not (text.isascii() and text.isdigit()) or int(text) > most:
        raise ValueError(text)
    return int(text)


def micros_of(text: str | None) -> int | None:
    if text in MISSING:
        return None
    whole, _, fraction = text.partition(".")
    if not all(part.isascii() and part.isdigit() and len(part) <= 9 for part in (whole, fraction or "0")):
        raise ValueError(text)
    if text.endswith("."):
        raise ValueError(text)
    return round(float(text) * 1e6)


def endpoint_of(text: str | None) -> tuple[str | None, int | None]:
    if text in MISSING:
        return None, None
    # an address alone is taken for one without a port
    address, _, port = text.rpartition(":") if ":" in text else (text, "", None)
    address = ipaddress.ip_address(address.removeprefix("[").removesuffix("]"))
    return str(getattr(address, "ipv4_mapped", None) or address), number_of(port, 0xFFFF)


def targets_of(text: str | None) -> str | None:
    """A list of endpoints, IPv6 addresses in brackets."""
    if text in MISSING:
        return None
    items = []
    for item in text.split():
        address, _, port = item.rpartition(":")
        bare = ":" in address and set(address) <= set("0123456789abcdefABCDEF:.") and port.isdecimal()
        items.append(f"[{address}]:{port}" if bare else item)
    return ", ".join(items)


def request_of(text: str | None) -> tuple[str | None, str | None, str | None]:
    """Method, host and URI of a request line."""
    if not text or not text.strip(" "):
        return None, None, None
    method, _, rest = text.strip(" ").partition(" ")
    rest = rest.strip(" ")
    url, _, version = rest.rpartition(" ")
    number = version.removeprefix("HTTP/")
    url = url.strip(" ") if number not in {"", version} and set(number) <= set("0123456789.") else rest
    scheme, between, behind = url.partition("://")
    host = None
    if between and scheme[:1].isalpha() and all(letter.isalnum() or letter in "+.-" for letter in scheme):
        ends = [place for place, letter in enumerate(behind) if letter in "/?#* "]
        authority, url = behind[: min(ends, default=len(behind))], behind[min(ends, default=len(behind)) :]
        literal = authority.startswith("[") and "]" in authority
        host = authority[: authority.index("]") + 1] if literal else authority.partition(":")[0]
        if authority.endswith("-"):
            url = ""
    uri = url if url.startswith(("/", "?", "#", "*")) else None
    return tuple(None if part in MISSING else part[:1024] for part in (method, host, uri))


def row_of(line: str, names: list[str]) -> dict[str, Any] | None:
    """The row of a line with columns of these names, ``ALB`` or ``CLB``; None when it has a value that does not fit."""
    values = values_of(line)
    if values is None or len(values) < 12:
        return None
    try:
        return _row(dict(zip(names, values, strict=False)), names is ALB)
    except (ValueError, OverflowError):
        return None


def _row(known: dict[str, str], alb: bool) -> dict[str, Any] | None:
    logged, created = time_of(known["time"]), time_of(known.get("created"))
    if logged is None or known["elb"] in MISSING or not known["elb"].isprintable():
        return None
    phases = [micros_of(known[f"{name}_processing"]) for name in ("request", "target", "response")]
    passed = timedelta(microseconds=sum(phase or 0 for phase in phases))
    at, received = (logged, created) if alb else (logged + passed, logged)
    took = None if None in phases else passed // timedelta(microseconds=1)
    if alb and received is not None and received <= at:
        took = (at - received) // timedelta(microseconds=1)
    sizes = [number_of(known[name], 2**63 - 1) for name in ("received", "sent")]
    targets, status = known.get("targets"), known["upstream_status"]
    listed = known.get("target_statuses") if known.get("target_statuses") not in MISSING else status
    method, host, uri = request_of(known.get("request"))
    address, port = endpoint_of(known["client"])
    return {
        "request_at": at, "received_at": received, "lb_id": known["elb"], "client_ip": address, "client_port": port, "method": method,
        "host": host, "uri": uri, "status": number_of(known["status"], 0xFFFF), **dict(zip(PHASES, phases, strict=True)),
        "request_time_us": took,
        **dict(zip(("request_length_bytes", "response_length_bytes") if alb else ("body_bytes_received", "body_bytes_sent"), sizes, strict=True)),
        "upstream_addrs": targets_of(known["target"] if targets in MISSING else targets),
        "upstream_response_times": None if known["target_processing"] in MISSING else known["target_processing"],
        "upstream_statuses": None if listed in MISSING else ", ".join(listed.split()) if alb else listed,
    }  # fmt: skip
