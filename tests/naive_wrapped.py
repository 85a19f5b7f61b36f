"""Plain twin of the reader of wrapped logs: a file of JSON as records, by hand for each of the services."""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING, Any

import naive_logs
from fuzz import twins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
VNET = ["records[]", "flowRecords", "flows[]", "flowGroups[]", "flowTuples[]"]
NSG = ["records[]", "properties", "flows[]", "flows[]", "flowTuples[]"]
PATHS = {
    "subscription": ["logEvents[]", "message"], "events": ["events[]", "message"], "message": ["message"], "@message": ["@message"],
    "pairs": ["results[]"], "pair messages": ["results[]"], "gcp": [], "vnet": VNET, "nsg": NSG,
}  # fmt: skip
DIALECTS = dict.fromkeys(PATHS, "aws-vpc-flow") | {
    "gcp": "gcp-vpc-flow",
    "vnet": "azure-vnet-flow",
    "nsg": "azure-nsg-flow",
}
Around = dict[str, str]
Before = list[tuple[Any, int]]
SURROGATES = re.compile("[\ud800-\udfff]")


def of_wrapped(data: bytes, service: str) -> twins.Expected:
    """What should come of a file that a service has written, a key of ``PATHS``, or lines ``stamped`` or with a ``column`` of records."""
    if service in {"stamped", "column"}:
        return of_lines(data, unstamped if service == "stamped" else Column())
    dialect = naive_logs.load(DIALECTS[service])
    expected, number, lines = twins.Expected(), 0, []
    for offset, value in values(data):
        for what in [value] if isinstance(value, tuple) else records(value, service):
            number += 1
            if what[0] == "skip":
                expected.skipped += 1
            elif what[0] == "bad":
                expected.put(number, offset, what[1])
            elif what[0] == "line":
                lines.append((number, offset, what[1]))
            elif SURROGATES.search("".join([*what[1], *what[1].values()])):
                # which half of a pair is no text is the parser's to say
                expected.unsure.add(number)
            else:
                try:
                    expected.put(number, offset, naive_logs.judge(dialect, what[1]))
                except naive_logs.UnsureError:
                    expected.unsure.add(number)
    expected.total = number
    if not lines:
        return expected
    within = twins.of_delimited(b"".join(line + b"\n" for *_, line in lines), dialect)
    expected.skipped += within.skipped
    places = dict(enumerate(lines, 1))
    for line, row in within.rows.items():
        expected.rows[places[line][0]] = row
    for line, (_, reason) in within.rejects.items():
        expected.rejects[places[line][0]] = places[line][1], reason
    expected.unsure |= {places[line][0] for line in within.unsure}
    return expected


def of_lines(data: bytes, unwrapped: Callable[[bytes], bytes | None]) -> twins.Expected:
    """What should come of lines of text, each a record when ``unwrapped``, a header where that gives None."""
    lines, dialect = twins.lines_of(data), naive_logs.load("aws-vpc-flow")
    texts = [unwrapped(line) for line in lines]
    # a blank line is skipped as a header is
    inner = b"".join((text or b"") + b"\n" for text in texts)
    if not data.endswith(b"\n") and texts and texts[-1]:
        inner = inner.removesuffix(b"\n")
    expected = twins.of_delimited(inner, dialect)
    offsets = [0, *itertools.accumulate(len(line) + 1 for line in lines)]
    expected.rejects = {line: (offsets[line - 1], reason) for line, (_, reason) in expected.rejects.items()}
    return expected


def unstamped(line: bytes) -> bytes:
    return re.sub(rb"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z ", b"", line)


