"""Finds the ``schemas/`` directory and reads it."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from flowstitch.catalog.model import FIELD_TYPES, Field, Table
from flowstitch.errors import SchemaError, unknown_name


@cache
def packaged_root(name: str) -> Path:
    """Directory ``name`` (``schemas``, ``data``): inside the installed package, else in the checkout."""
    package = Path(__file__).parents[1]
    for root in (package / name, package.parents[1] / name):
        if root.is_dir():
            return root
    raise SchemaError(
        f"no directory {name!r} in {package} or in {package.parents[1]}; install flowstitch again."
    )


def schema_root() -> Path:
    """Directory that holds the schemas."""
    return packaged_root("schemas")


@cache
def load_toml(name: str) -> dict[str, Any]:
    """Parsed file ``schemas/<name>.toml``; ``SchemaError`` with the place when it is not TOML."""
    path = schema_root() / f"{name}.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SchemaError(f"{path}: {error}") from error


@cache
def fields() -> dict[str, Field]:
    """Every field of ``schemas/fields.toml`` by name."""
    found = {}
    for name, raw in load_toml("fields").items():
        if raw.get("type") not in FIELD_TYPES:
            raise SchemaError(
                f"fields.toml: [{name}] type: got {raw.get('type')!r}, expected one of {', '.join(FIELD_TYPES)}."
            )
        known = {key: raw[key] for key in ("type", "doc", "unit", "null") if key in raw}
        found[name] = Field(
            name, values=tuple(raw.get("values", ())), example=str(raw.get("example", "")), **known
        )
    return found


def field(name: str) -> Field:
    """Field of that name; ``UsageError`` with the nearest name when there is none."""
    if name not in fields():
        raise unknown_name("field", name, fields())
    return fields()[name]


@cache
def table_names() -> tuple[str, ...]:
    """Names of all tables, sorted."""
    return tuple(sorted(path.stem for path in (schema_root() / "tables").glob("*.toml")))


@cache
def table(name: str) -> Table:
    """Table of that name; ``UsageError`` with the nearest name when there is none."""
    if name not in table_names():
        raise unknown_name("table", name, table_names())
    raw = load_toml(f"tables/{name}")
    return Table(
        name, raw["doc"], raw["grain"], tuple(raw["key"]), tuple(field(item) for item in raw["fields"])
    )
