"""Lists of a cluster at several times, put together: from when to when each object was what they show.

What is known of an object is that it stood in one list and not in another. So a row begins where the object says that it
does, if that is later than the last list without it, and else with the first list that has it; it ends where the object
says so, if that is not later than the first list without it, and else with the last list that has it. In between nobody
knows whether it was there. Where an object changed from one list to the next, what both say alike holds in between, and
the rest is null.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from flowstitch.catalog.load import table as table_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowstitch.ingest.model import Inventory

    Row = dict[str, Any]
    Identity = tuple[Any, ...]
    Scope = tuple[str, str, str]

# Columns that say of which object a row is. The ports of a service are one object: they change together.
_OBJECT = {
    "pods": ("namespace", "name"),
    "services": ("namespace", "name"),
    "nodes": ("name",),
    "endpoints": ("service", "protocol", "port", "port_name", "endpoint_ip"),
}
# What changes of an object without making it another answer; the last list has the last word.
_DESCRIPTIONS = frozenset({"phase", "valid_from", "valid_to"})


class Taken(NamedTuple):
    """What a file says of one object: its rows of a table, its namespace ('' if it is in none), name and creation time, µs."""

    table: str
    namespace: str
    name: str
    made: int | None
    rows: list[Row]


@dataclass
class Dump:
    """Objects of a file, in its order.

    Attributes
    ----------
    taken_at : when the file was made, µs; None when that is not known. node : the node whose file it is, '' when it is of none.
    values : JSON values of the file. lists : those of them that are whole lists.
    """

    taken_at: int | None
    node: str = ""
    objects: list[Taken] = field(default_factory=list)
    values: int = 0
    lists: int = 0


@dataclass
class Snapshot:
    """What stood in the cluster at a time.

    Attributes
    ----------
    taken_at : µs.
    seen : the rows of each object by scope: table, node whose file it was in ('' if it was none's), namespace.
    whole : scopes of which every object is in ``seen``.
    """

    taken_at: int
    seen: dict[Scope, dict[Identity, list[Row]]] = field(default_factory=dict)
    whole: set[Scope] = field(default_factory=set)


def keep(dump: Dump, inventory: Inventory, *, lines: int, intact: bool) -> None:
    """Add the objects of a file to the inventory: as a snapshot if the file is one.

    A file without a time is none. Nor is a stream of objects (``kubectl get --watch``), whose changes have no times: it has
    an object twice, or several objects that do not stand one a line. A file that holds one object alone, a page of a
    list, or a file of which not everything could be read, does not tell what was not there. Others do, for each kind
    and namespace of which they have an object; the file of one node does not for the objects in the files of another.

    Parameters
    ----------
    lines : lines of the file that are not blank.
    intact : everything in the file could be read.
    """
    named = {(taken.table, taken.namespace, taken.name) for taken in dump.objects}
    listed = dump.lists == dump.values
    by_line = dump.lists == 0 and dump.values in {1, lines} and len(named) == len(dump.objects)
    if dump.taken_at is None or not (listed or by_line):
        for taken in dump.objects:
            inventory.tables[taken.table] += taken.rows
        return
    snapshot = _snapshot(dump, dump.taken_at, inventory.snapshots[-1:])
    if intact and (listed or dump.values > 1):
        snapshot.whole.update(snapshot.seen)
    inventory.snapshots.append(snapshot)


def settle(inventory: Inventory) -> None:
    """Turn the snapshots of an inventory into rows of its tables.

    What files without a time say of an object does not count where a snapshot has it.
    """
    moments = _moments(inventory.snapshots)
    inventory.snapshots.clear()
    settled: dict[str, list[Row]] = {table: [] for table in _OBJECT}
    for scope in sorted({scope for moment in moments for scope in moment.seen}):
        settled[scope[0]] += _settle_scope(scope, moments)
    for table, rows in settled.items():
        dated = {_object(table, row) for row in rows}
        others = inventory.tables[table]
        others[:] = [row for row in others if not row["undated"] or _object(table, row) not in dated]
        others += rows


def _object(table: str, row: Row) -> Identity:
    return tuple(row[name] for name in _OBJECT[table])


def _snapshot(dump: Dump, taken_at: int, before: Sequence[Snapshot]) -> Snapshot:
    snapshot = Snapshot(taken_at)
    for taken in dump.objects:
        scope = (taken.table, dump.node, taken.namespace)
        seen = snapshot.seen.setdefault(scope, {})
        rows: dict[Identity, list[Row]] = {}
        for row in taken.rows:
            rows.setdefault((*_object(taken.table, row), taken.made), []).append(row)
        for identity, of_object in rows.items():
            # most of a cluster stays as it is: one copy is enough
            known = [one.seen.get(scope, {}).get(identity) for one in before]
            seen[identity] = next((same for same in known if same == of_object), of_object)
    return snapshot


def _moments(snapshots: Iterable[Snapshot]) -> list[Snapshot]:
    """Snapshots in order of time, those of one time as one."""
    moments: dict[int, Snapshot] = {}
    for snapshot in snapshots:
        moment = moments.setdefault(snapshot.taken_at, Snapshot(snapshot.taken_at))
        for scope, objects in snapshot.seen.items():
            moment.seen.setdefault(scope, {}).update(objects)
        moment.whole |= snapshot.whole
    return [moments[taken_at] for taken_at in sorted(moments)]


def _settle_scope(scope: Scope, moments: Iterable[Snapshot]) -> Iterator[Row]:
    telling = [(one.taken_at, one.seen[scope], scope in one.whole) for one in moments if scope in one.seen]
    for identity in dict.fromkeys(identity for _, objects, _ in telling for identity in objects):
        states = [
            (at, objects.get(identity)) for at, objects, whole in telling if whole or identity in objects
        ]
        yield from _settle_object(scope[0], _stretches(states))


@dataclass
class _Stretch:
    """Times of lists that say the same of an object: its rows as the last of them has them, or None if it is in none."""

    rows: list[Row] | None
    first: int
    last: int


def _stretches(states: Iterable[tuple[int, list[Row] | None]]) -> list[_Stretch]:
    found: list[_Stretch] = []
    for at, rows in states:
        if found and (found[-1].rows is rows or _facts(found[-1].rows) == _facts(rows)):
            found[-1].rows, found[-1].last = rows, at
        else:
            found.append(_Stretch(rows, at, at))
    return found


def _facts(rows: list[Row] | None) -> list[Row] | None:
    if rows is None:
        return None
    return [{name: value for name, value in row.items() if name not in _DESCRIPTIONS} for row in rows]


def _settle_object(table: str, stretches: list[_Stretch]) -> Iterator[Row]:
    around = zip([None, *stretches], stretches, [*stretches[1:], None], strict=False)
    dated = [[_dated(row, before, this, after) for row in this.rows or ()] for before, this, after in around]
    for (this, rows), (after, later) in pairwise(zip(stretches, dated, strict=True)):
        yield from _between(table, rows, later, this.last + 1, after.first)
    for rows in dated:
        yield from (row for row in rows if len(dated) == 1 or not _is_empty(row))


def _dated(row: Row, before: _Stretch | None, this: _Stretch, after: _Stretch | None) -> Row:
    begin, end = row["valid_from"], row["valid_to"]
    if before is not None and (begin is None or begin <= before.last):
        begin = this.first
    if after is not None and (end is None or end > after.first):
        end = this.last + 1  # half-open: the list itself is within
    if begin is not None and (before is not None or after is not None):
        begin = min(begin, this.first)  # clocks differ; the list has it
    return row | {"valid_from": begin, "valid_to": end}


def _is_empty(row: Row) -> bool:
    return None not in (row["valid_from"], row["valid_to"]) and row["valid_from"] >= row["valid_to"]


def _between(table: str, rows: list[Row], later: list[Row], begin: int, end: int) -> Iterator[Row]:
    """Rows that hold between two lists.

    Parameters
    ----------
    rows, later : rows of an object around the time between, none on the side where it is in no list.
    begin, end : the time, from behind the one list to the other, µs.
    """
    if rows and later:
        key = [name for name in table_of(table).key if name != "valid_from"]
        others = {tuple(row[name] for name in key): row for row in later}
        for row in rows:
            other = others.get(tuple(row[name] for name in key))
            if other is not None and row["valid_to"] == begin:
                ends = (other["valid_from"], other["valid_to"])
                alike = {name: _alike(value, other[name]) for name, value in row.items()}
                yield from _unless_empty(alike, begin, min(one for one in ends if one is not None))
        return
    for row in rows or later:
        # of all tables this one alone is asked for what is not in it
        unknown = table == "endpoints" and row["ready"]
        if unknown and (row["valid_to"] == begin if rows else row["valid_from"] == end):
            yield from _unless_empty(row | {"ready": None}, begin, end)


def _alike(value: object, other: object) -> object:
    if value == other:
        return value
    if isinstance(value, list) and isinstance(other, list):
        return sorted(set(value) & set(other))
    return None


def _unless_empty(row: Row, begin: int, end: int) -> Iterator[Row]:
    if begin < end:
        yield row | {"valid_from": begin, "valid_to": end}
