"""Objects of a bucket as files of an export: Amazon S3 and what speaks like it, and Alibaba Cloud OSS.

Arrow's S3 file system reads both. pyarrow has it anyway; it lists keys of any form, takes credentials from wherever the
AWS tools take theirs, and can address a bucket by host name, which is the only way that OSS takes.
"""

from __future__ import annotations

import io
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from pyarrow import fs

from flowstitch.errors import FlowstitchError, UsageError
from flowstitch.ingest.overrides import EXPORT_TOML, Overrides, read_overrides
from flowstitch.ingest.places import GLOB, File, is_hidden, select

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from _typeshed import WriteableBuffer
    from pyarrow import NativeFile

# What one request brings: little for a head, then enough that its latency does not matter.
_FIRST_BYTES, _NEXT_BYTES = 1 << 18, 1 << 23
_KEPT_BYTES = 1 << 26
_CONNECT_S, _ANSWER_S, _ATTEMPTS = 10, 60, 5
_OSS_REGION = re.compile(r"\boss-([a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com")
_AWS_ERROR = re.compile(r"AWS Error (\w+).*? during \w+ operation:(.*)", re.DOTALL)
_NOISE = re.compile(r"^.*Details: | \(Request ID: .*\)|No response body\.", re.DOTALL)
_MAX_SENTENCE = 200
_DENIED = {
    "ACCESS_DENIED", "EXPIRED_TOKEN", "INVALID_ACCESS_KEY_ID", "INVALID_CLIENT_TOKEN_ID", "MISSING_AUTHENTICATION_TOKEN",
    "REQUEST_EXPIRED", "SIGNATURE_DOES_NOT_MATCH", "UNRECOGNIZED_CLIENT",
}  # fmt: skip
_CREDENTIALS = {
    "s3://": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or the role of the machine",
    "oss://": "ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET",
}


class Store:
    """A bucket's file system, and heads of its objects: what was read to know one need not be asked for again."""

    def __init__(self, filesystem: fs.FileSystem) -> None:
        self.filesystem = filesystem
        self._heads: dict[str, bytes] = {}
        self._room = _KEPT_BYTES

    def head(self, address: str) -> bytes:
        """First bytes of an object, as many as one small request brings; ``OSError`` when it cannot be read."""
        head = self._heads.get(address)
        if head is None:
            with _readable(), self.filesystem.open_input_file(address) as file:
                head = file.read(_FIRST_BYTES)
            if len(head) <= self._room:
                self._room -= len(head)
                self._heads[address] = head
        return head


@dataclass(frozen=True)
class ObjectPath:
    """An object of a bucket in the place of a path."""

    scheme: str
    bucket: str
    key: str
    store: Store = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.scheme}{self.bucket}/{self.key}"

    @property
    def name(self) -> str:
        """Key behind its last slash."""
        return self.key.rpartition("/")[2]

    @property
    def parts(self) -> tuple[str, ...]:
        """Scheme, bucket, and the key between its slashes."""
        return (self.scheme, self.bucket, *self.key.split("/"))

    @property
    def parent(self) -> ObjectPath:
        """What stands before the last slash of the key."""
        return replace(self, key=self.key.rpartition("/")[0])

    def open(self, mode: Literal["rb"], /) -> BinaryIO:  # noqa: ARG002 - as pathlib has it
        """Open it anew, at its start; read in ranges, never whole."""
        address = f"{self.bucket}/{self.key}"
        head = self.store.head(address)
        if len(head) < _FIRST_BYTES:
            return io.BytesIO(head)
        return io.BufferedReader(_Reader(self.store, address, head), _NEXT_BYTES)


def find_objects(export: str, stores: dict[str, Store]) -> Iterator[File]:
    """Objects that an EXPORT names: one, those below a prefix, or those that a glob matches, names and folders alike.

    Parameters
    ----------
    export : ``s3://bucket/key`` or ``oss://bucket/key``.
    stores : connections, by scheme and bucket; gets those that it has not.

    Raises
    ------
    UsageError : there is no such bucket or object, or no access to it, or ``export.toml`` at the prefix is wrong.
    FlowstitchError : the store cannot be reached.
    """
    scheme, _, rest = export.partition("://")
    scheme += "://"
    bucket, _, key = rest.partition("/")
    if not bucket:
        raise UsageError(f"{export}: got no bucket, expected {scheme}BUCKET/PREFIX.")
    files: list[File] = []
    with _listable(export, scheme, bucket):
        if scheme + bucket not in stores:
            stores[scheme + bucket] = _connect(scheme, bucket)
        root = ObjectPath(scheme, bucket, key.rstrip("/"), stores[scheme + bucket])
        alone = _look(root)
        files = _below(root) if alone is None else [replace(alone, override=_beside(root).of(alone.name))]
    if not files:
        raise UsageError(
            f"{export}: there is no object of this name or below it; if names only begin so, put a '*' behind it."
        )
    yield from files


def _below(root: ObjectPath) -> list[File]:
    """Objects below a prefix, or below what a glob matches."""
    parts = root.key.split("/")
    fixed = next((depth for depth, part in enumerate(parts) if GLOB.search(part)), None)
    if fixed is None:
        files = list(_list(root))
        toml = next((file for file in files if file.name == EXPORT_TOML), None)
        return list(select(files, Overrides() if toml is None else read_overrides(toml.place)))
    root = replace(root, key="/".join(parts[:fixed]))
    files = [file for file in _list(root) if _matches(file.name.split("/"), parts[fixed:])]
    return list(select(files, _beside(replace(root, key=f"{root.key}/".lstrip("/")))))


