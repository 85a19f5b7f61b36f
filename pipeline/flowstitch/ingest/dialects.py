"""Dialects of JSON sources, from ``schemas/dialects``."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from flowstitch.catalog.load import load_toml, schema_root
from flowstitch.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowstitch.ingest.model import Source


@cache
def dialects(form: str) -> dict[str, dict[str, Any]]:
    """Dialects that come in a physical form, by name in sorted order.

    Parameters
    ----------
    form : ``json-lines``, ``delimited``, ``quoted``, ``parquet`` or ``json``.
    """
    names = sorted(path.stem for path in (schema_root() / "dialects").glob("*.toml"))
    found = {name: load_toml(f"dialects/{name}") for name in names}
    return {name: dialect for name, dialect in found.items() if form in forms_of(dialect)}


@cache
def longest_windows_us() -> dict[str, int]:
    """Of each dialect of flow logs the longest time over which its rows add up, µs."""
    files = {
        path.stem: load_toml(f"dialects/{path.stem}") for path in (schema_root() / "dialects").glob("*.toml")
    }
    return {
        name: raw["longest_window_s"] * 1_000_000 for name, raw in files.items() if "longest_window_s" in raw
    }


def forms_of(dialect: dict[str, Any]) -> list[str]:
    """Physical forms that a dialect comes in."""
    forms = dialect.get("form", [])
    return [forms] if isinstance(forms, str) else forms


def dialect_of(source: Source, forms: Iterable[str]) -> dict[str, Any]:
    """Dialect of a source, or the only one of its kind when it names none.

    Raises
    ------
    UsageError : there is no such dialect of one of these forms and that kind.
    """
    known = {
        name: dialect
        for form in forms
        for name, dialect in dialects(form).items()
        if dialect["kind"] == source.kind
    }
    name = source.dialect or (next(iter(known)) if len(known) == 1 else "")
    if name not in known:
        raise unknown_name(f"{source.kind} dialect", name, known)
    return known[name]


@lru_cache(1 << 12)
def normal_key(key: str) -> str:
    """Key as it is compared between exporters: without case, ``-`` and ``_``; SLS's own, like ``__time__``, as it is."""
    return key if key.startswith("__") else key.replace("-", "").replace("_", "").casefold()
