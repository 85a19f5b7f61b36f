"""What a file should give, by the plain twins of its lines alone."""

from __future__ import annotations

import csv
import ipaddress
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import naive_access
import naive_logs
import naive_save
import naive_text
import naive_xml
from flowstitch.kernels import conntrack_text as ct

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTICES = [
    re.compile((item.get("line") or re.escape(item["starts"])).encode())
    for item in naive_text.DIALECT["notices"]
]
NUMBER = re.compile(rb"(?<![\w.-])[0-9]+(?![\w.-])")
SOME = "some reason"
UNCUT = ("upstream_addrs", "upstream_response_times", "upstream_statuses", "conn_trace_id")
# What says something and is not what a client said: of a line that is not UTF-8 it must be whole.
REQUESTS = frozenset({
    "time", "elb", "client", "target", "request_processing", "target_processing", "response_processing", "status", "upstream_status",
    "received", "sent", "created", "targets", "target_statuses", "trace_of_connection",
})  # fmt: skip
CONNECTIONS = frozenset({
    "time", "elb", "client", "client_port", "port", "destination", "took", "handshake", "received", "sent", "alert", "cipher", "protocol",
    "status", "trace", "address", "created",
})  # fmt: skip
QUOTED = {
    "AWS ALB access log": (naive_access.row_of, naive_access.ALB, REQUESTS),
    "AWS Classic Load Balancer access log": (naive_access.row_of, naive_access.CLB, REQUESTS),
    "AWS NLB access log": (naive_access.connection_of, naive_access.NLB, CONNECTIONS),
    "AWS ALB connection log": (naive_access.connection_of, naive_access.CONNECTION, CONNECTIONS),
}
TAIL = {ct.USE, ct.CONNTRACK_ID}
ENDS = ("orig_src_ip", "orig_dst_ip", "reply_src_ip", "reply_dst_ip")
NAMES = {
    "protocol_number": ct.PROTOCOL_NUMBER, "timeout_s": ct.TIMEOUT, "mark": ct.MARK, "delta_time_s": ct.DELTA_TIME,
    "orig_src_port": ct.SRC_PORT, "orig_dst_port": ct.DST_PORT, "orig_packets": ct.PACKETS, "orig_bytes": ct.BYTES,
    "reply_src_port": ct.REPLY_SRC_PORT, "reply_dst_port": ct.REPLY_DST_PORT, "reply_packets": ct.REPLY_PACKETS,
    "reply_bytes": ct.REPLY_BYTES, "icmp_type": ct.ICMP_TYPE, "icmp_code": ct.ICMP_CODE, "icmp_id": ct.ICMP_ID,
    "reply_icmp_id": ct.REPLY_ICMP_ID,
}  # fmt: skip


@dataclass
class Expected:
    """What should come of a file.

    Attributes
    ----------
    rows : by line, the columns that the twin has. rejects : by line, (offset, reason, ``SOME`` where the twin has none).
    skipped, total : lines. unsure : lines of which there are several readings.
    """

    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    rejects: dict[int, tuple[int, str]] = field(default_factory=dict)
    skipped: int = 0
    total: int = 0
    unsure: set[int] = field(default_factory=set)

    def worded(self, line: int, reason: str) -> str:
        """The reason of a reject, as far as the twin has reasons."""
        return SOME if self.rejects.get(line, ("", ""))[1] == SOME else reason

    def put(self, line: int, offset: int, found: dict[str, Any] | str) -> None:
        """Take up a row or the reason of a reject."""
        if isinstance(found, str):
            self.rejects[line] = offset, found
        else:
            self.rows[line] = found