def _beside(path: ObjectPath) -> Overrides:
    """``export.toml`` in the folder of an object."""
    toml = replace(path, key=path.key[: len(path.key) - len(path.name)] + EXPORT_TOML)
    try:
        found = _look(toml)
    except OSError:
        # who may not list is denied what is not there
        found = None
    return Overrides() if found is None else read_overrides(found.place)


def _look(path: ObjectPath) -> File | None:
    """The object itself, None when there is none."""
    info = path.store.filesystem.get_file_info(f"{path.bucket}/{path.key}".rstrip("/"))
    if info.type != fs.FileType.File:
        return None
    return File(path, path.name, PurePosixPath(path.key), info.size)


def _list(root: ObjectPath) -> Iterator[File]:
    prefix = f"{root.key}/" if root.key else ""
    selector = fs.FileSelector(f"{root.bucket}/{root.key}".rstrip("/"), recursive=True)
    for info in root.store.filesystem.get_file_info(selector):
        key = info.path.removeprefix(f"{root.bucket}/")
        name = key.removeprefix(prefix)
        if info.type == fs.FileType.File and not is_hidden(name):
            yield File(replace(root, key=key), name, PurePosixPath(key), info.size)


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a glob matches a name or a folder above it."""
    if not pattern:
        return True
    if pattern[0] == "**":
        return any(_matches(parts[depth:], pattern[1:]) for depth in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _connect(scheme: str, bucket: str) -> Store:
    settings = _oss_settings() if scheme == "oss://" else _s3_settings(bucket)
    return Store(
        fs.S3FileSystem(
            connect_timeout=_CONNECT_S,
            request_timeout=_ANSWER_S,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
            **settings,
        )
    )


def _s3_settings(bucket: str) -> dict[str, Any]:
    endpoint = _first("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    region = _first("AWS_REGION", "AWS_DEFAULT_REGION")
    if region is None and endpoint is None:
        # asks the bucket, which anybody may
        region = fs.resolve_s3_region(bucket)
    return {"endpoint_override": endpoint, "region": region or "us-east-1"}


def _oss_settings() -> dict[str, Any]:
    endpoint = _first("OSS_ENDPOINT")
    key = _first("ALIBABA_CLOUD_ACCESS_KEY_ID", "OSS_ACCESS_KEY_ID")
    secret = _first("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "OSS_ACCESS_KEY_SECRET")
    if endpoint is None:
        raise UsageError(
            "oss://: OSS_ENDPOINT is not set; it is https://oss-REGION.aliyuncs.com, or with -internal within the region."
        )
    if key is None or secret is None:
        raise UsageError(f"oss://: there are no credentials; set {_CREDENTIALS['oss://']}.")
    found = _OSS_REGION.search(endpoint)
    return {
        "endpoint_override": endpoint,
        "region": _first("OSS_REGION") or (found[1] if found else "us-east-1"),
        "access_key": key,
        "secret_key": secret,
        "session_token": _first("ALIBABA_CLOUD_SECURITY_TOKEN", "OSS_SESSION_TOKEN"),
        "force_virtual_addressing": True,
    }


def _first(*names: str) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


class _Reader(io.RawIOBase):
    """An object whose head is at hand; behind it one request for what is asked for, so it is to be asked for much."""

    def __init__(self, store: Store, address: str, head: bytes) -> None:
        self._store, self._address = store, address
        self._head = head
        self._rest: NativeFile | None = None
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with _readable():
            self._at = (
                self._opened().seek(offset, whence) if whence == io.SEEK_END else offset + self._at * whence
            )
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        room = memoryview(buffer)
        if self._at < len(self._head):
            piece = self._head[self._at : self._at + len(room)]
            room[: len(piece)] = piece
            size = len(piece)
        else:
            with _readable():
                rest = self._opened()
                rest.seek(self._at)
                size = rest.readinto(room)
        self._at += size
        return size

    def close(self) -> None:
        if self._rest is not None:
            self._rest.close()
        super().close()

    def _opened(self) -> NativeFile:
        if self._rest is None:
            self._rest = self._store.filesystem.open_input_file(self._address)
        return self._rest


@contextmanager
def _readable() -> Iterator[None]:
    """Turn what Arrow says of an object into ``OSError`` with a short sentence."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise OSError(_words(error)[1]) from error


@contextmanager
def _listable(export: str, scheme: str, bucket: str) -> Iterator[None]:
    """Turn what Arrow says of a bucket or prefix into what the user has to know; what is not there is nothing."""
    try:
        yield
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        code, words = _words(error)
        if code == "NO_SUCH_BUCKET" or words == f"Bucket '{bucket}' not found":
            raise UsageError(f"{export}: there is no bucket {bucket!r}.") from error
        if code in _DENIED:
            whose = f"credentials are those of {_CREDENTIALS[scheme]}"
            raise UsageError(f"{export}: access is denied ({words}); {whose}.") from error
        if code == "NETWORK_CONNECTION":
            raise FlowstitchError(f"{export}: the store cannot be reached ({words}).") from error
        raise FlowstitchError(f"{export}: cannot be listed ({words}).") from error


def _words(error: Exception) -> tuple[str, str]:
    """Code of an error of the store, '' when it has none, and what it says."""
    found = _AWS_ERROR.search(str(error))
    code, text = found.groups() if found else ("", str(error))
    text = " ".join(_NOISE.sub("", text).split()).rstrip(".")
    return code, (text or code.lower().replace("_", " "))[:_MAX_SENTENCE]
