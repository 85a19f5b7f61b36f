"""Plain twin of the kernel for conntrack XML, with regular expressions."""

import re
import tomllib
from datetime import UTC, datetime

from flowstitch.kernels import conntrack_text as ct
from flowstitch.kernels import conntrack_xml as cx
from flowstitch.kernels import xml_flow as xf
from naive_text import (
    BY_NUMBER,
    FIELDS,
    FLAG_BITS,
    FORMS,
    ONCE,
    PER_TUPLE,
    PROTOCOLS,
    SCHEMAS,
    address,
    decimal,
    hexadecimal,
)

DIALECT = tomllib.loads((SCHEMAS / "dialects/conntrack-xml.toml").read_text())
DIRECTIONS = ["original", "reply", "independent"]
PARTS = {
    "state": ct.STATE, "timeout_s": ct.TIMEOUT,
    "year": xf.YEAR, "month": xf.MONTH, "day": xf.DAY, "hour": xf.HOUR, "minute": xf.MINUTE, "second": xf.SECOND,
}  # fmt: skip
ENDS_NAME = rb"(?=[<>/ \t\r\n]|\Z)"
FLOW = re.compile(rb"<flow" + ENDS_NAME)
MARKUP = re.compile(rb"<(?:\?xml|/?conntrack)" + ENDS_NAME)
BREAKS = re.compile(rb"<(?:(?P<end>/flow%s)|/conntrack%s|conntrack%s|flow%s|\?|!)" % ((ENDS_NAME,) * 4))
SPACE = re.compile(rb"[ \t\r\n]*")
INLINE = re.compile(rb"[ \t\r]*")
NAME = re.compile(rb"[^<>/ \t\r\n]*")
ATTRIBUTE = re.compile(rb"""([^<>/= \t\r\n]*)[ \t\r\n]*=[ \t\r\n]*(?:"([^<"]*)"|'([^<']*)')""")


class RejectError(Exception):
    pass


def units(text, final=True):
    """(status, begin, stop, flow or None) of every unit, and where the flow begins that goes on behind the end."""
    found = []
    at = 0
    while at < len(text):
        begin = INLINE.match(text, at).end()
        if begin == len(text) or text[begin] == ord("\n"):
            if at == 0 or text[at - 1] == ord("\n"):
                found.append(("blank", at, begin, None))
            at = min(begin + 1, len(text))
            continue
        flow = None
        if FLOW.match(text, begin):
            status, stop = extent(text, begin, final)
            flow = Flow(text[: begin + cx.MAX_FLOW_BYTES], begin)
            if flow.status == "parsed":
                status, stop = "parsed", note_stop(text, flow.at)
            elif status == "whole":
                status = flow.status
            elif status == "open":
                return found, begin
        else:
            status, stop = other(text, begin, final)
        found.append((status, begin, stop, flow))
        at = stop
    return found, at


def other(text, at, final):
    stop = line_stop(text, at)
    if MARKUP.match(text, at):
        close = text.find(b">", at, stop)
        if close >= 0:
            return "markup", close + 1
    elif text.startswith((b"<!", b"<?"), at):
        return "declaration", stop
    torn = text.startswith(b"<", at) and final and stop == len(text)
    return "torn line" if torn else "foreign line", stop


def line_stop(text, at):
    newline = text.find(b"\n", at)
    flow = FLOW.search(text, at + 1)
    return min(newline if newline >= 0 else len(text), flow.start() if flow else len(text))


def note_stop(text, at):
    return at + len(re.match(rb"(?:[ \t\r]*\[[^<\n]*)?", text[at:])[0])


def extent(text, at, final):
    head = text[: at + cx.MAX_FLOW_BYTES]
    found = BREAKS.search(head, at + 1)
    if found and not found["end"]:
        return "torn line", found.start()
    close = head.find(b">", found.start()) if found else -1
    if close >= 0:
        return "whole", note_stop(text, close + 1)
    if len(head) < len(text):
        return "long flow", line_stop(text, at)
    return "torn line" if final else "open", len(text)


