"""What the columns of a log without keys are: by its header, or by their names alone."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from flowstitch.ingest.dialects import dialects, normal_key

if TYPE_CHECKING:
    from collections.abc import Iterable

DELIMITED, QUOTED = "delimited", "quoted"
_NUMBER = re.compile(rb"(?<![\w.-])[0-9]+(?![\w.-])", re.ASCII)


class Layout(NamedTuple):
    """What stands between the values of a line, and the names of its columns in order."""

    separator: str
    names: tuple[str, ...]


def split_values(text: str, separator: str) -> list[str]:
    """Values of a line, each without a pair of quotes around it; a run of blanks is one separator.

    Between quotes a separator is text, and a quote stands twice (RFC 4180); quotes that do not pair are text too.
    """
    if separator != " " and '"' in text:
        try:
            return next(csv.reader([text], delimiter=separator, strict=True))
        except csv.Error:
            pass
    values = text.split(separator)
    if separator == " ":
        # the vendor's own examples have two blanks
        values = [value for value in values if value]
    return [value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value for value in values]


def find_header(dialect: dict[str, Any], text: bytes) -> Layout | None:
    """Layout that a header line gives; None when the line is no header of the dialect.

    Parameters
    ----------
    dialect : of form ``delimited``: a header has all names of its ``match``.
    """
    # every row has numbers, and no name is one; a line of JSON has names in its keys
    if _NUMBER.search(text) or text.lstrip().startswith(b"{"):
        return None
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        return None
    # one of the names is looked for in the whole line: that tells most lines apart before they are split
    if normal_key(dialect["match"][0]) not in decoded.replace("-", "").replace("_", "").casefold():
        return None
    for separator in dialect["separators"]:
        names = split_values(decoded, separator)
        if matches(dialect, names):
            return Layout(separator, tuple(names))
    return None


def matches(dialect: dict[str, Any], names: Iterable[str]) -> bool:
    """Whether the names of columns have all that the dialect's ``match`` asks for."""
    return set(map(normal_key, dialect["match"])) <= set(map(normal_key, names))


def dialect_of_names(form: str, names: Iterable[str]) -> tuple[str, str] | None:
    """(Kind, dialect) of logs of a form that have such columns; None when there is none."""
    known = list(names)
    for name, dialect in dialects(form).items():
        if matches(dialect, known):
            return dialect["kind"], name
    return None
