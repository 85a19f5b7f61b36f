"""What a log service puts around the records of a flow log: which wrapper a file has, and where in it the records are."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from flowstitch.ingest.dialects import dialects
from flowstitch.ingest.layouts import DELIMITED, find_header, matches, split_values
from flowstitch.ingest.sniff_json import key_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

JSON_LINES = "json-lines"
# Form of dialects that come in wrappers alone.
RECORDS = "records"
# What the records of a wrapper are.
MESSAGE, OBJECT, PAIRS, TUPLES = "message", "object", "pairs", "tuples"
STAMPED, COLUMN = "stamped", "column"
# Those of lines of text; the others are of JSON.
_TEXT = (STAMPED, COLUMN)
_FIRST_LINES = 100


class Step(NamedTuple):
    """One step of a path.

    Attributes
    ----------
    key : of the object that it is taken in.
    listed : the value is a list, and the path goes through its items.
    within, path : the path to that object, and with this step.
    carried : (name, key) of the texts of that object that go with what is found.
    """

    key: str
    listed: bool
    within: str
    path: str
    carried: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Wrapper:
    """One of a dialect's ``[[wrappers]]``; ``schemas/README.md`` says what each key means.

    Attributes
    ----------
    dialect : parsed file of ``schemas/dialects``.
    records : one of ``MESSAGE`` to ``COLUMN``.
    match : paths that its first object has, as chains of keys.
    path : to the records, step by step.
    raw : the table itself, for what one kind of records has.
    """

    dialect: dict[str, Any] = field(repr=False)
    records: str
    match: tuple[tuple[str, ...], ...]
    path: tuple[Step, ...]
    raw: dict[str, Any]

    @property
    def form(self) -> str:
        """Form of the lines that its records become."""
        return DELIMITED if self.records in {MESSAGE, *_TEXT} or "text" in self.raw else JSON_LINES

    @property
    def is_json(self) -> bool:
        """Whether it is one of JSON, and not of lines of text."""
        return self.records not in _TEXT

    def fits(self, head: bytes) -> bool:
        """Whether a file that begins so has this wrapper, if it is a log of the dialect."""
        if self.records == STAMPED:
            return any(self.without_stamp(line) != line for line in _lines(head)[:1])
        if self.records == COLUMN:
            return any(self.place_in(line) is not None for line in _lines(head)[:1])
        paths = key_paths(head)
        own = [path[0] for path in paths if len(path) == 1]
        if not paths.issuperset(self.match) or self._has_rows(own):
            return False
        names = self._pair_names(head) if self.records == PAIRS else []
        return self.records != PAIRS or (
            self.raw["text"] in names if "text" in self.raw else self._has_rows(names)
        )

    def shows(self, head: bytes) -> bool:
        """Whether what such a file has in it looks like a log of the dialect."""
        if self.form == JSON_LINES:
            # no other log has such keys
            return True
        return any(_is_record(self.dialect, text) for text in self._texts(head))

    def resembles(self, head: bytes) -> bool:
        """Whether what such a file has in it may be of the dialect in an order of columns that nobody has told."""
        likely = self.dialect.get("likely_line")
        if likely is None or self.form == JSON_LINES:
            return False
        return any(_compiled(likely).search(text) for text in self._texts(head))

    @cached_property
    def keys(self) -> dict[str, str]:
        """The dialect's keys, which are paths in an object of a record; each by its own name."""
        keys = [column["key"] for column in self.dialect["columns"].values()]
        return {path: path for key in keys for path in ([key] if isinstance(key, str) else key)}

    def without_stamp(self, line: bytes) -> bytes:
        """Record of a line."""
        stamp = _compiled(self.raw["stamp"]).match(line)
        return line if stamp is None else line[stamp.end() :]

    def place_in(self, header: bytes) -> int | None:
        """Place of the column that has the records, None when the line is no such header."""
        column = self.raw["column"]
        if column.encode() not in header:
            return None
        names = split_values(header.decode("utf-8", "replace").strip(), ",")
        return None if column not in names or self._has_rows(names) else names.index(column)

    def _has_rows(self, names: Iterable[str]) -> bool:
        """Whether these are names of all that every row of the dialect has."""
        return "match" in self.dialect and matches(self.dialect, names)

    def _pair_names(self, head: bytes) -> list[str]:
        """Names in the pairs of a file that begins so."""
        return [text.decode("utf-8", "replace") for text in _strings_of(self.raw["name"], head)]

    def _texts(self, head: bytes) -> Iterator[bytes]:
        """Some of the records of a file that begins so."""
        lines = _lines(head)
        if self.records == STAMPED:
            yield from (self.without_stamp(line) for line in lines)
        elif self.records == COLUMN:
            place = self.place_in(lines[0])
            rows = (split_values(line.decode("utf-8", "replace"), ",") for line in lines[1:])
            yield from (row[place].encode() for row in rows if place is not None and len(row) > place)
        else:
            yield from _strings_of(self.raw.get("value", self.path[-1].key), head)


