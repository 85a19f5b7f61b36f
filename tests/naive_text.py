"""Plain twins of the text kernels and of interning: what they compute, said as simply as Python can."""

import ipaddress
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from flowstitch.kernels import conntrack_text as ct

SCHEMAS = Path(__file__).parents[1] / "schemas"
DIALECT = tomllib.loads((SCHEMAS / "dialects/conntrack.toml").read_text())
PROTOCOLS = tomllib.loads((SCHEMAS / "protocols.toml").read_text())
FIELDS = tomllib.loads((SCHEMAS / "fields.toml").read_text())
BY_NUMBER = {raw["number"]: raw for raw in PROTOCOLS.values()}
STATEFUL = {int(number) for number, rules in DIALECT["timeouts"].items() if set(rules) - {"any", "assured"}}
MASK = (1 << 64) - 1


# --- hashing, interning, grouping ---------------------------------------------------------------
def mix(value):
    value = ((value ^ value >> 30) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ value >> 27) * 0x94D049BB133111EB) & MASK
    return value ^ value >> 31


def hash_words(words):
    seed = 0x9E3779B97F4A7C15
    for word in words:
        seed = (mix(seed ^ word) + 0x9E3779B97F4A7C15) & MASK
    return seed


def intern(keys, known):
    """Numbers of keys, the null key 0; ``known`` maps key to number and grows."""
    return [0 if key == (MASK, MASK) else known.setdefault(key, len(known) + 1) for key in keys]


def group(keys):
    known = {}
    numbers = [known.setdefault(tuple(key), len(known)) for key in keys]
    return numbers, [numbers.index(number) for number in range(len(known))]


# --- words, numbers, times ----------------------------------------------------------------------
def address(text):
    """128 bits of an address, None when it is none."""
    try:
        found = ipaddress.ip_address(text.decode("ascii"))
    except ValueError:
        return None
    if found.version == 6 and found.scope_id is not None:
        return None
    value = int(found) | (0xFFFF << 32 if found.version == 4 else 0)
    return None if value == (1 << 128) - 1 else value


def decimal(text, limit):
    if not re.fullmatch(rb"[0-9]+", text) or int(text) > min(limit, (1 << 63) - 1):
        return -1
    return int(text)


def hexadecimal(text):
    return int(text, 16) if re.fullmatch(rb"0x[0-9A-Fa-f]{1,8}", text) else -1


def stamp(text):
    match = re.fullmatch(rb"([0-9]+)\.([0-9]{1,6}) *", text)
    return int(match[1]) * 1_000_000 + int(match[2]) if match and int(match[1]) <= 253402300799 else -1