class Column:
    """Lines of values with commas between them, of which one column has the records."""

    def __init__(self) -> None:
        self.place: int | None = None

    def __call__(self, line: bytes) -> bytes | None:
        text = line.decode("utf-8", "surrogateescape").strip("\r")
        names = twins.split(line.decode("utf-8", "replace").strip(), ",")
        if "@message" in names and not {"interfaceid", "start", "end"} <= set(map(naive_logs.normal, names)):
            self.place = names.index("@message")
            return None
        found = twins.split(text, ",")
        if self.place is None or self.place >= len(found):
            return line
        return found[self.place].encode("utf-8", "surrogateescape")


def values(data: bytes) -> Iterator[tuple[int, Any]]:
    """(Offset, value) of a file; a value that is none as what ``records`` gives, a blank line as ''."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    lines = data.split(b"\n")
    begun = [line for line in lines[:-1] if line[:1] in {b"{", b"["}]
    if not begun or any(value is None for _, value in of_text(begun[0])):
        yield from (
            (offset, ("bad", "torn document") if value is None else value) for offset, value in of_text(data)
        )
        return
    offset = 0
    for number, line in enumerate(lines, 1):
        text = line.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r")
        if not text and (number < len(lines) or line):
            yield offset, ("skip",)
        for place, value in of_text(text):
            torn = "torn line" if number == len(lines) else "not JSON"
            yield offset + place, ("bad", torn) if value is None else value
        offset += len(line) + 1


def of_text(data: bytes) -> list[tuple[int, Any]]:
    """(Offset, value) of JSON values behind each other, None in the place of one that does not parse."""
    text, place, found = data.decode("utf-8", "surrogateescape"), 0, []
    while text[place:].strip(" \t\r\n\ufeff"):
        while text[place] in " \t\r\n\ufeff":
            place += 1
        offset = len(text[:place].encode("utf-8", "surrogateescape"))
        try:
            value, place = DECODER.raw_decode(text, place)
            found.append((offset, [None] if value is None else value))
        except (ValueError, RecursionError) as error:
            found.append((offset, None))
            starts = [
                text.find(f"\n{bracket}", max(getattr(error, "pos", place) - 1, place)) for bracket in "{["
            ]
            place = min((start + 1 for start in starts if start >= 0), default=len(text))
    return found


def records(value: Any, service: str) -> Iterator[tuple[Any, ...]]:
    before: list[tuple[Any, int]] = []
    for item in value if isinstance(value, list) else [value]:
        if (
            service == "subscription"
            and isinstance(item, dict)
            and item.get("messageType") == "CONTROL_MESSAGE"
        ):
            yield ("skip",)
        else:
            for what in walk(item, PATHS[service], ""):
                yield from [what] if what[0] == "bad" else READERS.get(service, message)(*what[1:], before)


def walk(value: Any, steps: list[str], at: str, **around: str) -> Iterator[tuple[Any, ...]]:
    """('found', value, MAC of what it is in) at the end of steps, or ('bad', reason)."""
    if not steps:
        yield "found", value, around
    elif not isinstance(value, dict):
        yield "bad", f"bad value: {at or steps[0].removesuffix('[]')}"
    else:
        if (at, steps[0]) in MACS:
            around["mac"] = text_of(value.get(MACS[at, steps[0]]))
        key = steps[0].removesuffix("[]")
        at = f"{at}.{steps[0]}".removeprefix(".")
        if key == steps[0]:
            yield from walk(value.get(key), steps[1:], at, **around)
        elif isinstance(value.get(key), list):
            for item in value[key]:
                yield from walk(item, steps[1:], at, **around)
        else:
            yield "bad", f"bad value: {at}"


MACS = {
    ("records[]", "flowRecords"): "macAddress",
    ("records[].properties.flows[].flows[]", "flowTuples[]"): "mac",
}


def message(value: Any, around: Around, before: Before) -> list[tuple[Any, ...]]:
    del around, before
    if not isinstance(value, str):
        return [("bad", "no message")]
    text = value.rstrip("\r\n").encode("utf-8", "surrogatepass")
    return [("bad", "several lines in a message") if b"\n" in text else ("line", text)]


def pairs(value: Any, around: Around, before: Before) -> list[tuple[Any, ...]]:
    del around, before
    if not isinstance(value, list) or any(not isinstance(pair, dict) for pair in value):
        return [("bad", "not an object")]
    return [("texts", {text_of(pair.get("field")): text_of(pair.get("value")) for pair in value})]


def pair_messages(value: Any, around: Around, before: Before) -> list[tuple[Any, ...]]:
    (found,) = pairs(value, around, before)
    return [found] if found[0] == "bad" else message(found[1].get("@message"), around, before)


def gcp(value: Any, around: Around, before: Before) -> list[tuple[Any, ...]]:
    del around, before
    if not isinstance(value, dict):
        return [("bad", "not an object")]
    payload = within(value, "jsonPayload")
    connection, who = within(payload, "connection"), payload.get("reporter")
    own = {"SRC": "src_instance", "DEST": "dest_instance"}.get(who if isinstance(who, str) else "")
    texts = {
        f"jsonPayload.{key}": payload.get(key)
        for key in ("start_time", "end_time", "reporter", "packets_sent", "bytes_sent")
    }
    texts |= {
        f"jsonPayload.connection.{key}": connection.get(key)
        for key in ("src_ip", "src_port", "dest_ip", "dest_port", "protocol")
    }
    texts |= {"instance": within(payload, own or "").get("vm_name"), "log-status": value.get("log-status")}
    found = {key: text_of(text) for key, text in texts.items() if text is not None}
    return [("texts", found) if found else ("bad", "nothing of a flow")]


def within(value: Any, key: str) -> dict[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


def azure(value: Any, around: Around, before: Before, *, since: int, nsg: bool) -> list[tuple[Any, ...]]:
    parts = value.split(",") if isinstance(value, str) else []
    if len(parts) != 13 and not (nsg and len(parts) == 8):
        return [("bad", "wrong number of columns")]
    time, src, dst, srcport, dstport, protocol, way, verdict, *rest = parts
    state, counts = (rest[0] if rest else "", rest[1:]) if nsg else (verdict, rest[1:])
    protocol = {"T": "6", "U": "17"}.get(protocol, protocol) if nsg else protocol
    # a byte that is no UTF-8 costs the whole tuple, whatever it stands in
    row = around | {"tuple": value, "time": time, "src": src, "dst": dst, "srcport": srcport, "dstport": dstport, "protocol": protocol,
                    "direction": way, "decision" if nsg else "state": verdict}  # fmt: skip
    if re.fullmatch("[0-9]{1,18}", time):
        flow = row.get("mac"), src, dst, srcport, dstport, protocol, way
        row["start"] = str(max(0, int(time) - since))
        last = next((then for other, then in reversed(before) if other == flow), None)
        if last is not None and last <= int(time):
            row["start"] = str(last)
        before.append((flow, int(time)))
    if state not in {"C", "E"}:
        return [("texts", {name: text for name, text in row.items() if name != "start"})]
    other = {"I": "O", "O": "I"}.get(way, way)
    there = row | {"packets": counts[0], "bytes": counts[1]}
    back = row | {
        "src": dst,
        "dst": src,
        "srcport": dstport,
        "dstport": srcport,
        "direction": other,
        "packets": counts[2],
        "bytes": counts[3],
    }
    return [("skip",) if one["packets"] in {"", "0"} else ("texts", one) for one in (there, back)]


def vnet(value: Any, around: Around, before: Before) -> list[tuple[Any, ...]]:
    return azure(value, around, before, since=300_000, nsg=False)


def nsg(value: Any, around: Around, before: Before) -> list[tuple[Any, ...]]:
    return azure(value, around, before, since=300, nsg=True)


READERS = {"pairs": pairs, "pair messages": pair_messages, "gcp": gcp, "vnet": vnet, "nsg": nsg}


def text_of(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else value if isinstance(value, str) else "\0"
