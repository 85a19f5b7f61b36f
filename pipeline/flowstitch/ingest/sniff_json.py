"""What a JSON file is, by its head."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from flowstitch.ingest.blocks import BOM
from flowstitch.ingest.dialects import dialects, normal_key

# A string with the colon that makes it a key, or a bracket. A string that the cut leaves open reaches to the end:
# were it no match, every escaped quote in it would start another try.
_TOKEN = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)(?:"(\s*+:)?|\\?\Z)|([{}\[\]])', re.DOTALL)
_DEPTH = 4  # items[].metadata.name
_ITEM = "[]"


@dataclass
class _Start:
    """What the head shows of the first object.

    Attributes
    ----------
    listed : it is an item of a list.
    whole : its end was seen.
    paths : chains of keys, down to ``_DEPTH``, with ``[]`` where they pass a list.
    """

    listed: bool
    whole: bool = False
    paths: set[tuple[str, ...]] = field(default_factory=set)


def sniff_json(head: bytes) -> tuple[str, str] | None:
    """Kind and dialect of JSON content.

    Parameters
    ----------
    head : the first bytes of the file, uncompressed, cut anywhere; 64 KiB are plenty.

    Returns
    -------
    (kind, dialect), the dialect '' where the kind has none; None when it is not JSON that is known.
    The head need not be whole JSON: the first object is looked at as far as it goes. A first line that
    starts in the middle of an object is passed over.
    """
    start = _start_of(head)
    return None if start is None else _classify(start)


@lru_cache(maxsize=4)
def key_paths(head: bytes) -> frozenset[tuple[str, ...]]:
    """Chains of keys of the first object of JSON content, ``[]`` where they pass a list; none where there is no JSON.

    Parameters
    ----------
    head : as for ``sniff_json``; chains are of at most four steps.
    """
    start = _start_of(head)
    return frozenset() if start is None else frozenset(start.paths)


def _start_of(head: bytes) -> _Start | None:
    text = head.removeprefix(BOM).lstrip()
    if not text.startswith((b"{", b"[")):
        text = text.partition(b"\n")[2].lstrip()
    return _first_object(text) if text.startswith((b"{", b"[")) else None


def _classify(start: _Start) -> tuple[str, str] | None:
    keys = {path[0] for path in start.paths if len(path) == 1}
    spelled = {normal_key(key) for key in keys}
    for name, dialect in dialects("json-lines").items():
        if not start.listed and spelled.issuperset(map(normal_key, dialect["match"])):
            return dialect["kind"], name
    for name, dialect in dialects("json").items():
        if "items" not in dialect:
            continue
        pages = tuple(dialect["items"].removesuffix(_ITEM).split("."))
        if pages in start.paths or keys.issuperset(dialect["match"]):
            return dialect["kind"], name
    if _is_kubernetes(start, keys):
        return "kubernetes", ""
    kind = _iproute_kind(keys, whole=start.whole) if start.listed else None
    return None if kind is None else (kind, "")


def _is_kubernetes(start: _Start, keys: set[str]) -> bool:
    if {"apiVersion", "kind"} <= keys or ("items", _ITEM, "apiVersion") in start.paths:
        return True
    # kind and apiVersion can come last, behind the cut
    cut = not start.whole
    return cut and not start.paths.isdisjoint({("metadata", "name"), ("items", _ITEM, "metadata", "name")})


def _iproute_kind(keys: set[str], *, whole: bool) -> str | None:
    if "ifname" in keys:
        return "ip-addr" if "addr_info" in keys else "ip-link" if whole else None
    if "priority" in keys:
        return "ip-rule"
    # `ip neigh` has dst and dev too, and a state
    if "dst" in keys and "state" not in keys and keys & {"dev", "table", "gateway", "via", "nexthops"}:
        return "ip-route"
    return None


def _first_object(text: bytes) -> _Start:
    """First object with keys: the text itself or, when that is a list, one of its items."""
    start = _Start(listed=text.startswith(b"["))
    top = 2 if start.listed else 1
    path: list[str] = []
    brackets: list[bytes] = []
    key = ""
    for match in _TOKEN.finditer(text):
        string, colon, bracket = match.groups()
        if bracket in {b"{", b"["}:
            path.append(key if brackets[-1:] == [b"{"] else _ITEM)
            brackets.append(bracket)
        elif bracket is not None:
            if not brackets:
                break
            path.pop()
            brackets.pop()
            if len(brackets) < top and start.paths:
                start.whole = True
                break
        elif colon is not None and brackets[-1:] == [b"{"] and top <= len(brackets) < top + _DEPTH:
            key = string.decode("utf-8", "replace")
            start.paths.add((*path[top:], key))
    return start
