"""Which files an export has, and what is known of each before its rows are read."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from flowstitch.catalog.load import load_toml
from flowstitch.errors import UsageError
from flowstitch.ingest.content import read_head
from flowstitch.ingest.layouts import DELIMITED, dialect_of_names
from flowstitch.ingest.model import ROW_KINDS, Source
from flowstitch.ingest.places import File, find_files
from flowstitch.ingest.sniff import CANONICAL_TABLE, Sniffed, sniff
from flowstitch.normalize.columns import LAST_TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowstitch.ingest.places import Place

# Two nodes can well have the same rules or settings; the same log twice is a copy.
_PER_NODE = frozenset({"ipvs-rules", "ip-addr", "ip-rule", "ip-route", "ip-link", "sysctl"})
# The same list at two times says that nothing has changed.
_PER_TIME = frozenset({"kubernetes"})
_EPOCH = re.compile(r"(?<![0-9A-Za-z])([1-9]\d{9})(?:\.(\d{1,6}))?(?![0-9A-Za-z])")
_ISO = re.compile(
    r"(?<!\d)(\d{4})-?([01]\d)-?([0-3]\d)[T_ -]([0-2]\d)[:-]?([0-5]\d)[:-]?([0-5]\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d:?\d\d)?(?!\d)"
)
# Objects whose heads are asked for at the same time: what takes long is the way there and back.
_OBJECTS_AT_ONCE = 16


@dataclass
class Discovery:
    """The files of an export.

    Attributes
    ----------
    sources : in order of their names, which are unique.
    duplicates : (name of a dropped file, name of the file that has the same content).
    notes : by name of a source, what the reader should know of it.
    unreadable : names of the sources that could not be opened, or are damaged before it shows what they are.
    dataplanes : patterns of nodes and their data planes, as ``export.toml`` has them.
    """

    sources: list[Source] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    dataplanes: list[tuple[str, str]] = field(default_factory=list)


def discover(exports: Sequence[str], *, exclude: Path | None = None) -> Discovery:
    """Find and classify the files of exports.

    Parameters
    ----------
    exports : see ``find_files``.
    exclude : a directory to pass over, the output.

    Returns
    -------
    Discovery. The node of a file is the last ``nodes/<node>/`` or ``node=<node>`` of its path, but of an external cache of
    conntrackd(8), its time the only epoch or ISO stamp of its name; ``export.toml`` overrides both, and kind and dialect. Of files of the same
    content one counts, first of all one that names its node.

    Raises
    ------
    UsageError : see ``find_files``; or no file is of a known kind.
    FlowstitchError : see ``find_files``.
    """
    files = find_files(exports, exclude=exclude)
    told = (rule for file in files for rule in file.override.dataplanes)
    discovery = Discovery(dataplanes=list(dict.fromkeys(told)))
    sources = []
    for file, seen in zip(files, _look_into(files), strict=True):
        if seen.sniffed.note:
            discovery.notes[file.name] = seen.sniffed.note
        if not seen.readable:
            discovery.unreadable.add(file.name)
        sources.append(_source(file, seen))
    sources.sort(key=lambda source: source.name)
    _drop_duplicates(sources, discovery)
    if all(source.kind == "unknown" for source in discovery.sources) and not discovery.unreadable:
        notes = discovery.notes
        names = [
            f"{source.name}: {notes[source.name]}" if source.name in notes else source.name
            for source in discovery.sources
        ]
        shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        message = f"{_listed(exports)}: none of its files is of a known kind ({shown}); name the kind in export.toml."
        raise UsageError(message)
    return discovery


def node_of(path: PurePath) -> str:
    """Node that a file's path names: the last directory ``node=<node>`` or below ``nodes``; '' when there is none."""
    node = ""
    folders = path.parts[:-1]
    for parent, folder in zip(("", *folders), folders, strict=False):
        if folder.startswith("node=") and folder != "node=":
            node = folder.removeprefix("node=")
        elif parent == "nodes":
            node = folder
    return node


def taken_at_of(name: str, zone: str = "") -> int | None:
    """Time in a file's name, in microseconds since the epoch; None when it has none, or two that differ.

    Parameters
    ----------
    name : for example ``conntrack-list.1795394843.871.txt.gz`` or ``pods-20261123T004723Z.json``.
    zone : IANA zone for an ISO stamp that names none; without it such a stamp does not count.
    """
    found = {_micros(match[1], match[2]) for match in _EPOCH.finditer(name)}
    for match in _ISO.finditer(name):
        stamp = _iso_micros(match, zone)
        if stamp is not None:
            found.add(stamp)
    return found.pop() if len(found) == 1 else None


