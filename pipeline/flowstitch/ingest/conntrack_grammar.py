"""``schemas/dialects/conntrack.toml``, ``conntrack-xml.toml`` and ``conntrack-save.toml`` as the arrays that the kernels read."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from flowstitch.catalog.load import field, load_toml
from flowstitch.catalog.protocols import protocols_with
from flowstitch.errors import SchemaError
from flowstitch.kernels import conntrack_save as cs
from flowstitch.kernels import conntrack_text as ct
from flowstitch.kernels import xml_flow as xf
from flowstitch.kernels.token_text import make_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_LIMITS = {"u8": (1 << 8) - 1, "u16": (1 << 16) - 1, "u32": (1 << 32) - 1, "u63": (1 << 63) - 1}
_FORMS = {"address": ct.ADDRESS, "hex16": ct.HEX16, "time": ct.TIME, "text": ct.TEXT} | dict.fromkeys(
    _LIMITS, ct.DECIMAL
)
_FLAGS = {"unreplied": ct.UNREPLIED, "assured": ct.ASSURED, "offloaded": ct.OFFLOADED, "note": ct.NOTE}
_TARGETS = {
    "src_ip": (ct.SRC_IP, ct.SRC_IP),
    "dst_ip": (ct.DST_IP, ct.DST_IP),
    "src_port": (ct.SRC_PORT, ct.REPLY_SRC_PORT),
    "dst_port": (ct.DST_PORT, ct.REPLY_DST_PORT),
    "icmp_type": (ct.ICMP_TYPE, ct.REPLY_ICMP_TYPE),
    "icmp_code": (ct.ICMP_CODE, ct.REPLY_ICMP_CODE),
    "packets": (ct.PACKETS, ct.REPLY_PACKETS),
    "bytes": (ct.BYTES, ct.REPLY_BYTES),
    "zone": (ct.ZONE, ct.ZONE),
    "zone_orig": (ct.ZONE_ORIG, ct.ZONE_ORIG),
    "zone_reply": (ct.ZONE_REPLY, ct.ZONE_REPLY),
    "mark": (ct.MARK, ct.MARK),
    "delta_time_s": (ct.DELTA_TIME, ct.DELTA_TIME),
    "start": (ct.START, ct.START),
    "stop": (ct.STOP, ct.STOP),
    "use": (ct.USE, ct.USE),
    "conntrack_id": (ct.CONNTRACK_ID, ct.CONNTRACK_ID),
}
_XML_FORMS = {
    "address": xf.ADDRESS,
    "hex16": xf.HEX16,
    "text": xf.TEXT,
    "state": xf.STATE,
    "ns": xf.NANOSECONDS,
} | dict.fromkeys(_LIMITS, xf.DECIMAL)
_XML_LIMITS = _LIMITS | {"ns": _LIMITS["u63"]}
_ATTRIBUTES = {
    "event": xf.EVENT_TYPE,
    "direction": xf.DIRECTION,
    "protocol_number": xf.PROTOCOL,
    "protocol": xf.PROTOCOL_NAME,
}
_DIRECTIONS = {"original": xf.ORIGINAL, "reply": xf.REPLY, "independent": xf.INDEPENDENT}
_XML_TARGETS = _TARGETS | {
    "tuple_zone": (ct.ZONE_ORIG, ct.ZONE_REPLY),
    "state": (ct.STATE, ct.STATE),
    "timeout_s": (ct.TIMEOUT, ct.TIMEOUT),
    "year": (xf.YEAR, xf.YEAR),
    "month": (xf.MONTH, xf.MONTH),
    "day": (xf.DAY, xf.DAY),
    "hour": (xf.HOUR, xf.HOUR),
    "minute": (xf.MINUTE, xf.MINUTE),
    "second": (xf.SECOND, xf.SECOND),
}
_SAVE_FORMS = {
    "address": cs.ADDRESS,
    "text": cs.TEXT,
    "state": cs.STATE,
    "status": cs.STATUS_WORDS,
    "protocol": cs.PROTOCOL,
} | dict.fromkeys(_LIMITS, cs.DECIMAL)
_STATUS = {"replied": cs.REPLIED, "assured": ct.ASSURED, "note": ct.NOTE}
_SAVE_TARGETS = _TARGETS | {
    "timeout_s": (ct.TIMEOUT, ct.TIMEOUT),
    "icmp_id": (ct.ICMP_ID, ct.REPLY_ICMP_ID),
}
_NAME, _XML_NAME, _SAVE_NAME = "dialects/conntrack", "dialects/conntrack-xml", "dialects/conntrack-save"
_T = TypeVar("_T")


class Notice(NamedTuple):
    """A line that is no entry: what it matches, why it is skipped, whether it says that events were lost."""

    line: re.Pattern[bytes]
    reason: str
    lost: bool


@cache
def conntrack_grammar() -> ct.Grammar:
    """Keywords and protocols; ``SchemaError`` with the place when the file is not what its head says."""
    raw = load_toml(_NAME)
    bits = _port_bits() | _echo_bits()
    for number, rules in raw["timeouts"].items():
        if not rules.keys() <= {"any", "assured"}:
            bits[int(number)] |= ct.HAS_STATES
    return ct.Grammar(make_words(_keywords(raw)), bits)


def _port_bits() -> NDArray[np.int64]:
    return np.where(protocols_with("ports"), ct.HAS_PORTS, 0).astype(np.int64)


def _echo_bits() -> NDArray[np.int64]:
    return np.where(protocols_with("echo"), ct.HAS_ECHO, 0).astype(np.int64)


def _keywords(raw: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    names = dict.fromkeys(load_toml("protocols"), ct.PROTOCOL | ct.NAMED) | {raw["unnamed"]: ct.PROTOCOL}
    for word in raw["families"]:
        names[word] = names.get(word, 0) | ct.FAMILY
    found: dict[str, tuple[int, ...]] = {word: (ct.NAME, code, 0, 0) for word, code in names.items()}
    found |= {
        f"[{word}]": (ct.EVENT, field("event").code(value), 0, 0) for word, value in raw["events"].items()
    }
    found |= {word: (ct.STATE_NAME, code, 0, 0) for code, word in enumerate(field("state").values, 1)}
    found |= {f"[{word}]": (ct.FLAG, _of(_FLAGS, word, value), 0, 0) for word, value in raw["flags"].items()}
    found |= {f"[{word}": (ct.TEXT, 0, 0, 0) for word in raw["notes"]}
    for word, key in raw["keys"].items():
        kind = _of(_FORMS, word, key["form"])
        if kind == ct.TEXT:
            # conntrack(8) leaves the '=' out when a list of labels comes out empty
            found |= dict.fromkeys((f"{word}=", word), (kind, 0, 0, 0))
        else:
            kind = ct.ECHO if "echo" in key else kind
            spelt = f"[{word}=" if kind == ct.TIME else f"{word}="
            found[spelt] = (kind, _LIMITS.get(key["form"], 0), *_of(_TARGETS, word, key["to"]))
    for word in found:
        # which number a line has must not change what its other words mean
        if word.isdigit():
            raise SchemaError(f"{_NAME}.toml: got the word {word!r}, expected words that are no numbers.")
    return found


@cache
def xml_grammar() -> xf.XmlGrammar:
    """Names of elements, attributes and values; ``SchemaError`` as for ``conntrack_grammar``."""
    # XML does not have the echo identifiers of ICMP
    return xf.XmlGrammar(make_words(_xml_keywords(load_toml(_XML_NAME))), _port_bits())


def _xml_keywords(raw: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    codes = {"": 0} | {name: code for code, name in enumerate(raw["containers"], 1)}
    nowhere = (-1, -1, -1)
    found: dict[str, tuple[int, ...]] = {
        word: (xf.CONTAINER, codes[word], _of(codes, word, parent, _XML_NAME), *nowhere)
        for word, parent in raw["containers"].items()
    }
    for word, item in raw["attributes"].items():
        tells = _of(_ATTRIBUTES, word, item["to"], _XML_NAME)
        parent = _of(codes, word, item["of"], _XML_NAME)
        found[word] = (xf.ATTRIBUTE, tells, parent, *nowhere)
        if tells == xf.EVENT_TYPE:
            values = {event: field("event").code(value) for event, value in raw["events"].items()}
        else:
            values = _DIRECTIONS if tells == xf.DIRECTION else {}
        found |= {value: (xf.VALUE, code, parent, *nowhere) for value, code in values.items()}
    for word, item in raw["flags"].items():
        flag = _of(_FLAGS, word, item["to"], _XML_NAME)
        found[word] = (xf.FLAG, flag, _of(codes, word, item["in"], _XML_NAME), -1, -1, 0)
    found |= dict.fromkeys(load_toml("protocols"), (xf.NAME, ct.NAMED, 0, *nowhere))
    found |= {word: (xf.STATE_NAME, code, 0, *nowhere) for code, word in enumerate(field("state").values, 1)}
    for word in raw["tuple"] | raw["entry"]:
        found[word] = _xml_element(word, raw["tuple"].get(word), raw["entry"].get(word), codes)
    return found


def _xml_element(
    word: str,
    of_tuple: Mapping[str, str] | None,
    of_entry: Mapping[str, str] | None,
    codes: Mapping[str, int],
) -> tuple[int, ...]:
    item = of_tuple or of_entry or {}
    places = [-1, -1, -1]
    if of_tuple:
        places[:2] = _of(_XML_TARGETS, word, of_tuple["to"], _XML_NAME)
    if of_entry and "to" in of_entry:
        places[2] = _of(_XML_TARGETS, word, of_entry["to"], _XML_NAME)[0]
    kind = _of(_XML_FORMS, word, item["form"], _XML_NAME)
    return (kind, _XML_LIMITS.get(item["form"], 0), _of(codes, word, item["in"], _XML_NAME), *places)


@cache
def xml_states() -> NDArray[np.uint8]:
    """State that a printed one stands for: shape (256, states + 1), uint8, by protocol number and code of ``state``.

    The tool names the states of all protocols by one protocol's table. A name that this table does not have stands for
    itself, and for null where the protocol has no such state.
    """
    tables = load_toml(_NAME)["states"]
    codes = {int(number): [field("state").code(name) for name in names] for number, names in tables.items()}
    printed = codes[load_toml(_XML_NAME)["states_of"]]
    meant = np.tile(np.arange(len(field("state").values) + 1, dtype=np.uint8), (256, 1))
    for number, own in codes.items():
        if own is not printed:
            meant[number, ~np.isin(meant[number], own)] = 0
            for shown, code in zip(printed, own, strict=False):
                meant[number, shown] = code
    return meant


@cache
def save_grammar() -> cs.SaveGrammar:
    """Options and their words; ``SchemaError`` as for ``conntrack_grammar``."""
    return cs.SaveGrammar(make_words(_save_keywords(load_toml(_SAVE_NAME))), _port_bits() | _echo_bits())


def _save_keywords(raw: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    text = load_toml(_NAME)
    found: dict[str, tuple[int, ...]] = {
        word: (cs.EVENT, field("event").code(value), 0) for word, value in raw["events"].items()
    }
    found |= {
        word: (cs.STATUS_WORD, _of(_STATUS, word, value, _SAVE_NAME), 0)
        for word, value in raw["status"].items()
    }
    found |= {word: (cs.PROTOCOL_NAME, item["number"], 0) for word, item in load_toml("protocols").items()}
    found |= {word: (cs.STATE_NAME, code, 0) for code, word in enumerate(field("state").values, 1)}
    for word, option in raw["options"].items():
        reply = option.get("reply", False)
        target = _of(_SAVE_TARGETS, word, option["to"], _SAVE_NAME)[reply] if "to" in option else 0
        kind = _of(_SAVE_FORMS, word, option["form"], _SAVE_NAME)
        if kind == cs.ADDRESS:
            target += 2 * reply
        found[word] = (kind, _LIMITS.get(option["form"], 0), target)
    # what the tool puts behind an event that a process has caused is the same as in text
    found |= {f"[{word}]": (cs.NOTE, 0, 0) for word, value in text["flags"].items() if value == "note"}
    found |= {f"{word}=": (cs.NOTE, 0, 0) for word, key in text["keys"].items() if key["form"] == "text"}
    return found


@cache
def conntrack_notices() -> tuple[Notice, ...]:
    """Lines that files hold among their entries."""
    return tuple(
        Notice(_pattern_of(item), item["reason"], item.get("lost", False))
        for item in load_toml(_NAME)["notices"]
    )


def _pattern_of(notice: Mapping[str, str]) -> re.Pattern[bytes]:
    text = notice["line"] if "line" in notice else re.escape(notice["starts"])
    return re.compile(text.encode())


def _of(known: Mapping[str, _T], name: str, value: str, file: str = _NAME) -> _T:
    if value not in known:
        message = f"{file}.toml: {name}: got {value!r}, expected one of {', '.join(known)}."
        raise SchemaError(message)
    return known[value]