class Flow:
    """A flow, element by element: ``status``, ``at`` behind it, ``row`` by column and ``ips``."""

    def __init__(self, text, at):
        self.text, self.at = text, at
        self.row, self.ips = {ct.FLAGS: 0, ct.EXTRAS: 0}, {}
        self.stack, self.direction, self.metas, self.protocol_name = [], 2, set(), ""
        try:
            self.read_tag()
            while self.stack:
                self.read_tag()
            self.check()
            self.status = "parsed"
        except RejectError as reject:
            self.status = str(reject)

    def skip(self, pattern):
        match = pattern.match(self.text, self.at)
        if match is None:
            raise RejectError("bad markup")
        self.at = match.end()
        return match

    def read_tag(self):
        self.skip(SPACE)
        begin = self.at
        closing = self.skip(re.compile(rb"<(/?)"))[1]
        name = self.skip(NAME)[0].decode("latin-1")
        if closing:
            if not self.stack or name != self.stack[-1]:
                raise RejectError("bad markup")
            self.skip(re.compile(rb"[ \t\r\n]*>"))
            self.close()
        elif name in DIALECT["containers"]:
            self.expect_in(DIALECT["containers"][name])
            self.stack.append(name)
            self.read_attributes(name)
        else:
            self.read_leaf(name, begin)

    def close(self):
        self.stack.pop()
        if len(self.stack) == 1:
            self.direction = 2

    def expect_in(self, parent):
        if (self.stack[-1] if self.stack else "") != parent:
            raise RejectError("bad markup")

    def read_attributes(self, container):
        told = None
        while True:
            self.skip(SPACE)
            if self.text.startswith((b">", b"/>"), self.at):
                break
            match = self.skip(re.compile(rb"(?!/)" + ATTRIBUTE.pattern))
            attribute = DIALECT["attributes"].get(match[1].decode("latin-1"), {"of": None})
            if attribute["of"] == container:
                value = (match[2] if match[2] is not None else match[3]).decode("latin-1")
                told = self.read_attribute(attribute["to"], value, told)
        if told is not None:
            if told in self.metas:
                raise RejectError("repeated token")
            self.metas.add(told)
            self.direction = told
        if self.skip(re.compile(rb"/?>"))[0] == b"/>":
            if len(self.stack) == 1:
                raise RejectError("incomplete tuple")
            self.close()

    def read_attribute(self, to, value, told):
        if to == "protocol_number":
            number = decimal(value.encode("latin-1"), 255)
            if number < 0 or self.row.setdefault(ct.PROTOCOL_NUMBER, number) != number:
                raise RejectError("bad number")
        elif to == "protocol":
            self.protocol_name = value
        elif to == "event":
            if value not in DIALECT["events"]:
                raise RejectError("bad markup")
            self.row[ct.EVENT_CODE] = FIELDS["event"]["values"].index(DIALECT["events"][value]) + 1
        else:
            if value not in DIRECTIONS:
                raise RejectError("bad markup")
            return DIRECTIONS.index(value)
        return told

    def read_leaf(self, name, begin):
        tables = DIALECT["tuple"], DIALECT["entry"]
        known = next((table[name] for table in tables if name in table), DIALECT["flags"].get(name))
        if known and known.get("form") != "text":
            self.expect_in(known["in"])
        empty = self.skip(re.compile(rb"[^<>]*>"))[0].endswith(b"/>")
        value = b"" if empty else self.read_text(name)
        if known is None:
            self.row[ct.EXTRAS] += 1
            self.row.setdefault(ct.EXTRA_AT, begin)
        elif known.get("form") == "text":
            pass
        elif name in DIALECT["flags"]:
            if self.direction != 2:
                raise RejectError("bad markup")
            self.row[ct.FLAGS] |= FLAG_BITS[known["to"]]
        else:
            item = DIALECT["entry" if self.direction == 2 else "tuple"].get(name)
            if item is None:
                raise RejectError("bad markup")
            self.read_value(item, value)

    def read_text(self, name):
        end = b"</" + name.encode("latin-1") + b">"
        stop = self.text.find(end, self.at)
        value = self.text[self.at : stop]
        flow = FLOW.search(self.text, self.at)
        if stop < 0 or b"\n" in value or (flow and flow.start() <= stop):
            raise RejectError("bad markup")
        self.at = stop + len(end)
        return value

    def read_value(self, item, value):
        form, to = item["form"], item["to"]
        if form == "address":
            place = 2 * self.direction + (to == "dst_ip")
            if place in self.ips:
                raise RejectError("repeated token")
            self.ips[place] = address(value)
            if self.ips[place] is None:
                raise RejectError("bad address")
            return
        if to == "tuple_zone":
            column = (ct.ZONE_ORIG, ct.ZONE_REPLY)[self.direction]
        else:
            column = (ONCE | PARTS).get(to)
            column = PER_TUPLE[to][self.direction] if column is None else column
        if column in self.row:
            raise RejectError("repeated token")
        if form == "state":
            states = FIELDS["state"]["values"]
            if value.decode("latin-1") not in states:
                raise RejectError("bad state")
            self.row[column] = states.index(value.decode("latin-1")) + 1
            return
        number = hexadecimal(value) if form == "hex16" else decimal(value, FORMS.get(form, FORMS["u63"]))
        if number < 0:
            raise RejectError("bad number")
        self.row[column] = {"hex16": number & 0xFFFF, "ns": number // 1000}.get(form, number)

    def check(self):
        when = [self.row.get(column) for column in range(xf.YEAR, xf.SECOND + 1)]
        if any(part is not None for part in when):
            try:
                at = datetime(*when, tzinfo=UTC)
            except (TypeError, ValueError):
                raise RejectError("bad time") from None
            if at.year < 1970:
                raise RejectError("bad time")
            self.row[ct.SEEN_AT] = int(at.timestamp()) * 1_000_000
        if ct.PROTOCOL_NUMBER not in self.row or 0 not in self.metas:
            raise RejectError("incomplete tuple")
        ports = self.protocol_name in PROTOCOLS and BY_NUMBER.get(self.row[ct.PROTOCOL_NUMBER], {}).get(
            "ports"
        )
        for side in (0, 1):
            if side == 1 and 1 not in self.metas:
                raise RejectError("no reply tuple")
            needed = [PER_TUPLE[name][side] for name in ("src_port", "dst_port")] if ports else []
            if not {2 * side, 2 * side + 1} <= self.ips.keys() or not set(needed) <= self.row.keys():
                raise RejectError("incomplete tuple")
