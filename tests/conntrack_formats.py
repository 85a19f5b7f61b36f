"""One conntrack entry in every format that conntrack(8) and the kernel write it in."""

from __future__ import annotations

import calendar
import ipaddress
import re
import time
from dataclasses import dataclass, replace

import naive_text as naive

TCP_STATES = naive.DIALECT["states"]["6"]
ICMP = {1: (8, 0), 58: (128, 129)}
PORTS = {6: "tcp", 17: "udp", 33: "dccp", 132: "sctp", 136: "udplite"}
NAMES = PORTS | {1: "icmp", 47: "gre", 58: "icmpv6"}
EVENTS = {"new": "    [NEW]", "update": " [UPDATE]", "destroy": "[DESTROY]"}

# Columns that a format cannot say. What the tool shows depends on its options: 'id', 'ktimestamp', 'timestamp'.
_ICMP = {"icmp_type", "icmp_code", "icmp_id", "reply_icmp_id"}
_STAMPS = {"start_at", "stop_at"}
_COUNTERS = {"orig_packets", "orig_bytes", "reply_packets", "reply_bytes"}
# What the daemon caches has no counters, and it takes the time-out off.
_CACHED = {"timeout_s", "delta_time_s"} | _COUNTERS | _STAMPS
CANNOT_SAY = {
    "plain": {"conntrack_id"} | _STAMPS,
    "extended-id-timestamp": _STAMPS,
    "extended-id-ktimestamp": set(),
    "proc": {"conntrack_id"} | _STAMPS,
    "xml": {"offloaded"} | _ICMP | _STAMPS,
    "xml-ktimestamp": {"offloaded"} | _ICMP,
    "save": {"conntrack_id", "mark", "delta_time_s", "offloaded", "reply_icmp_id"} | _COUNTERS | _STAMPS,
    "ip_conntrack": {"conntrack_id", "delta_time_s"} | _STAMPS,
    "conntrackd": {"conntrack_id"} | _CACHED,
    "conntrackd-xml": {"offloaded"} | _ICMP | _CACHED,
}
# What a format can say of some rows.
SAYS_SOME = {"save": {"reply_icmp_id"}}
# It does not show zones.
NO_ZONES = {"ip_conntrack"}
# Text has the kernel's stamps in whole seconds.
WHOLE_SECONDS = {"extended-id-ktimestamp"}


@dataclass(frozen=True)
class Entry:
    """A row of the table; ``orig`` and ``reply`` are (src, dst, a, b): ports, keys of GRE, or (echo id, -)."""

    protocol: int
    orig: tuple[str, str, int, int]
    reply: tuple[str, str, int, int]
    timeout: int | None = 30
    state: int | None = None
    counters: tuple[int, int, int, int] | None = None
    zone: int = 0
    sided_zone: tuple[int | None, int | None] = (None, None)
    replied: bool = True
    assured: bool = False
    mark: int | None = 0
    age: int | None = None
    start_ns: int | None = None
    stop_ns: int | None = None
    id: int = 1
    event: str = ""
    when: int = 0

    @property
    def family(self) -> tuple[str, int]:
        return ("ipv6", 10) if ":" in self.orig[0] else ("ipv4", 2)


def entry_of(line: str) -> Entry:
    """The entry that a line of ``-o extended,id,ktimestamp`` tells."""
    said = dict(re.findall(r"(mark|zone|delta-time|id)=(\d+)(?= |$)", line.rsplit(" dst=", 1)[1]))
    protocol, timeout, state = re.match(r"\S+ +\d+ \S+ +(\d+) (\d+) (?:([A-Z]\w+) )?", line).groups()
    sides = re.findall(
        r"src=(\S+) dst=(\S+) (?:sport=(\d+) dport=(\d+)|type=\d+ code=0 id=(\d+)) packets=(\d+) bytes=(\d+)",
        line,
    )
    ends = [(src, dst, int(port or echo), int(other or 0)) for src, dst, port, other, echo, *_ in sides]
    start = re.search(r"\[start=([^]]+)\]", line)[1]
    return Entry(
        int(protocol), *ends, timeout=int(timeout),
        state=naive.DIALECT["states"][protocol].index(state) if state else None,
        counters=tuple(int(count) for side in sides for count in side[-2:]),
        replied="[UNREPLIED]" not in line, assured="[ASSURED]" in line, mark=int(said["mark"]), age=int(said["delta-time"]),
        start_ns=calendar.timegm(time.strptime(start)) * 10**9, id=int(said["id"]),
    )  # fmt: skip


