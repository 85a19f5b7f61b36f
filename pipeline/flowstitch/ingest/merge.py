"""Sources read from files and sources restored from tables, brought together: each counts once, under its own name."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from flowstitch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns
    from flowstitch.ingest.model import Account, Source
    from flowstitch.normalize.columns import Pools


@dataclass
class SourceRows:
    """What was read of a source.

    Attributes
    ----------
    parts : its rows in order, columns of the table of its kind; none for inventory.
    copies : files of the same content, which do not count again.
    """

    source: Source
    account: Account
    parts: Sequence[Columns] = ()
    copies: list[str] = field(default_factory=list)


def merge_sources(
    read: Sequence[SourceRows], restored: Sequence[SourceRows], pools: Pools
) -> list[SourceRows]:
    """Bring sources together.

    Parameters
    ----------
    read : of files, their names are unique.
    restored : of tables; ``source.path`` is the directory that the tables were in.

    Returns
    -------
    All sources in order of their names. A restored source that has the rows of another one becomes a copy of that;
    one that has only its name gets another name, by the directories it was restored from.
    """
    kept = [*read]
    alike = defaultdict(list)
    for item in kept:
        alike[_likeness(item)].append(item)
    for item in restored:
        others = alike[_likeness(item)]
        same = next((other for other in others if _same_rows(item, other)), None)
        if same is None:
            kept.append(item)
            others.append(item)
        else:
            same.copies += [_longer_name(item.source, 1), *item.copies]
    _tell_apart(kept, len(read), pools)
    return sorted(kept, key=lambda item: item.source.name)


def _likeness(item: SourceRows) -> tuple[object, ...]:
    source, account = item.source, item.account
    reasons = (sorted(account.skipped.items()), sorted(account.rejected.items()))
    return source.kind, source.dialect, source.node, source.size_bytes, account.parsed, str(reasons)


def _same_rows(item: SourceRows, other: SourceRows) -> bool:
    """Whether two sources have the same rows, at least one; inventory cannot tell, and counts once in any case."""
    if not item.parts or not other.parts:
        return False
    return all(
        np.array_equal(_column(item, name), _column(other, name))
        for name in item.parts[0]
        if name != "source"
    )


def _column(item: SourceRows, name: str) -> NDArray[Any]:
    column: NDArray[Any] = np.concatenate([part[name] for part in item.parts])
    return column


def _tell_apart(items: Sequence[SourceRows], fixed: int, pools: Pools) -> None:
    """Give restored sources other names where two have the same; the first ``fixed`` items keep theirs."""
    wanted = {place: item.source for place, item in enumerate(items) if place >= fixed}
    more = 1
    while (taken := Counter(item.source.name for item in items)).total() > len(taken):
        for place, source in wanted.items():
            item = items[place]
            if taken[item.source.name] > 1:
                longer = _longer_name(source, more)
                if longer == item.source.name:
                    raise UsageError(f"{longer}: two files have this name; read their exports apart.")
                item.source = replace(source, name=longer)
                for part in item.parts:
                    part["source"][:] = pools.names.code(longer)
        more += 1


def _longer_name(source: Source, folders: int) -> str:
    parts = source.path.parts[1:]
    return "/".join([*parts[-folders:], source.name])
