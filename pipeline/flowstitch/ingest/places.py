"""Which files the EXPORTs of a command name: directories, files, globs, lists of them, object stores, and what is piped in."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol

from flowstitch.errors import UsageError
from flowstitch.ingest.overrides import EXPORT_TOML, Override, Overrides, read_overrides
from flowstitch.runner.layout import CONVERT_MANIFEST, MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowstitch.ingest.objects import Store

STDIN, LIST_MARK = "-", "@"
OBJECT_STORES = ("s3://", "oss://")
GLOB = re.compile(r"[*?\[]")
_MAX_LIST_BYTES = 1 << 26


class Place(Protocol):
    """Where the bytes of a source are: what a ``pathlib.Path`` and an object of a store have in common."""

    @property
    def name(self) -> str:
        """Last of ``parts``."""
        ...

    @property
    def parts(self) -> tuple[str, ...]:
        """Names from the root on."""
        ...

    @property
    def parent(self) -> Place:
        """The directory; it cannot be opened."""
        ...

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """Open it anew, at its start; ``OSError`` when it cannot be read."""
        ...


@dataclass(frozen=True)
class File:
    """A file of an export.

    Attributes
    ----------
    place : its bytes; equal for one file, whichever way it was found.
    name : relative to the EXPORT it was found in, with ``/``.
    given : its path as the EXPORT gave it, for what folders say of a file.
    size_bytes : as stored.
    override : what ``export.toml`` of the EXPORT says of it.

    Bytes of names that are not UTF-8 are written out in ``name`` and ``given``.
    """

    place: Place
    name: str
    given: PurePath
    size_bytes: int
    override: Override = field(default_factory=Override)


def find_files(exports: Sequence[str], *, exclude: Path | None = None) -> list[File]:
    """Find the files of exports; each counts once, and their names are unique.

    Parameters
    ----------
    exports : directories (searched recursively), files, globs, ``@`` and a file that has one of these per line, ``-`` for
        what is piped in, and objects, prefixes and globs of object stores. Passed over in directories, globs and
        prefixes: symbolic links, what is no regular file, hidden files, ``export.toml``, results of earlier runs, and the
        manifest beside converted tables.
    exclude : a directory to pass over, the output.

    Raises
    ------
    UsageError : there is no such file, directory, bucket or object, or nothing in it; ``export.toml`` is wrong.
    FlowstitchError : an object store cannot be reached, or there is no room for what is piped in.
    """
    finder = _Finder(None if exclude is None else exclude.resolve())
    found: dict[Place, File] = {}
    for export in dict.fromkeys(exports):
        for file in finder.expand(export):
            found.setdefault(file.place, file)
    return _tell_apart(list(found.values()))


def select(files: Iterable[File], overrides: Overrides) -> Iterator[File]:
    """Files below one root in order of their names, each with its override; without those that flowstitch has written.

    Left out are ``export.toml`` of the root, results of earlier runs, and the manifest beside converted tables.
    """
    kept = sorted(files, key=lambda file: file.name)
    names = [file.name for file in kept]
    manifests = _directories(names, CONVERT_MANIFEST, "sources")
    results = _directories(names, MANIFEST, "datapaths") - {""}
    ours = {EXPORT_TOML, *(f"{folder}/{CONVERT_MANIFEST}".lstrip("/") for folder in manifests)}
    for file in kept:
        above = (file.name[: slash.start()] for slash in re.finditer("/", file.name))
        if file.name not in ours and results.isdisjoint(above):
            yield replace(file, override=overrides.of(file.name))


def _directories(names: Iterable[str], file: str, folder: str) -> set[str]:
    """Directories, '' for the root, that have a file of one name, and something in a directory of another."""
    parts = [name.split("/") for name in names]
    with_file = {"/".join(path[:-1]) for path in parts if path[-1] == file}
    return with_file & {
        "/".join(path[:depth]) for path in parts for depth, name in enumerate(path[:-1]) if name == folder
    }


@dataclass
class _Finder:
    """Finds files; ``out`` is passed over, the rest is what was read or opened so far."""

    out: Path | None
    overrides: dict[Path, Overrides] = field(default_factory=dict)
    stores: dict[str, Store] = field(default_factory=dict)

    def expand(self, export: str) -> Iterator[File]:
        """Files of an EXPORT."""
        if not export.startswith(LIST_MARK):
            yield from self._one(export)
            return
        for number, line in _lines(export.removeprefix(LIST_MARK)):
            try:
                yield from self._one(line)
            except UsageError as error:
                raise UsageError(f"{export}, line {number}: {error}") from error

    def _one(self, export: str) -> Iterator[File]:
        if export == STDIN:
            from flowstitch.ingest.piped import Piped  # noqa: PLC0415 - seldom needed

            place = Piped(_stdin())
            yield File(place, place.name, PurePath(place.name), place.size_bytes)
        elif export.startswith(OBJECT_STORES):
            from flowstitch.ingest.objects import find_objects  # noqa: PLC0415 - brings pyarrow

            yield from find_objects(export, self.stores)
        else:
            try:
                yield from self._local(export, Path(export))
            except OSError as error:
                raise UsageError(f"{export}: cannot be read: {error.strerror or error}.") from error

    def _local(self, export: str, path: Path) -> Iterator[File]:
        if export and path.is_dir():
            yield from self._directory(path)
        elif path.is_file():
            file = _file(path, path.name)
            # a shell's own glob names the manifest too
            if path.name != CONVERT_MANIFEST or not (path.parent / "sources").is_dir():
                yield replace(file, override=self._overrides(path.parent).of(file.name))
        elif export and path.exists():
            raise UsageError(
                f"{export}: got a pipe, socket or device, expected a file or directory; pipe it to '-'."
            )
        elif GLOB.search(export):
            yield from self._matches(path)
        else:
            raise UsageError(f"there is no file or directory {export!r}.")

    def _directory(self, root: Path) -> Iterator[File]:
        files = list(select(self._scan(root, ""), self._overrides(root)))
        if not files:
            raise UsageError(f"{root}: got a directory without any file to read, expected exports in it.")
        yield from files

    def _matches(self, pattern: Path) -> Iterator[File]:
        fixed = next(depth for depth, part in enumerate(pattern.parts) if GLOB.search(part))
        root = Path(*pattern.parts[:fixed])
        found: list[File] = []
        try:
            for match in root.glob(str(Path(*pattern.parts[fixed:]))):
                name = match.relative_to(root).as_posix()
                if match.is_symlink() or is_hidden(name):
                    continue
                if match.is_dir():
                    found += self._scan(match, f"{name}/") if match.resolve() != self.out else ()
                elif match.is_file():
                    found.append(_file(match, name))
        except ValueError as error:
            raise UsageError(f"{pattern}: got what is no glob: {error}.") from error
        if not found:
            raise UsageError(f"no file matches {str(pattern)!r}.")
        yield from select(found, self._overrides(root))

    def _scan(self, root: Path, prefix: str) -> Iterator[File]:
        """Files below a directory; a directory in it that cannot be read stands for itself."""
        real, folders = root.resolve(), [""]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(real / folder) as listing:
                    entries = [entry for entry in listing if not entry.name.startswith(".")]
            except OSError:
                if not folder:
                    raise
                yield File(real / folder, shown(f"{prefix}{folder}/"), PurePath(shown(str(root / folder))), 0)
                continue
            for entry in entries:
                name = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    folders += [name] if real / name != self.out else []
                elif entry.is_file(follow_symlinks=False):
                    given = PurePath(shown(f"{root}/{name}"))
                    yield File(real / name, shown(prefix + name), given, _size(entry))

    def _overrides(self, root: Path) -> Overrides:
        if root not in self.overrides:
            path = root / EXPORT_TOML
            self.overrides[root] = read_overrides(path) if path.is_file() else Overrides()
        return self.overrides[root]


def shown(name: str) -> str:
    r"""A name with the bytes that are not UTF-8 written out (``\xff``), as tables, JSON and messages can hold it."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def is_hidden(name: str) -> bool:
    """Whether a name or a folder in it begins with a dot."""
    return any(part.startswith(".") for part in name.split("/"))


