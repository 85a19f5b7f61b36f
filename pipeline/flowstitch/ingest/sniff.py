"""What a file is, by the head of its content; names and suffixes lie."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from flowstitch.catalog.load import load_toml
from flowstitch.ingest.dialects import dialects
from flowstitch.ingest.layouts import DELIMITED, QUOTED, dialect_of_names, find_header
from flowstitch.ingest.sniff_json import sniff_json
from flowstitch.ingest.wrappers import sniff_wrapped, why_unknown

if TYPE_CHECKING:
    from flowstitch.ingest.places import Place

KINDS = (
    "conntrack-list", "conntrack-events", "vpc-flow-log", "lb-access-log", "lb-connection-log", "ipvs-rules", "ipvs-connections",
    "kubernetes", "enis", "terway-mapping", "ip-addr", "ip-rule", "ip-route", "ip-link", "sysctl", "unknown",
)  # fmt: skip
# A Parquet file of ours. It says itself what it is: not for export.toml to name.
CANONICAL_TABLE = "canonical-table"
_PARQUET = b"PAR1"
_SAVE = "conntrack-save"
_MAX_LINES = 2000
# An object, or a list of such; a bracket alone may stand before a time or the name of an event.
_JSON_BEGINS = re.compile(rb"\s*(?:\{|\[\s*[\[{])")


class Sniffed(NamedTuple):
    """Kind and dialect ('' where the kind has none), and a note for the user ('' where there is nothing to say)."""

    kind: str
    dialect: str = ""
    note: str = ""


def sniff(head: bytes, path: Place | None = None) -> Sniffed:
    """Kind and dialect by the first line that is of a known kind.

    Parameters
    ----------
    head : the first bytes of the file, uncompressed, without a byte order mark, cut anywhere.
    path : the file, whose end is asked where the head is that of a Parquet file.

    Returns
    -------
    Sniffed; prompts, messages and other noise before the first such line do not count.

    Raises
    ------
    OSError : a Parquet file without a readable end.
    """
    if head.startswith(_PARQUET) and path is not None:
        return _sniff_parquet(path)
    if not head.strip():
        return Sniffed("unknown", "", "empty file" if not head else "nothing but blanks")
    # what begins as JSON has thousands of lines that are no other's
    known = sniff_json(head) if _JSON_BEGINS.match(head) else None
    if known:
        return Sniffed(*known)
    lines = head.splitlines()[:_MAX_LINES]
    for line in lines:
        for kind, name, pattern in _patterns():
            if pattern.match(line):
                return Sniffed(_kind_of_save(lines) if name == _SAVE else kind, name)
        for name, dialect in dialects(DELIMITED).items():
            if find_header(dialect, line):
                return Sniffed(dialect["kind"], name)
    if b"<conntrack>" in head:
        # not one flow in it is whole
        return Sniffed("conntrack-list", "conntrack-xml")
    note = _why_unread(lines)
    found = sniff_json(head) or sniff_wrapped(head) or (None if note else _sniff_control(lines))
    return Sniffed(*found) if found else Sniffed("unknown", "", note or why_unknown(head))


def is_parquet(path: Place) -> bool:
    """Whether a file is Parquet, which is no text and no stream."""
    with path.open("rb") as file:
        return file.read(len(_PARQUET)) == _PARQUET


def _sniff_control(lines: list[bytes]) -> tuple[str, str] | None:
    """Kind and dialect of a log that has lines which are no rows, and nothing else that is known."""
    for name, dialect in dialects(QUOTED).items():
        control = re.compile(dialect["control"].encode())
        if any(control.match(line) for line in lines):
            return dialect["kind"], name
    return None


def _kind_of_save(lines: list[bytes]) -> str:
    """Whether lines of ``conntrack -o save`` are a list, which has the command of NEW alone, or a stream of events."""
    changed = _patterns_by_name()["conntrack-events", _SAVE]
    return "conntrack-events" if any(changed.match(line) for line in lines) else "conntrack-list"


def _why_unread(lines: list[bytes]) -> str:
    """Note on a file that is known and not read."""
    alone = sum(bool(line.strip()) for line in lines) == 1
    notices = (notice for notice in load_toml("dialects/conntrack")["notices"] if "note" in notice)
    for known in (*load_toml("unread").values(), *notices):
        pattern = re.compile(known["line"].encode())
        if (alone or not known.get("alone")) and any(pattern.match(line.lstrip()) for line in lines):
            return str(known["note"])
    return ""


def _sniff_parquet(path: Place) -> Sniffed:
    from flowstitch.ingest.parquet import columns_of, table_of  # noqa: PLC0415 - few exports have any

    name = table_of(path)
    if name:
        return Sniffed(CANONICAL_TABLE, name)
    found = dialect_of_names("parquet", columns_of(path))
    return Sniffed(*found) if found else Sniffed("unknown", "", "a Parquet file of something else")


@cache
def _patterns() -> tuple[tuple[str, str, re.Pattern[bytes]], ...]:
    return tuple((*key, pattern) for key, pattern in _patterns_by_name().items())


@cache
def _patterns_by_name() -> dict[tuple[str, str], re.Pattern[bytes]]:
    """How a line of each kind and dialect begins."""
    conntrack = load_toml("dialects/conntrack")
    families = "|".join(conntrack["families"])
    protocols = "|".join([*load_toml("protocols"), conntrack["unnamed"]])
    events = "|".join(conntrack["events"])
    entry = rf"(?:(?:{families})\s+\d+\s+)?(?:{protocols})\s+\d+\s(?:.*\s)?src=\S+\s+dst=\S"
    changes = "|".join(load_toml("dialects/conntrack-xml")["events"])
    commands = load_toml(f"dialects/{_SAVE}")["events"]
    changing = "|".join(word for word, event in commands.items() if event != "new")
    options = r"(?:\s+-(?:[tcwm]|-(?:orig|reply)-zone)\s+\d+|\s+-u\s+[A-Z_,]+)*\s+-s\s+[0-9A-Fa-f.:]+\s+-d\s+[0-9A-Fa-f.:]+\s"
    opening = r"\s*(?:<\?xml[^>]*>\s*)?(?:<conntrack>\s*)?"
    patterns = {
        (
            "conntrack-events",
            "conntrack",
        ): rf"\s*(?:\[\d+\.\d+ *\]\s+(?:\[(?:{events})\]\s+)?|\[(?:{events})\]\s+){entry}",
        ("conntrack-list", "conntrack"): rf"\s*{entry}",
        # expectations have no <meta> around their tuples
        ("conntrack-events", "conntrack-xml"): rf"{opening}<flow\s+type=\"(?:{changes})\"(?!>\s*<layer3)",
        ("conntrack-list", "conntrack-xml"): rf"{opening}<flow>\s*(?:<meta\s|$)",
        ("conntrack-events", _SAVE): rf"\s*(?:{changing}){options}",
        ("conntrack-list", _SAVE): rf"\s*(?:{'|'.join(commands)}){options}",
        # the lines of `conntrack -o save` begin alike, with a timeout in the place of the service
        (
            "ipvs-rules",
            "",
        ): r"-A\s+(?:(?:-[tu]|--(?:tcp|udp|sctp)-service)\s+\S+:[\w-]+|(?:-f|--fwmark-service)\s+\d+)(?:\s+-|\s*$)"
        r"|IP Virtual Server version \d|Prot\s+LocalAddress:Port\s",
        ("ipvs-connections", ""): r"\s*pro\s+expire\s+state\s+source\s+virtual\s+destination",
        # colours, and what draws a tree, a bullet or a table
        ("terway-mapping", ""): r"(?:\x1b\[[0-9;]*m|\s)*"
        r"(?:└(?:\x1b\[[0-9;]*m|─|┬)*ENI: |•(?:\x1b\[[0-9;]*m|\s)*slot \d+|(?:Status[ |]+)?Pod Name[ |]+Res ID[ |]+Factory Res ID)",
        ("sysctl", ""): r"(?:abi|crypto|debug|dev|fs|kernel|net|sunrpc|user|vm)(?:\.[\w/-]+)+\s*=",
    }
    patterns |= {
        (dialect["kind"], name): dialect["default_line"]
        for name, dialect in dialects(DELIMITED).items()
        if "default_line" in dialect
    }
    patterns |= {(dialect["kind"], name): dialect["line"] for name, dialect in dialects(QUOTED).items()}
    return {key: re.compile(text.encode()) for key, text in patterns.items()}
