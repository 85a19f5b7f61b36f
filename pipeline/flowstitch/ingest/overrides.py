"""``export.toml``: what the user knows better about the files of a directory."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flowstitch.catalog.dataplanes import dataplane_names
from flowstitch.catalog.load import schema_root
from flowstitch.errors import UsageError, unknown_name
from flowstitch.ingest.dialects import dialects
from flowstitch.ingest.layouts import DELIMITED, dialect_of_names
from flowstitch.ingest.sniff import KINDS

if TYPE_CHECKING:
    from flowstitch.ingest.places import Place

EXPORT_TOML = "export.toml"
MAX_BYTES = 1 << 18
# What tomllib takes for a key goes with the square of its parts.
MAX_LINE_BYTES = 1 << 12
_KEYS = {
    "source": ("match", "kind", "dialect", "node", "taken_at", "timezone", "columns", "delimiter"),
    "node": ("match", "dataplane"),
}


@dataclass(frozen=True)
class Override:
    """What ``export.toml`` says of one file; None (``timezone``: '') where it says nothing.

    Attributes
    ----------
    taken_at : microseconds since the epoch.
    columns, delimiter : of a log without header.
    dataplanes : patterns of nodes and their data planes; the same of all files.
    """

    kind: str | None = None
    dialect: str | None = None
    node: str | None = None
    taken_at: int | None = None
    timezone: str = ""
    columns: tuple[str, ...] = ()
    delimiter: str = ""
    dataplanes: tuple[tuple[str, str], ...] = ()

    @property
    def default_dialect(self) -> str:
        """Dialect that ``columns`` or ``kind`` leave no choice of, else ''."""
        by_columns = dialect_of_names(DELIMITED, self.columns)
        if by_columns is not None:
            return by_columns[1]
        return "conntrack" if (self.kind or "").startswith("conntrack-") else ""


@dataclass(frozen=True)
class Overrides:
    """The ``[[source]]`` tables in order, each with its glob, and the ``[[node]]`` tables, globs and data planes."""

    rules: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    dataplanes: tuple[tuple[str, str], ...] = ()

    def of(self, name: str) -> Override:
        """Override of the file of that name; of several that match the later ones win, key by key."""
        override = Override(dataplanes=self.dataplanes)
        for match, values in self.rules:
            if fnmatchcase(name, match):
                override = replace(override, **values)
        return override


def read_overrides(path: Place) -> Overrides:
    """Read an ``export.toml``.

    Raises
    ------
    UsageError : it cannot be read, is larger than ``MAX_BYTES`` or has a line longer than ``MAX_LINE_BYTES``, is not
        TOML, or has a key or value that is not known, with the nearest name.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}.") from error
    if len(content) > MAX_BYTES or max(map(len, content.split(b"\n"))) > MAX_LINE_BYTES:
        raise UsageError(
            f"{path}: got more than {MAX_BYTES >> 10} KiB, or a line of more than {MAX_LINE_BYTES >> 10}; expected some tables [[source]] and [[node]]."
        )
    try:
        raw = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: got what is no TOML: {error}.") from error
    for key in raw:
        if key not in _KEYS:
            raise _at(path, unknown_name("key", key, _KEYS))
    sources, nodes = (_tables(path, raw, name) for name in _KEYS)
    return Overrides(
        [(_text(path, "source", table, "match"), _values(path, table)) for table in sources],
        tuple((_text(path, "node", table, "match"), _dataplane(path, table)) for table in nodes),
    )


def _tables(path: Place, raw: dict[str, Any], name: str) -> list[dict[str, Any]]:
    tables = raw.get(name, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"{path}: {name!r}: got {type(tables).__name__}, expected tables [[{name}]].")
    for key in (key for table in tables for key in table):
        if key not in _KEYS[name]:
            raise _at(path, unknown_name(f"key of [[{name}]]", key, _KEYS[name]))
    return tables


def _dataplane(path: Place, table: dict[str, Any]) -> str:
    name = _text(path, "node", table, "dataplane")
    if name not in dataplane_names():
        raise _at(path, unknown_name("data plane", name, dataplane_names()))
    return name


def _values(path: Place, table: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {
        key: _text(path, "source", table, key)
        for key in ("kind", "dialect", "node", "timezone", "delimiter")
        if key in table
    }
    if "kind" in values and values["kind"] not in KINDS:
        raise _at(path, unknown_name("kind", values["kind"], KINDS))
    dialects = [file.stem for file in (schema_root() / "dialects").glob("*.toml")]
    if "dialect" in values and values["dialect"] not in dialects:
        raise _at(path, unknown_name("dialect", values["dialect"], dialects))
    if "timezone" in values:
        try:
            ZoneInfo(values["timezone"])
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            message = f"{path}: 'timezone': got {values['timezone']!r}, expected an IANA zone such as 'Asia/Hong_Kong'."
            raise UsageError(message) from error
    if "columns" in table:
        values["columns"] = _columns(path, table["columns"])
    if "taken_at" in table:
        values["taken_at"] = _time(path, table["taken_at"])
    return values


def _text(path: Place, of: str, table: dict[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        message = f"{path}: {key!r} of [[{of}]]: got {value!r}, expected text."
        raise UsageError(message)
    return value


def _columns(path: Place, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        message = f"{path}: 'columns' of [[source]]: got {value!r}, expected a list of names."
        raise UsageError(message)
    if dialect_of_names(DELIMITED, value) is None:
        known = ", ".join(
            f"{name}: {' '.join(dialect['match'])}" for name, dialect in dialects(DELIMITED).items()
        )
        message = f"{path}: 'columns' of [[source]]: got {' '.join(value)}, expected those of a log among them ({known})."
        raise UsageError(message)
    return tuple(value)


def _time(path: Place, value: object) -> int:
    stamp = value
    if isinstance(value, str):
        try:
            stamp = datetime.fromisoformat(value)
        except ValueError:
            stamp = None
    if isinstance(stamp, datetime) and stamp.tzinfo is not None:
        stamp = stamp.timestamp()
    if isinstance(stamp, (int, float)) and not isinstance(stamp, bool) and 0 <= stamp < 1 << 36:
        return round(stamp * 1_000_000)
    message = f"{path}: 'taken_at': got {str(value)!r}, expected epoch seconds or a time with its offset, 2026-11-23T00:47:23Z."
    raise UsageError(message)


def _at(path: Place, error: UsageError) -> UsageError:
    return UsageError(f"{path}: {error}")