def _file(path: Path, name: str) -> File:
    return File(path.resolve(), shown(name), PurePath(shown(str(path))), path.stat().st_size)


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:
        # gone meanwhile; whoever opens it will say so
        return 0


def _stdin() -> BinaryIO:
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(f"{STDIN!r}: got a terminal, expected something piped in.")
    return sys.stdin.buffer


def _lines(path: str) -> Iterator[tuple[int, str]]:
    """Lines of a list of EXPORTs with their numbers; blank ones do not count."""
    try:
        with nullcontext(_stdin()) if path == STDIN else Path(path).open("rb") as file:
            raw = file.read(_MAX_LIST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{LIST_MARK}{path}: cannot be read: {error.strerror or error}.") from error
    if len(raw) > _MAX_LIST_BYTES:
        raise UsageError(
            f"{LIST_MARK}{path}: got more than {_MAX_LIST_BYTES >> 20} MiB, expected one path per line."
        )
    lines = [(number, os.fsdecode(line.rstrip(b"\r"))) for number, line in enumerate(raw.split(b"\n"), 1)]
    if not any(line for _, line in lines):
        raise UsageError(f"{LIST_MARK}{path}: got nothing, expected one path per line.")
    return ((number, line) for number, line in lines if line)


def _tell_apart(files: list[File]) -> list[File]:
    """Give files of one name other names, by the folders above them."""
    names = [file.name for file in files]
    for more in range(1, max((len(file.place.parts) for file in files), default=0)):
        taken = Counter(names)
        if len(taken) == len(names):
            break
        for number, file in enumerate(files):
            if taken[names[number]] > 1:
                parts = file.place.parts[-(file.name.count("/") + 1 + more) :]
                names[number] = shown("/".join(parts).lstrip("/"))
    # folders do not tell what is not UTF-8 from a file that is called as it is written out
    taken = Counter(names)
    for number, file in enumerate(files):
        if taken[names[number]] > 1:
            others = (f"{file.name} ({again})" for again in count(1))
            names[number] = next(other for other in others if other not in taken)
            taken[names[number]] = 1
    return [replace(file, name=name) for file, name in zip(files, names, strict=True)]
