"""Plain twin of the readers of logs: what a row's texts say, by the TOML of its dialect alone."""

import ipaddress
import json
import re
from datetime import UTC, datetime, timedelta
from functools import cache

from naive_text import BY_NUMBER, FIELDS, SCHEMAS, tomllib

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST = {"port": 65535, "u8": 255, "u16": 65535, "bytes": 2**63 - 1, "count": 2**63 - 1, "time": 253402300799}
UNITS = {"": 1, "us": 1, "ms": 1000, "s": 1_000_000}
UNSURE = object()


class UnsureError(Exception):
    """Two readings of a line are as good as each other."""


@cache
def load(name):
    return tomllib.loads((SCHEMAS / f"dialects/{name}.toml").read_text())


def normal(key):
    return key if key.startswith("__") else key.replace("-", "").replace("_", "").casefold()


def judge(dialect, texts):
    """Canonical fields of a row, or why it is none.

    ``texts`` by key as the row spells it; ``UnsureError`` where it gives one thing twice.
    """
    spelled = {}
    for key, text in texts.items():
        if spelled.setdefault(normal(key), text) != text:
            raise UnsureError(key)
    values, given = {}, {}
    for name, column in dialect["columns"].items():
        keys = column["key"] if isinstance(column["key"], list) else [column["key"]]
        said = [spelled.get(normal(key)) for key in keys]
        text = next((text for text in said if text not in {None, *dialect["null"]}), None)
        if any(text is UNSURE for text in said):
            raise UnsureError(name)
        if said == [None] * len(said):
            text = column.get("default")
        if text is not None and column.get("part") == "whole":
            text = text.removesuffix(".0")
        given[name] = text is not None
        values[name] = None if text is None else parse(FIELDS[name], column, text)
    ok = values.get("log_status", "OK") == "OK"
    ports = ok and bool(BY_NUMBER.get(values.get("protocol_number"), {}).get("ports"))
    scope = {"row": True, "flow": ok, "never": ok, "ports": ports}
    for name, column in dialect["columns"].items():
        key = column["key"][-1] if isinstance(column["key"], list) else column["key"]
        if not scope[column["needed"]]:
            values[name] = None
        elif values[name] is None and (given[name] or column["needed"] != "never"):
            return f"bad value: {key}"
        if name in {"window_start", "window_end"} and values[name] is not None:
            values[name] -= values[name] % 1_000_000
        if name == "window_end" and values[name] < values["window_start"]:
            return f"bad value: {key}"
    return values


def parse(field, column, text):
    """Value of a text that is not null; None when it does not fit."""
    kind, unit = field["type"], column.get("unit", "")
    if unit == "iso":
        return iso(text)
    if kind == "count" and unit:
        fits = re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text)
        return round(float(text) * UNITS[unit]) if fits else None
    if kind in MOST:
        most = (MOST[kind] * 1_000_000 + 999_999) // UNITS[unit] if kind == "time" else MOST[kind]
        fits = re.fullmatch(r"\+?[0-9]+|-0+", text) and len(text) < 300 and int(text) <= most
        return int(text) * UNITS[unit] if fits else None
    if kind == "address":
        return address(text)
    if kind == "enum":
        word = column.get("words", {}).get(text, text)
        return word if word in field["values"] else None
    if kind == "text":
        return text if len(text) <= 1024 else text[:1024] if column.get("cut") else None
    return text if text.isprintable() and len(text) <= 1024 else None


def iso(text):
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    found = -1 if moment.tzinfo is None else micros(moment)
    return found if 0 <= found < 253402300800_000000 else None


def micros(moment):
    """Microseconds since the epoch of a time; UTC where it has no zone."""
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) // timedelta(microseconds=1)


def address(text):
    try:
        found = ipaddress.ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    if int(found) == (1 << 128) - 1:
        return None
    return str(getattr(found, "ipv4_mapped", None) or found)


def texts_of_json(line):
    """Texts of a JSON line by key, or why it is no object; ``UnsureError`` where parsers differ in what it says."""
    doubtful, beyond = [], []

    def number(text):
        beyond.extend([text] * (not fits(text)))
        return Number(text)

    def once(pairs):
        if len(dict(pairs)) < len(pairs):
            doubtful.append(pairs)
        return dict(pairs)

    try:
        value = json.loads(line.decode("utf-8"), object_pairs_hook=once, parse_int=number, parse_float=number)
    except RecursionError:
        raise UnsureError("nested") from None
    except ValueError:
        return "not JSON"
    if not isinstance(value, dict):
        return "not an object"
    if doubtful or b"\\u" in line or re.search(rb"NaN|Infinity", line):
        raise UnsureError("one reading of several")
    if beyond:
        return "JSON with a value that cannot be read"
    return {key: text_of_json(item) for key, item in value.items()}


class Number(str):
    """The text of a number."""

    __slots__ = ()


def fits(text):
    """Whether 128 bits hold an integer, signed or not, and a double any other number."""
    if re.fullmatch("-?[0-9]+", text):
        return len(text) <= 40 and -(1 << 127) <= int(text) < 1 << 128
    return abs(float(text)) < float("inf")


def text_of_json(value):
    """The text that stands for a value; ``UNSURE`` where there is more than one."""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, Number):
        return str(value) if re.fullmatch("-?[1-9][0-9]{0,17}|0", value) else UNSURE
    return UNSURE if isinstance(value, dict | list) else value