def line_of(entry: Entry, form: str) -> str:
    """Line of whatever form, ``form`` as in ``CANNOT_SAY``."""
    if form == "save":
        return save_of(entry)
    return xml_of(entry, form) if "xml" in form else text_of(entry, form)


def save_of(entry: Entry) -> str:
    """Line of ``-o save``."""
    (src, dst, first, second), (reply_src, reply_dst, *reply_ports) = entry.orig, entry.reply
    status = ",".join(["SEEN_REPLY"] * entry.replied + ["ASSURED"] * entry.assured) or "UNSET"
    words = [{"": "-A", "new": "-A", "update": "-U", "destroy": "-D"}[entry.event]]
    words += [] if entry.timeout is None else [f"-t {entry.timeout}"]
    words += [f"-u {status}"] + ([f"-w {entry.zone}"] if entry.zone else [])
    words += [
        f"--{side}-zone {zone}"
        for side, zone in zip(("orig", "reply"), entry.sided_zone, strict=True)
        if zone is not None
    ]
    words += [f"-s {src} -d {dst}", f"{'-r' if reply_src == dst else '-g'} {reply_src}"]
    words += [
        f"{'-q' if reply_dst == src else '-n'} {reply_dst}",
        f"-p {NAMES.get(entry.protocol, entry.protocol)}",
    ]
    if entry.protocol in PORTS:
        words += [
            "--sport {} --dport {} --reply-port-src {} --reply-port-dst {}".format(
                first, second, *reply_ports
            )
        ]
    elif entry.protocol == 47:
        words += [
            "--srckey {} --dstkey {} --reply-key-src {} --reply-key-dst {}".format(
                first, second, *reply_ports
            )
        ]
    elif entry.protocol in ICMP:
        name = NAMES[entry.protocol]
        words += [f"--{name}-type {ICMP[entry.protocol][0]} --{name}-code 0 --{name}-id {first}"]
    if entry.state is not None:
        words += [f"--state {naive.DIALECT['states'][str(entry.protocol)][entry.state]}"]
    return " ".join(words) + "\n"


def text_of(entry: Entry, form: str) -> str:
    """Line of text, ``form`` as in ``CANNOT_SAY``."""
    proc, old, cached = form == "proc", form == "ip_conntrack", form == "conntrackd"
    if cached:
        entry = replace(entry, timeout=None, counters=None, age=None)
    elif old:
        entry = replace(entry, age=None)
    words = []
    if entry.event:
        words += [f"[{entry.when}.000000]\t" * ("timestamp" in form) + EVENTS[entry.event]]
    if proc or form.startswith("extended"):
        words += ["{:<8} {}".format(*entry.family)]
    words += [f"{NAMES.get(entry.protocol, 'unknown'):<8} {entry.protocol}"]
    words += [] if entry.timeout is None else [str(entry.timeout)]
    words += [naive.DIALECT["states"][str(entry.protocol)][entry.state]] if entry.state is not None else []
    words += ["timeout=30, stream_timeout=180"] if (proc or old) and entry.protocol == 47 else []
    words += _text_tuple(entry, 0, expanded=proc)
    words += [] if entry.replied else ["[UNREPLIED]"]
    words += _text_tuple(entry, 1, expanded=proc)
    words += ["[ASSURED]"] if entry.assured else []
    words += [] if entry.mark is None else [f"mark={entry.mark}"]
    # a zone of one direction takes the place of the other
    words += [f"zone={entry.zone}"] if entry.zone or (proc and entry.sided_zone == (None, None)) else []
    words += [] if entry.age is None else [f"delta-time={entry.age}"]
    if "ktimestamp" in form:
        stamps = (("start", entry.start_ns), ("stop", entry.stop_ns))
        words += [
            f"[{name}={time.asctime(time.gmtime(ns // 10**9))}]" for name, ns in stamps if ns is not None
        ]
    words += ["secmark=0"] if old else []
    words += (
        [f"[active since {entry.id}s]"] if cached else [] if entry.event else [f"use={1 + (proc or old)}"]
    )
    words += [f"id={entry.id}"] if "id" in form else []
    return " ".join(words) + "\n"


