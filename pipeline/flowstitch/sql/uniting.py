"""Several results as one: what reads each table of all of them, and tells once what several tell.

A result is later than another when the last row that it has read is later, else when it was named later. Of what several tell:

- a path is the one that saw its last packet last, then that of the latest result; its segments are of that result, its observations of all;
  a path is the same by its ``path_id``, and where results saw other beginnings of a connection that goes on, by its ``flow_key`` at the same time;
- a row of a source that several have read is on a path where one of them found it there, else as the latest has it;
- anything else is one row per key of its table, the latest.

A source is the same when name, kind, size and number of rows are; others of one name get the directory of their result before it.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowstitch import __version__
from flowstitch.catalog import TABLES_VERSION, table
from flowstitch.errors import UsageError
from flowstitch.runner.layout import ALL, ELSEWHERE, MANIFEST, OUTSIDE
from flowstitch.sql.tables import pattern, results_in, tables_in
from flowstitch.sql.texts import parquet_source, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

_HERE = Path(__file__).parent / "united"
# What results that are opened together have in common.
_VERSIONS = ("flowstitch", "tables_version")
# Tables whose rows recur only where results have read the same source.
_READ = ("lb_requests", "lb_connections", "rejects", "unmatched", "observations", "sources")
_OF_PATHS = ("datapaths", "segments")
# Files of ``united`` that tell the rows of a table once; any other table has one row per key.
_FORMS = {
    "datapaths": "of_paths",
    "segments": "of_paths",
    "observations": "observations",
    "unmatched": "unmatched",
    "sources": "sources",
}


def results_of(paths: Sequence[Path]) -> list[Path]:
    """The results that directories are or consist of, each once.

    Raises
    ------
    UsageError when one is not a result, its manifest cannot be read, or its tables are of a later version;
    when they cannot be opened together: another version has made it, or it has other tables, or not all its observations.
    """
    found = {one.resolve(): one for path in paths for one in results_in(path)}
    manifests = {one: manifest_of(one) for one in found.values()}
    first, *others = manifests
    expected = manifests[first]
    if others:
        _check_whole(first, expected)
    for other in others:
        got = manifests[other]
        _check_whole(other, got)
        for name in _VERSIONS:
            if got.get(name) != expected.get(name):
                raise UsageError(
                    f"{other}: has {name} {got.get(name)}, and {first} has {expected.get(name)}; results are opened together when "
                    "one version has made them, run the older one again."
                )
        differ = set(tables_in(first)) ^ set(tables_in(other))
        if differ:
            raise UsageError(
                f"{other}: only one of it and {first} has {', '.join(sorted(differ))}; results are opened together when they "
                "have the same tables, run the older one again."
            )
    return [first, *others]


def _check_whole(result: Path, manifest: Mapping[str, Any]) -> None:
    if manifest.get("options", {}).get("observations", ALL) != ALL:
        raise UsageError(
            f"{result}: was made with --observations unmatched, and by the rows of its paths a result tells what others tell too; "
            "open it alone, or run it again without."
        )


def read_tables(
    connection: duckdb.DuckDBPyConnection, results: Sequence[Path], schema: str
) -> dict[str, str]:
    """What reads each table of results in SQL, of several as if they were one.

    Parameters
    ----------
    results : see ``results_of``.
    schema : of the database ``memory``, for what is known of several; it must not be there yet.
    """
    names = tables_in(results[0])
    if len(results) == 1:
        return {name: parquet_source(pattern(results[0], name)) for name in names}
    return _unite(connection, results, names, f"memory.{schema}")


def manifest_of(directory: Path) -> dict[str, Any]:
    """What the manifest of a result says.

    Raises
    ------
    UsageError when it cannot be read, is none, or tells of a later version of the tables.
    """
    try:
        known = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{directory / MANIFEST}: cannot be read ({error}); run it again.") from error
    version = str(known.get("tables_version")) if isinstance(known, dict) else ""
    if not version.isdecimal():
        raise UsageError(f"{directory / MANIFEST}: is no manifest of a result; run it again.")
    if int(version) > int(TABLES_VERSION):
        raise UsageError(
            f"{directory}: has tables_version {version}, and flowstitch {__version__} knows those up to {TABLES_VERSION}; "
            "ask it with the version that made it, or run it again over its exports."
        )
    return known


def _unite(
    connection: duckdb.DuckDBPyConnection, results: Sequence[Path], names: Sequence[str], home: str
) -> dict[str, str]:
    """What reads each table; where nothing recurs, its files as they are."""
    connection.execute(f"create schema {home}")
    connection.execute(
        f"create macro {home}.result_of(file) as parse_dirpath(parse_dirpath(file, 'forward_slash'), 'forward_slash')"
    )
    connection.execute(f"create table {home}.results (directory varchar, label varchar, place integer)")
    connection.executemany(f"insert into {home}.results values (?, ?, ?)", _labelled(results))
    read = {name: parquet_source(*(pattern(one, name) for one in results)) for name in names}
    named = {name: f"{source[:-1]}, filename = true)" for name, source in read.items()}
    connection.execute(
        _text("helpers").format(schema=home, sources=named["sources"], datapaths=named["datapaths"])
    )
    known = {
        name: _any(connection, f"{home}.{name}") for name in ("renamed", "continued", "shared", "recurring")
    }
    told = {}
    for name in names:
        recur = known["recurring"] if name in _OF_PATHS else name not in _READ or any(known.values())
        if not recur:
            told[name] = read[name]
            continue
        connection.execute(f"create view {home}.{name} as {_rows(name, named[name], home, known)}")
        told[name] = f"({_told(name, home)})"
    return told


def _labelled(results: Sequence[Path]) -> list[tuple[str, str, int]]:
    """The directory of each result, what tells it from the others, and its number."""
    whole = [str(result.absolute()) for result in results]
    above = os.path.commonpath(whole)
    return [(one, os.path.relpath(one, above), place) for place, one in enumerate(whole)]


def _any(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    return bool(connection.execute(f"from {name} limit 1").fetchall())


def _rows(name: str, source: str, home: str, known: Mapping[str, bool]) -> str:
    """All rows of a table, by the names that hold for all results, with the directory of their result and its place among the others."""
    columns = {item.name for item in table(name).fields}
    rows = f"select t.* exclude (filename), r.directory, r.place from {source} as t join {home}.ordered as r on r.directory = {home}.result_of(t.filename)"
    if known["renamed"] and "source" in columns:
        rows = f"select * exclude (told) replace (coalesce(told, source) as source) from ({rows}) left join {home}.renamed using (directory, source)"
    if known["continued"] and "path_id" in columns:
        began = ", coalesce(began_at, first_seen) as first_seen" if name == "datapaths" else ""
        rows = (
            f"select * exclude (told_as, began_at) replace (coalesce(told_as, path_id) as path_id{began}) "
            f"from ({rows}) left join {home}.continued using (path_id)"
        )
    if known["continued"] and "path_ids" in columns:
        rows = (
            "select * exclude (heard) replace (list_sort(list_transform(path_ids, lambda id: coalesce(heard[id], id))) as path_ids) "
            f"from ({rows}), (select map(list(path_id), list(told_as)) as heard from {home}.continued)"
        )
    return rows


def _told(name: str, home: str) -> str:
    """Query of a table that tells each thing once."""
    form = _FORMS.get(name, "keyed")
    return _text(form).format(
        schema=home, table=name, key=", ".join(table(name).key),
        elsewhere=f"({', '.join(map(quoted, ELSEWHERE))})", outside=quoted(OUTSIDE),
    )  # fmt: skip


@cache
def _text(name: str) -> str:
    return (_HERE / f"{name}.sql").read_text(encoding="utf-8")
