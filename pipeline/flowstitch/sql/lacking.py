"""What a result of another version lacks, when a query fails for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowstitch import __version__
from flowstitch.catalog import table, table_names
from flowstitch.sql.definitions import library, words_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Tables that ``flowstitch convert`` writes and no run does.
_NOT_OF_RUNS = ("conntrack", "flows", "requests", "ipvs_connections")


def what_is_lacking(query: str, there: Mapping[str, Sequence[str]]) -> list[str]:
    """Tables and columns of today that a query needs and a result does not have, in words.

    Parameters
    ----------
    there : columns of each table of the result.
    """
    words = set(words_of(query))
    for item in reversed(library()):
        if item.makes & words:
            words |= item.words
    wanted = [name for name in table_names() if name in words and name not in _NOT_OF_RUNS]
    lacking = [f"table {name}" for name in wanted if name not in there]
    for name in wanted:
        if name in there:
            columns = [item.name for item in table(name).fields if item.name in words]
            lacking += [f"column {column} of {name}" for column in columns if column not in there[name]]
    return lacking


def lacking_sentence(name: str, manifests: Sequence[Mapping[str, Any]], lacking: Sequence[str]) -> str:
    """What a result lacks, which version made it, and what to do.

    Parameters
    ----------
    name : of the result. manifests : its own, of several results one each. lacking : see ``what_is_lacking``.
    """
    versions = ", ".join(sorted({str(one.get("flowstitch", "of an unknown version")) for one in manifests}))
    head = f"{name}: has no {', no '.join(lacking)}, which this asks for; "
    if versions == __version__:
        return f"{head}flowstitch {versions} made it, which writes that: files are missing. Run it again."
    return (
        f"{head}flowstitch {versions} made it, and this is {__version__}. "
        "Run it again over its exports, or ask it with the version that made it."
    )