def lines_of(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    return lines[:-1] if not lines[-1] else lines


def of_text(data: bytes) -> Expected:
    """Conntrack text."""
    lines = lines_of(data)
    expected, offset, tail = Expected(total=len(lines)), 0, None
    for number, line in enumerate(lines, 1):
        whole = number < len(lines) or data.endswith(b"\n")
        twin = naive_text.ConntrackLine(line, whole)
        status = twin.status if whole else judge_last(twin, tail)
        if status == "parsed":
            # what every line so far has at its end
            tail = (TAIL if tail is None else tail) & twin.row.keys()
        if status == "blank" or (status == "foreign line" and is_notice(line)):
            expected.skipped += 1
        else:
            expected.put(number, offset, conntrack_row(twin.row, twin.ips) if status == "parsed" else status)
        offset += len(line) + 1
    return expected


def judge_last(twin: naive_text.ConntrackLine, tail: set[int] | None) -> str:
    if twin.status in {"blank", "foreign line"}:
        return twin.status
    lacks = bool(tail) and not tail <= twin.row.keys()
    open_ended = not TAIL & twin.row.keys() and not twin.row[ct.FLAGS] & (ct.ASSURED | ct.OFFLOADED)
    return "torn line" if twin.status != "parsed" or lacks or open_ended else "parsed"


def of_xml(data: bytes) -> Expected:
    """Conntrack XML."""
    units, _ = naive_xml.units(data)
    expected = Expected(total=len(units))
    for number, (status, begin, stop, flow) in enumerate(units, 1):
        if status in {"blank", "markup"} or (status == "foreign line" and is_notice(data[begin:stop])):
            expected.skipped += 1
        elif status == "parsed":
            expected.put(number, begin, conntrack_row(flow.row, flow.ips) | {"offloaded": None})
        else:
            expected.put(number, begin, status)
    return expected


def of_save(data: bytes) -> Expected:
    """Conntrack entries as options."""
    lines = lines_of(data)
    expected, offset = Expected(total=len(lines)), 0
    for number, line in enumerate(lines, 1):
        twin = naive_save.SavedLine(line, number < len(lines) or data.endswith(b"\n"))
        if twin.status == "blank" or (twin.status == "foreign line" and is_notice(line)):
            expected.skipped += 1
        elif twin.status == "parsed":
            expected.put(number, offset, conntrack_row(twin.row, twin.ips) | {"offloaded": None})
        else:
            expected.put(number, offset, twin.status)
        offset += len(line) + 1
    return expected


def is_notice(line: bytes) -> bool:
    return any(notice.match(line.lstrip()) for notice in NOTICES)


def conntrack_row(row: dict[int, int], ips: dict[int, int]) -> dict[str, Any]:
    """Columns of a parsed line but for its times and state."""
    flags = row[ct.FLAGS]
    zone = row.get(ct.ZONE, row.get(ct.ZONE_ORIG, 0))
    known = {name: row[column] for name, column in NAMES.items() if row.get(column, ct.CUT) != ct.CUT}
    offloaded = flags & ct.OFFLOADED != 0
    return dict.fromkeys(NAMES) | known | {
        **{name: address_text(ips[place]) for place, name in enumerate(ENDS)},
        "event": naive_text.FIELDS["event"]["values"][row[ct.EVENT_CODE] - 1] if ct.EVENT_CODE in row else "list",
        "conntrack_id": max(row.get(ct.CONNTRACK_ID, 0), 0) or None,
        "zone": max(zone, 0),
        "replied": not flags & ct.UNREPLIED,
        "offloaded": offloaded,
        "assured": None if offloaded else flags & ct.ASSURED != 0,
    }  # fmt: skip


def address_text(number: int) -> str:
    if number >> 32 == 0xFFFF:
        return str(ipaddress.IPv4Address(number & 0xFFFFFFFF))
    return str(ipaddress.IPv6Address(number))


def of_json_lines(data: bytes, dialect: dict[str, Any]) -> Expected:
    """A log of JSON lines."""
    expected = Expected()
    for number, offset, line, torn in log_lines(data, expected):
        try:
            texts = naive_logs.texts_of_json(line)
            if isinstance(texts, str):
                expected.put(number, offset, "torn line" if torn else texts)
            else:
                expected.put(number, offset, naive_logs.judge(dialect, texts))
        except naive_logs.UnsureError:
            expected.unsure.add(number)
    return expected


def of_delimited(data: bytes, dialect: dict[str, Any]) -> Expected:
    """A log of values with separators."""
    expected = Expected()
    separator, names = dialect["separators"][0], dialect.get("default_columns")
    for number, offset, line, torn in log_lines(data, expected):
        header = header_of(line, dialect)
        if header:
            separator, names = header
            expected.skipped += 1
            continue
        try:
            expected.put(number, offset, delimited_row(line, separator, names, dialect, torn=torn))
        except naive_logs.UnsureError:
            expected.unsure.add(number)
    return expected


def of_quoted(data: bytes, dialect: dict[str, Any]) -> Expected:
    """A log of values in quotes, of a dialect of AWS."""
    read, names, exact = QUOTED[dialect["doc"]]
    expected = Expected()
    for number, offset, line, torn in log_lines(data, expected):
        if re.match(dialect["control"].encode(), line):
            expected.skipped += 1
        elif torn or re.search(r"[^\S ]|[+]\d|-0", _decoded(line) or ""):
            # whether it is whole depends on what it may end with; which other white space parts a request, and whether a number can
            # have a sign, is nobody's rule
            expected.unsure.add(number)
        else:
            text = line.decode("utf-8", "replace")
            row = read(text, names)
            values = zip(names, naive_access.split_line(text, names) or (), strict=False)
            if _decoded(line) is None and any("\ufffd" in value for name, value in values if name in exact):
                row = None
            # a text that is no part of the request's is never cut
            if row and any(len(row.get(name) or "") > 1024 for name in UNCUT):
                row = None
            if row and not re.fullmatch(r"[\d.]+:\d+(, [\d.]+:\d+)*", row.get("upstream_addrs") or ""):
                # a list is kept as it stands; how it stands where it is none of addresses is not worth a rule
                row.pop("upstream_addrs", None)
            moments = {
                name: naive_logs.micros(value)
                for name, value in (row or {}).items()
                if isinstance(value, datetime)
            }
            expected.put(number, offset, SOME if row is None else row | moments)
    return expected


def _decoded(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None


def log_lines(data: bytes, expected: Expected) -> Iterator[tuple[int, int, bytes, bool]]:
    """(Number, offset, text, whether it may be cut) of lines that are not blank; the others are skipped."""
    lines = lines_of(data)
    expected.total, offset = len(lines), 0
    for number, line in enumerate(lines, 1):
        text = line.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r")
        if text:
            yield number, offset, text, number == len(lines) and not data.endswith(b"\n")
        else:
            expected.skipped += 1
        offset += len(line) + 1


def header_of(line: bytes, dialect: dict[str, Any]) -> tuple[str, list[str]] | None:
    text = _decoded(line) or ""
    # a row has numbers, a header has none
    if text.startswith("{") or NUMBER.search(line):
        return None
    for separator in dialect["separators"]:
        names = split(text, separator)
        if set(map(naive_logs.normal, dialect["match"])) <= set(map(naive_logs.normal, names)):
            return separator, names
    return None


def delimited_row(
    line: bytes, separator: str, names: list[str] | None, dialect: dict[str, Any], *, torn: bool
) -> dict[str, Any] | str:
    text = _decoded(line)
    if text is None:
        return "torn line" if torn else "not UTF-8"
    if names is None:
        return "no header says what its columns are"
    values = split(text, separator)
    if torn and (len(values) < len(names) or may_be_cut(names[-1], dialect)):
        return "torn line"
    if len(values) != len(names):
        return "wrong number of columns"
    if len(set(map(naive_logs.normal, names))) < len(names):
        raise naive_logs.UnsureError(names)
    found = naive_logs.judge(dialect, dict(zip(names, values, strict=True)))
    return "torn line" if torn and isinstance(found, str) else found


def may_be_cut(name: str, dialect: dict[str, Any]) -> bool:
    for target, column in dialect["columns"].items():
        keys = column["key"] if isinstance(column["key"], list) else [column["key"]]
        if naive_logs.normal(name) in map(naive_logs.normal, keys):
            kind = naive_text.FIELDS[target]["type"]
            return kind == "address" or (kind in naive_logs.MOST and column.get("unit") != "iso")
    return False


def split(text: str, separator: str) -> list[str]:
    if separator != " " and '"' in text:
        try:
            return next(csv.reader([text], delimiter=separator, strict=True))
        except csv.Error:
            pass
    values = [value for value in text.split(separator) if value or separator != " "]
    return [value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value for value in values]