def ctime(text):
    match = re.fullmatch(
        rb"...[ ]([A-Z][a-z][a-z]) +(\d{1,4}) +(\d{1,4}):(\d{1,4}):(\d{1,4}) +(\d{1,4}) *", text, re.DOTALL
    )
    months = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    if not match or match[1] not in months or int(match[6]) < 1970:
        return -1
    day, hour, minute, second, year = (int(match[part]) for part in range(2, 7))
    try:
        at = datetime(year, months.index(match[1]) + 1, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return -1
    return int(at.timestamp())


# --- conntrack ----------------------------------------------------------------------------------
FORMS = {"u8": (1 << 8) - 1, "u16": (1 << 16) - 1, "u32": (1 << 32) - 1, "u63": (1 << 63) - 1}
ONCE = {
    "zone": ct.ZONE, "zone_orig": ct.ZONE_ORIG, "zone_reply": ct.ZONE_REPLY, "mark": ct.MARK, "delta_time_s": ct.DELTA_TIME,
    "start": ct.START, "stop": ct.STOP, "use": ct.USE, "conntrack_id": ct.CONNTRACK_ID,
}  # fmt: skip
PER_TUPLE = {
    "src_port": (ct.SRC_PORT, ct.REPLY_SRC_PORT), "dst_port": (ct.DST_PORT, ct.REPLY_DST_PORT),
    "icmp_type": (ct.ICMP_TYPE, ct.REPLY_ICMP_TYPE), "icmp_code": (ct.ICMP_CODE, ct.REPLY_ICMP_CODE),
    "icmp_id": (ct.ICMP_ID, ct.REPLY_ICMP_ID), "packets": (ct.PACKETS, ct.REPLY_PACKETS), "bytes": (ct.BYTES, ct.REPLY_BYTES),
}  # fmt: skip
FLAG_BITS = {"unreplied": ct.UNREPLIED, "assured": ct.ASSURED, "offloaded": ct.OFFLOADED, "note": ct.NOTE}
NAMES = {*PROTOCOLS, DIALECT["unnamed"]}
NOTE = re.compile(rf"\[(?:{'|'.join(DIALECT['notes'])})[ \t]")
TOKEN = re.compile(rb"\[[^\]]*(?:\]|\Z)|[^ \t\[][^ \t]*")


class RejectError(Exception):
    pass


class ConntrackLine:
    """One line, token by token: ``status``, ``row`` by column and ``ips`` are what the kernel should give."""

    def __init__(self, line, terminated=True):
        self.torn_at = None if terminated or line.endswith(b"\r") else len(line)
        self.row = {ct.FLAGS: 0, ct.EXTRAS: 0}
        self.ips = {}
        self.direction = -1
        self.name = None
        self.read = self.read_start
        try:
            matches = list(TOKEN.finditer(line.removesuffix(b"\r")))
            for match in matches:
                self.cut = match.end() == self.torn_at
                token = match[0].decode("latin-1")
                (self.read_open if token.startswith("[") and not token.endswith("]") else self.read)(token)
            self.check(matches)
            self.status = "parsed"
        except RejectError as reject:
            self.status = str(reject)

    def foreign(self):
        raise RejectError("torn line" if self.cut else "foreign line")

    def put(self, column, value, error="bad number"):
        if column in self.row:
            raise RejectError("repeated token")
        if value < 0:
            raise RejectError(error)
        if self.cut and error == "bad number":
            if column < ct.TIMEOUT:
                raise RejectError("torn line")
            value = ct.CUT
        self.row[column] = value

    def read_open(self, token):
        raise RejectError("torn line")

    # --- one method for each place in the line ---
    def read_start(self, token):
        if re.match(r"\[[0-9]", token) and ct.SEEN_AT not in self.row:
            self.row[ct.SEEN_AT] = stamp(token[1:-1].encode("latin-1"))
            if self.row[ct.SEEN_AT] < 0:
                raise RejectError("bad time")
        elif token[1:-1] in DIALECT["events"] and token.startswith("[") and ct.EVENT_CODE not in self.row:
            self.row[ct.EVENT_CODE] = FIELDS["event"]["values"].index(DIALECT["events"][token[1:-1]]) + 1
        else:
            if token not in NAMES and token not in DIALECT["families"]:
                self.foreign()
            self.name = token
            self.read = self.read_family_number if token in DIALECT["families"] else self.read_number

    def read_family_number(self, token):
        self.read_number(token)
        self.read = self.read_protocol

    def read_number(self, token):
        if not re.match("[0-9]", token):
            self.foreign()
        self.put(ct.PROTOCOL_NUMBER, decimal(token.encode("latin-1"), 255))
        self.read = self.read_rest

    def read_protocol(self, token):
        if token in NAMES:
            self.name = token
            del self.row[ct.PROTOCOL_NUMBER]
            self.read = self.read_number
        elif self.name not in NAMES:
            self.foreign()
        else:
            self.read = self.read_rest
            self.read_rest(token)

    def read_rest(self, token):
        key, equals, value = token.partition("=")
        known = DIALECT["keys"].get(key.removeprefix("["), {}) if equals else {}
        if known and token.startswith("[") == (known["form"] == "time"):
            self.read_value(known, value.encode("latin-1"))
        elif token[1:-1] in DIALECT["flags"] and token.startswith("["):
            self.row[ct.FLAGS] |= FLAG_BITS[DIALECT["flags"][token[1:-1]]]
        elif DIALECT["keys"].get(token, {}).get("form") != "text" and not NOTE.match(token):
            self.read_bare(token)

    def read_bare(self, token):
        plain = self.direction < 0 and not token.startswith("[")
        if plain and re.match("[0-9]", token):
            self.put(ct.TIMEOUT, decimal(token.encode("latin-1"), (1 << 32) - 1))
        elif plain and token in FIELDS["state"]["values"] and ct.STATE not in self.row:
            self.row[ct.STATE] = FIELDS["state"]["values"].index(token) + 1
        elif plain and self.row[ct.PROTOCOL_NUMBER] in STATEFUL:
            raise RejectError("bad state")
        else:
            self.row[ct.EXTRAS] += 1

    def read_value(self, known, value):
        if known["form"] == "text":
            return
        if known["form"] == "address":
            self.read_address(known["to"], value)
            return
        column = ONCE.get(known["to"])
        limit = FORMS.get(known["form"])
        if column is None:
            if self.direction < 0:
                raise RejectError("foreign line")
            column = PER_TUPLE[known["to"]][self.direction]
        if (
            "echo" in known
            and self.direction >= 0
            and BY_NUMBER.get(self.row[ct.PROTOCOL_NUMBER], {}).get("echo")
        ):
            echo = PER_TUPLE[known["echo"]][self.direction]
            if echo not in self.row:
                column, limit = echo, FORMS["u16"]
        if known["form"] == "time":
            seconds = ctime(value[:-1])
            self.put(column, max(seconds * 1_000_000, -1), "bad time")
        elif known["form"] == "hex16":
            number = hexadecimal(value)
            self.put(column, number & 0xFFFF if number >= 0 else -1)
        else:
            self.put(column, decimal(value, limit))

    def read_address(self, to, value):
        self.direction += to == "src_ip"
        if self.direction not in {0, 1}:
            raise RejectError("foreign line")
        place = 2 * self.direction + (to == "dst_ip")
        if place in self.ips:
            raise RejectError("repeated token")
        if self.cut:
            raise RejectError("torn line")
        self.ips[place] = address(value)
        if self.ips[place] is None:
            raise RejectError("bad address")

    def check(self, tokens):
        if not tokens:
            raise RejectError("blank")
        protocol = (
            BY_NUMBER.get(self.row.get(ct.PROTOCOL_NUMBER), {}) if self.name != DIALECT["unnamed"] else {}
        )
        needed = ["src_port", "dst_port"] if protocol.get("ports") else []
        needed += ["icmp_type", "icmp_code", "icmp_id"] if protocol.get("echo") else []
        for side in (0, 1):
            if side == 1 and self.direction == 0:
                raise RejectError("no reply tuple")
            if not {2 * side, 2 * side + 1} <= self.ips.keys() or any(
                PER_TUPLE[name][side] not in self.row for name in needed
            ):
                raise RejectError("incomplete tuple")