def _text_tuple(entry: Entry, side: int, *, expanded: bool) -> list[str]:
    src, dst, first, second = (entry.orig, entry.reply)[side]
    if expanded:
        src, dst = (ipaddress.ip_address(ip).exploded for ip in (src, dst))
    words = [f"src={src}", f"dst={dst}"]
    if entry.protocol in PORTS:
        words += [f"sport={first}", f"dport={second}"]
    elif entry.protocol in ICMP:
        words += [f"type={ICMP[entry.protocol][side]}", "code=0", f"id={first}"]
    elif entry.protocol == 47:
        words += [f"srckey=0x{first:x}", f"dstkey=0x{second:x}"]
    zone = entry.sided_zone[side]
    words += [] if zone is None else [f"zone-{('orig', 'reply')[side]}={zone}"]
    if entry.counters:
        words += ["packets={} bytes={}".format(*entry.counters[2 * side : 2 * side + 2])]
    return words


def xml_of(entry: Entry, form: str) -> str:
    """Line of XML, ``form`` as in ``CANNOT_SAY``."""
    if form == "conntrackd-xml":
        entry = replace(entry, timeout=None, counters=None, age=None)
    inner = ""
    if entry.state is not None:
        inner += f"<state>{TCP_STATES[entry.state]}</state>"
    inner += "" if entry.timeout is None else f"<timeout>{entry.timeout}</timeout>"
    inner += "" if entry.mark is None else f"<mark>{entry.mark}</mark>"
    inner += f"<zone>{entry.zone}</zone>" if entry.zone else ""
    inner += "" if entry.event else "<use>1</use>"
    inner += f"<id>{entry.id}</id>" + "<assured/>" * entry.assured + "<unreplied/>" * (not entry.replied)
    if "ktimestamp" in form and entry.start_ns is not None:
        stop = "" if entry.stop_ns is None else f"<stop>{entry.stop_ns}</stop>"
        inner += f"<timestamp><start>{entry.start_ns}</start>{stop}</timestamp>"
    inner += "" if entry.age is None else f"<deltatime>{entry.age}</deltatime>"
    kind = f' type="{entry.event}"' if entry.event else ""
    at = time.gmtime(entry.when)
    when = (
        f"<when><hour>{at.tm_hour}</hour><min>{at.tm_min:02d}</min><sec>{at.tm_sec:02d}</sec><wday>1</wday>"
        f"<day>{at.tm_mday}</day><month>{at.tm_mon}</month><year>{at.tm_year}</year></when>"
    ) * bool(entry.event)
    tuples = _xml_tuple(entry, 0) + _xml_tuple(entry, 1)
    return f'<flow{kind}>{tuples}<meta direction="independent">{inner}</meta>{when}</flow>\n'


def _xml_tuple(entry: Entry, side: int) -> str:
    src, dst, first, second = (entry.orig, entry.reply)[side]
    name, number = entry.family
    inner = f'<layer3 protonum="{number}" protoname="{name}"><src>{src}</src><dst>{dst}</dst></layer3>'
    inner += f'<layer4 protonum="{entry.protocol}" protoname="{NAMES.get(entry.protocol, "unknown")}">'
    if entry.protocol in PORTS:
        inner += f"<sport>{first}</sport><dport>{second}</dport>"
    elif entry.protocol == 47:
        inner += f"<srckey>0x{first:x}</srckey><dstkey>0x{second:x}</dstkey>"
    inner += "</layer4>"
    zone = entry.sided_zone[side]
    inner += "" if zone is None else f"<zone>{zone}</zone>"
    if entry.counters:
        packets, octets = entry.counters[2 * side : 2 * side + 2]
        inner += f"<counters><packets>{packets}</packets><bytes>{octets}</bytes></counters>"
    return f'<meta direction="{("original", "reply")[side]}">{inner}</meta>'


def settle(times, columns):
    """Set the times of a file right that is one part."""
    times.note(columns)
    times.settle(columns)
