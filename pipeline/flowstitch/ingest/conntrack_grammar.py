"""``schemas/dialects/conntrack.toml`` as the arrays that the kernel reads."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from flowstitch.catalog.load import field, load_toml
from flowstitch.catalog.protocols import protocols_with
from flowstitch.errors import SchemaError
from flowstitch.kernels import conntrack_text as ct
from flowstitch.kernels.token_text import make_words

if TYPE_CHECKING:
    from collections.abc import Mapping

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
_NAME = "dialects/conntrack"
_T = TypeVar("_T")


class Notice(NamedTuple):
    """A line of the tool's own: how it starts, why it is skipped, whether it says that events were lost."""

    starts: bytes
    reason: str
    lost: bool


@cache
def conntrack_grammar() -> ct.Grammar:
    """Keywords and protocols; ``SchemaError`` with the place when the file is not what its head says."""
    raw = load_toml(_NAME)
    bits = np.where(protocols_with("ports"), ct.HAS_PORTS, 0) | np.where(
        protocols_with("echo"), ct.HAS_ECHO, 0
    )
    for number, rules in raw["timeouts"].items():
        if not rules.keys() <= {"any", "assured"}:
            bits[int(number)] |= ct.HAS_STATES
    return ct.Grammar(make_words(_keywords(raw)), bits.astype(np.int64))


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
    for word, key in raw["keys"].items():
        kind = _of(_FORMS, word, key["form"])
        if kind == ct.TEXT:
            # conntrack(8) leaves the '=' out when a list of labels comes out empty
            found |= dict.fromkeys((f"{word}=", word), (kind, 0, 0, 0))
        else:
            kind = ct.ECHO if "echo" in key else kind
            spelt = f"[{word}=" if kind == ct.TIME else f"{word}="
            found[spelt] = (kind, _LIMITS.get(key["form"], 0), *_of(_TARGETS, word, key["to"]))
    return found


@cache
def conntrack_notices() -> tuple[Notice, ...]:
    """Lines of stderr that merged files hold."""
    return tuple(
        Notice(item["starts"].encode(), item["reason"], item.get("lost", False))
        for item in load_toml(_NAME)["notices"]
    )


def _of(known: Mapping[str, _T], name: str, value: str) -> _T:
    if value not in known:
        message = f"{_NAME}.toml: {name}: got {value!r}, expected one of {', '.join(known)}."
        raise SchemaError(message)
    return known[value]
