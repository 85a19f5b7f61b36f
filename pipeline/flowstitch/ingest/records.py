"""What is at a wrapper's path in a JSON value, as lines: the message as it is, or an object of texts by the dialect's keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from flowstitch.ingest.delimited import WRONG_COUNT
from flowstitch.ingest.jsonlines import NOT_AN_OBJECT
from flowstitch.ingest.model import MAX_TEXT
from flowstitch.ingest.wrappers import MESSAGE, OBJECT, PAIRS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowstitch.ingest.wrappers import Step, Wrapper

SEVERAL_LINES = "several lines in a message"
NOTHING_THAT_WAY = "no packets that way"
NO_MESSAGE, NO_FLOW = "no message", "nothing of a flow"
# Stands for what is no text: no number, address or word of a log is like it, and it is no name.
_NO_TEXT = "\0"
_NOTHING: dict[str, str] = {}
# Digits of a time from which another is taken away.
_MOST_DIGITS = 18


class Skipped(NamedTuple):
    """A record that is no row, and why."""

    reason: str


class Bad(NamedTuple):
    """A record that cannot be understood, why, and what is there."""

    reason: str
    raw: bytes


def records_of(value: object, wrapper: Wrapper) -> Iterator[bytes | Skipped | Bad]:
    """Records of a JSON value, numbers in it as texts: the lines that they become, or why there is none."""
    last_rows: dict[tuple[str, ...], int] = {}
    for item in value if isinstance(value, list) else [value]:
        skipped = _why_skipped(item, wrapper)
        if skipped:
            yield Skipped(skipped)
            continue
        everything = _at(item, wrapper.path) if wrapper.path else iter([(item, _NOTHING)])
        for found in everything:
            if isinstance(found, Bad):
                yield found
                continue
            inner, carried = found
            if wrapper.records == MESSAGE:
                yield _message(inner)
            elif wrapper.records == OBJECT:
                yield _object(inner, wrapper)
            elif wrapper.records == PAIRS:
                yield _pairs(inner, wrapper)
            else:
                yield from _tuple(inner, carried, wrapper, last_rows)


def _why_skipped(item: object, wrapper: Wrapper) -> str:
    skip = wrapper.raw.get("skip")
    if skip is None or not isinstance(item, dict):
        return ""
    return str(skip["words"].get(_text(item.get(skip["key"])), ""))


def _at(
    value: object, path: Sequence[Step], place: int = 0, carried: Mapping[str, str] = _NOTHING
) -> Iterator[tuple[object, Mapping[str, str]] | Bad]:
    """Everything at the end of a path from its step ``place`` on, and the texts that were asked for of what it is in.

    What is not as the path says is bad.
    """
    step = path[place]
    if not isinstance(value, dict):
        yield _bad(f"bad value: {step.within or step.key}", value)
        return
    inner = value.get(step.key)
    if step.listed and not isinstance(inner, list):
        yield _bad(f"bad value: {step.path}", inner)
        return
    if step.carried:
        # every tuple gets them
        here = {name: _short(_text(value.get(key))) for name, key in step.carried}
        carried = {**carried, **here}
    for item in inner if step.listed and isinstance(inner, list) else (inner,):
        if place + 1 == len(path):
            yield item, carried
        else:
            yield from _at(item, path, place + 1, carried)


def _message(value: object) -> bytes | Bad:
    if not isinstance(value, str):
        return _bad(NO_MESSAGE, value)
    # half of a pair of surrogates becomes what is no UTF-8, as it should
    text = value.rstrip("\r\n").encode("utf-8", "surrogatepass")
    return Bad(SEVERAL_LINES, text) if b"\n" in text else text


def _object(item: object, wrapper: Wrapper) -> bytes | Bad:
    """Texts of an object by the dialect's keys, which are paths in it."""
    if not isinstance(item, dict):
        return _bad(NOT_AN_OBJECT, item)
    paths = dict(wrapper.keys)
    for name, choice in wrapper.raw.get("chosen", {}).items():
        paths[name] = choice["paths"].get(_text(_inner(item, choice["by"])), "")
    found = {name: _inner(item, path) for name, path in paths.items() if path}
    texts = {name: _text(value) for name, value in found.items() if value is not None}
    return _line(texts) if texts else _bad(NO_FLOW, item)


def _inner(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _pairs(value: object, wrapper: Wrapper) -> bytes | Bad:
    name, text = wrapper.raw["name"], wrapper.raw["value"]
    if not isinstance(value, list) or not all(isinstance(pair, dict) for pair in value):
        return _bad(NOT_AN_OBJECT, value)
    texts = {_text(pair.get(name)): _text(pair.get(text)) for pair in value}
    return _message(texts.get(wrapper.raw["text"])) if "text" in wrapper.raw else _line(texts)


def _tuple(
    value: object, carried: Mapping[str, str], wrapper: Wrapper, last_rows: dict[tuple[str, ...], int]
) -> Iterator[bytes | Skipped | Bad]:
    """Rows of a text with commas: one for each way that packets went, one alone where they were not counted.

    ``last_rows`` has the time of the row before of each flow, if the document has one: its packets were counted up to then.
    """
    values = value.split(",") if isinstance(value, str) else []
    if len(values) not in wrapper.raw["widths"]:
        yield _bad(WRONG_COUNT, value)
        return
    texts = {**dict(zip(wrapper.raw["names"], values, strict=False)), **carried}
    for name, words in wrapper.raw.get("words", {}).items():
        texts[name] = words.get(texts[name], texts[name])
    counted, back = wrapper.raw["counted"], wrapper.raw["back"]
    behind = counted["spans"].get(texts.get(counted["by"]))
    if _is_time(texts["time"]):
        flow, time = tuple(texts.get(name, "") for name in counted["flow"]), int(texts["time"])
        since = last_rows.get(flow, time + 1)
        last_rows[flow] = time
        if behind is not None:
            texts["start"] = str(since if since <= time else max(0, time - behind))
    of_back = {back[name] for name in counted["counters"]}
    if behind is None:
        left_out = {*of_back, *counted["counters"]}
        yield _line({name: text for name, text in texts.items() if name not in left_out})
        return
    forth = {name: text for name, text in texts.items() if name not in of_back}
    turned = {name: texts[back.get(name, name)] for name in forth}
    for name, words in wrapper.raw["turned"].items():
        turned[name] = words.get(turned[name], turned[name])
    for way in (forth, turned):
        idle = way[counted["counters"][0]] in {"", "0"}
        yield Skipped(NOTHING_THAT_WAY) if idle else _line(way)


def _is_time(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS


def _line(texts: dict[str, str]) -> bytes:
    return json.dumps(texts).encode()


def _text(value: object) -> str:
    """Text of a value; '' where there is none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else _NO_TEXT


def _short(text: str) -> str:
    """A text that no log has is none, and takes no memory."""
    return text if len(text) <= MAX_TEXT else _NO_TEXT


def _bad(reason: str, value: object) -> Bad:
    if isinstance(value, str):
        return Bad(reason, value.encode("utf-8", "surrogatepass"))
    try:
        return Bad(reason, json.dumps(value).encode())
    except RecursionError:
        return Bad(reason, b"")