def _micros(seconds: str | int, fraction: str | None) -> int:
    return int(seconds) * 1_000_000 + int((fraction or "0").ljust(6, "0"))


def _iso_micros(match: re.Match[str], zone: str) -> int | None:
    *parts, fraction, offset = match.groups()
    if not offset and not zone:
        return None
    try:
        local = datetime.strptime("".join(parts) + (offset or "+0000"), "%Y%m%d%H%M%S%z")
        if not offset:
            local = local.replace(tzinfo=ZoneInfo(zone))
    except ValueError:
        return None
    epoch = local - datetime(1970, 1, 1, tzinfo=UTC)
    micros = _micros(epoch.days * 86400 + epoch.seconds, fraction)
    return micros if 0 <= micros <= LAST_TIME else None


class _Seen(NamedTuple):
    """What a file is by its head, whether it could be read, and whether it has the entries of other nodes."""

    sniffed: Sniffed
    readable: bool = True
    external: bool = False


def _look_into(files: Sequence[File]) -> list[_Seen]:
    if all(isinstance(file.place, Path) for file in files):
        return [_look(file) for file in files]
    with ThreadPoolExecutor(_OBJECTS_AT_ONCE) as pool:
        return list(pool.map(_look, files))


def _look(file: File) -> _Seen:
    damage: list[str] = []
    try:
        head = read_head(file.place, warn=damage.append)
        sniffed = sniff(head, file.place)
    except OSError as error:
        return _Seen(
            Sniffed("unknown", "", f"the file cannot be read: {error.strerror or error}."), readable=False
        )
    if damage and sniffed.kind == "unknown":
        # readers of known kinds come upon the damage themselves
        return _Seen(Sniffed("unknown", "", damage[0]), readable=False)
    return _Seen(sniffed, external=sniffed.kind == "conntrack-list" and _is_external(file, head))


def _is_external(file: File, head: bytes) -> bool:
    """Whether a conntrack list is that of an external cache of conntrackd(8), by its name or what stands in it."""
    known = load_toml("dialects/conntrack")["external"]
    return bool(re.search(known["name"], file.given.name) or re.search(known["part"].encode(), head))


def _source(file: File, seen: _Seen) -> Source:
    override, sniffed = file.override, seen.sniffed
    if sniffed.kind == CANONICAL_TABLE:
        # it says itself what it is
        override = replace(override, kind=None, dialect=None)
    kind, dialect = sniffed.kind, sniffed.dialect
    by_columns = dialect_of_names(DELIMITED, override.columns)
    if by_columns is not None and override.kind is None:
        kind, dialect = by_columns
    if override.kind is not None:
        # text or XML, whatever of the two it tells of
        alike = override.kind == kind or ROW_KINDS.get(kind, "") == ROW_KINDS.get(override.kind)
        dialect = dialect if alike else override.default_dialect
        kind = override.kind
    return Source(
        path=file.place,
        name=file.name,
        size_bytes=file.size_bytes,
        kind=kind,
        dialect=dialect if override.dialect is None else override.dialect,
        node=_node(file, external=seen.external) if override.node is None else override.node,
        taken_at=taken_at_of(file.given.name, override.timezone)
        if override.taken_at is None
        else override.taken_at,
        timezone=override.timezone,
        columns=override.columns,
        delimiter=override.delimiter,
        external=seen.external,
    )


def _node(file: File, *, external: bool) -> str:
    # the entries of an external cache are those of nodes that nothing names
    return "" if external else node_of(PurePath(file.name)) or node_of(file.given)


def _drop_duplicates(sources: Sequence[Source], discovery: Discovery) -> None:
    same_size = defaultdict(list)
    for source in sources:
        # tables of two conversions can well be equal, and each is needed to read its own
        if source.size_bytes and source.kind != CANONICAL_TABLE:
            same_size[source.size_bytes].append(source)
    first: dict[tuple[str, str, int | None], Source] = {}
    dropped: dict[str, str] = {}
    for alike in same_size.values():
        # a copy that names its node says more
        for source in sorted(alike, key=lambda source: source.node == "") if len(alike) > 1 else []:
            key = (
                _digest(source.path),
                source.node if source.kind in _PER_NODE else "",
                source.taken_at if source.kind in _PER_TIME else None,
            )
            original = first.setdefault(key, source)
            if original is not source:
                dropped[source.name] = original.name
    discovery.sources = [source for source in sources if source.name not in dropped]
    discovery.duplicates = sorted(dropped.items())


def _digest(path: Place) -> str:
    digest = hashlib.blake2b(digest_size=32)
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError:
        # no content, no twin
        return str(path)
    return digest.hexdigest()


def _listed(exports: Sequence[str]) -> str:
    return ", ".join(map(str, exports))