def wrapper_of(dialect: dict[str, Any], head: bytes) -> Wrapper | None:
    """Wrapper of a log of a dialect that begins so; None when its lines are records as they are."""
    return next((wrapper for wrapper in _wrappers(dialect) if wrapper.fits(head)), None)


def sniff_wrapped(head: bytes) -> tuple[str, str] | None:
    """Kind and dialect of a log whose records are in a wrapper; None when there is none that is known."""
    wrapper, name = _known(head) or (None, "")
    return None if wrapper is None else (wrapper.dialect["kind"], name)


def why_unknown(head: bytes) -> str:
    """Note on a file whose records are wrapped and not known; '' where there is nothing to say."""
    for dialect in wrapped_dialects().values():
        wrapper = wrapper_of(dialect, head)
        if wrapper is not None and wrapper.resembles(head):
            return f"its records look like those of an {dialect['doc']} whose format is not the default one; name its columns in export.toml"
    return ""


def wrapper_of_any(head: bytes) -> Wrapper | None:
    """Wrapper of a file that begins so, whatever it is a log of; None when it has none, or nothing that is known in it."""
    found = _known(head)
    return None if found is None else found[0]


def _known(head: bytes) -> tuple[Wrapper, str] | None:
    for name, dialect in wrapped_dialects().items():
        wrapper = wrapper_of(dialect, head)
        if wrapper is not None and wrapper.shows(head):
            return wrapper, name
    return None


@cache
def wrapped_dialects() -> dict[str, dict[str, Any]]:
    """Dialects that come in wrappers, by name."""
    every = {name: dialect for form in (RECORDS, DELIMITED) for name, dialect in dialects(form).items()}
    return {name: dialect for name, dialect in every.items() if "wrappers" in dialect}


def _wrappers(dialect: dict[str, Any]) -> list[Wrapper]:
    return [
        Wrapper(
            dialect, raw["records"], tuple(tuple(_spelt_out(path)) for path in raw.get("match", ())),
            tuple(_steps(raw.get("path", ""), raw.get("carried", {}))), raw,
        )
        for raw in dialect.get("wrappers", ())
    ]  # fmt: skip


def _steps(path: str, carried: Mapping[str, str]) -> Iterator[Step]:
    within = ""
    for word in filter(None, path.split(".")):
        at = f"{within}.{word}".removeprefix(".")
        texts = ((name, other.rpartition(".")) for name, other in carried.items())
        own = tuple((name, key) for name, (before, _, key) in texts if before == within)
        yield Step(word.removesuffix("[]"), word.endswith("[]"), within, at, own)
        within = at


def _spelt_out(path: str) -> Iterator[str]:
    """Keys of a path as ``key_paths`` has them: a list is one of its own."""
    for step in _steps(path, {}):
        yield step.key
        if step.listed:
            yield "[]"


def _strings_of(key: str, head: bytes) -> Iterator[bytes]:
    """Texts that a key has somewhere in JSON."""
    for found in re.finditer(rb'"' + re.escape(key).encode() + rb'"\s*:\s*("(?:[^"\\]|\\.)*+")', head):
        try:
            yield json.loads(found[1]).encode("utf-8", "replace")
        except ValueError:
            continue


def _is_record(dialect: dict[str, Any], text: bytes) -> bool:
    line = dialect.get("default_line")
    return bool(line and _compiled(line).match(text)) or find_header(dialect, text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode())


def _lines(head: bytes) -> list[bytes]:
    return [line for line in head.splitlines() if line.strip()][:_FIRST_LINES]
