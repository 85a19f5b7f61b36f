"""Access logs and connection logs of AWS read by hand: one character after the other, one value after the other."""

from __future__ import annotations

import ipaddress
import re
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
    "classification",
    "classification_reason",
    "trace_of_connection",
]
CLB = ALB[1:16]
NLB = [
    "type", "version", "time", "elb", "listener", "client", "destination", "took", "handshake", "received", "sent", "alert", "certificate",
    "serial", "cipher", "protocol", "exchange", "domain", "front", "back", "preferences", "created",
]  # fmt: skip
CONNECTION = [
    "time", "client", "client_port", "port", "protocol", "cipher", "handshake", "subject", "validity", "serial", "status", "trace", "exchange",
    "elb", "address",
]  # fmt: skip
NOTHING = {"", "-", None}
VERSIONS = {"tlsv10": "TLSv1", "tlsv11": "TLSv1.1", "tlsv12": "TLSv1.2", "tlsv13": "TLSv1.3"}


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
    return address_of(address.removeprefix("[").removesuffix("]")), number_of(port, 0xFFFF)


def address_of(text: str) -> str:
    address = ipaddress.ip_address(text)
    return str(getattr(address, "ipv4_mapped", None) or address)


def targets_of(text: str | None) -> str | None:
    """A list of endpoints, IPv6 addresses in brackets."""
    if text in MISSING:
        return None
    items = []
    for item in text.split():
        address, _, port = item.rpartition(":")
        first, colon, rest = address.partition(":")
        hexadecimal = set("0123456789abcdefABCDEF")
        bare = (
            colon and set(first) <= hexadecimal and set(rest) <= hexadecimal | set(":.") and port.isdecimal()
        )
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
        "conn_trace_id": (None if known.get("trace_of_connection") in MISSING else known["trace_of_connection"]),
        "upstream_statuses": None if listed in MISSING else ", ".join(listed.split()) if alb else listed,
    }  # fmt: skip


def split_line(line: str, names: list[str]) -> list[str] | None:
    """Values of a line with columns of these names; None when it is not values throughout."""
    return re.split("[ \t]+", line) if names is NLB else values_of(line)


def connection_of(line: str, names: list[str]) -> dict[str, Any] | None:
    """The row of a line with columns of these names, ``NLB`` or ``CONNECTION``; None when it has a value that does not fit."""
    values = split_line(line, names)
    if values is None or len(values) < (18 if names is NLB else 11):
        return None
    known = {name: None if value in NOTHING else value for name, value in zip(names, values, strict=False)}
    try:
        return _nlb_row(known) if names is NLB else _connection_row(known)
    except (ValueError, OverflowError):
        return None


def _nlb_row(known: dict[str, str | None]) -> dict[str, Any]:
    closed, opened = moment_of(known["time"], UTC), moment_of(known.get("created"), UTC)
    if closed is None or known["elb"] is None:
        raise ValueError(known)
    took = thousandths_of(known["took"], 1000)
    if (
        opened is None
        and took is not None
        and timedelta(microseconds=took) <= closed - moment_of("1970-01-01T00:00:00", UTC)
    ):
        opened = closed - timedelta(microseconds=took)
    if opened is not None and opened > closed:
        raise ValueError(opened)
    (address, port), (client, client_port) = (
        (None, None) if known[end] is None else endpoint_of(known[end].replace("-1", "x"))
        for end in ("destination", "client")
    )
    protocol = name_of(known["protocol"])
    return {
        "opened_at": opened, "closed_at": closed, "lb_id": name_of(known["elb"]), "lb_ip": address, "lb_port": port, "client_ip": client,
        "client_port": client_port, "received_bytes": whole_of(known["received"], 2**63 - 1),
        "sent_bytes": whole_of(known["sent"], 2**63 - 1), "connection_time_us": took,
        "tls_handshake_time_us": thousandths_of(known["handshake"], 1000), "tls_protocol": VERSIONS.get(protocol or "", protocol),
        "tls_cipher": name_of(known["cipher"]), "tls_server_name": known["domain"] and known["domain"][:1024],
        "tls_alert": whole_of(known["alert"], 0xFFFF), "tls_verify_status": None, "conn_trace_id": None,
    }  # fmt: skip


def _connection_row(known: dict[str, str | None]) -> dict[str, Any]:
    opened = moment_of(known["time"], None)
    if opened is None:
        raise ValueError(known)
    client, address = (text and address_of(text) for text in (known["client"], known.get("address")))
    trace = known.get("trace")
    if trace is not None and len(trace) > 1024:
        raise ValueError(trace)
    return {
        "opened_at": opened, "closed_at": None, "lb_id": name_of(known.get("elb")), "lb_ip": address,
        "lb_port": whole_of(known["port"], 0xFFFF), "client_ip": client, "client_port": whole_of(known["client_port"], 0xFFFF),
        "received_bytes": None, "sent_bytes": None, "connection_time_us": None,
        "tls_handshake_time_us": thousandths_of(known["handshake"], 1_000_000), "tls_protocol": name_of(known["protocol"]),
        "tls_cipher": name_of(known["cipher"]), "tls_server_name": None, "tls_alert": None,
        "tls_verify_status": name_of(known["status"]), "conn_trace_id": trace,
    }  # fmt: skip


def moment_of(text: str | None, zone: Any) -> datetime | None:
    """Time in UTC of an ISO text, of that zone where it has no offset."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None and zone:
        moment = moment.replace(tzinfo=zone)
    return time_of(moment.isoformat())


def whole_of(text: str | None, most: int) -> int | None:
    return None if text is None else number_of(text if text != "-1" else "x", most)


def thousandths_of(text: str | None, scale: int) -> int | None:
    if text is None:
        return None
    micros_of(text if text != "-1" else "x")
    return round(float(text) * scale)


def name_of(text: str | None) -> str | None:
    if text is not None and not (text.isprintable() and len(text) <= 1024):
        raise ValueError(text)
    return text
