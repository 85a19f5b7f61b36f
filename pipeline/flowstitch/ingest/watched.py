"""Places that stand for others: to tell how much of them was read, or with their content at hand."""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _typeshed import WriteableBuffer

    from flowstitch.ingest.model import Source
    from flowstitch.ingest.places import Place

# What is read, and told, at once, in however small pieces it is asked for.
_BUFFER_BYTES = 1 << 18


class Listener(Protocol):
    """Who is told how far a run is."""

    def stage(self, name: str) -> None:
        """A stage of the work begins."""
        ...

    def sources(self, files: int, size_bytes: int) -> None:
        """So many files are going to be read, of so many bytes as stored."""
        ...

    def read(self, size_bytes: int) -> None:
        """So many more bytes of them are done; called from several threads at once."""
        ...


@contextmanager
def watched(source: Source, listener: Listener | None) -> Iterator[Source]:
    """The source, such that the listener is told of its bytes as they are read, and of the rest when the block ends."""
    if listener is None:
        yield source
        return
    place = _Watched(source.path, source.size_bytes, listener)
    yield replace(source, path=place)
    place.tell(source.size_bytes)


class _Standing:
    """A place that goes by the name of another."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def __str__(self) -> str:
        return str(self._place)

    @property
    def name(self) -> str:
        return self._place.name

    @property
    def parts(self) -> tuple[str, ...]:
        return self._place.parts

    @property
    def parent(self) -> Place:
        return self._place.parent


class AtHand(_Standing):
    """A place whose content, or the beginning of it, was read before."""

    def __init__(self, place: Place, content: bytes) -> None:
        super().__init__(place)
        self._content = content

    def open(self, mode: Literal["rb"], /) -> BinaryIO:  # noqa: ARG002 - as pathlib has it
        """Open it anew, at its start."""
        return io.BytesIO(self._content)


class _Watched(_Standing):
    def __init__(self, place: Place, size_bytes: int, listener: Listener) -> None:
        super().__init__(place)
        self._left = size_bytes
        self._listener = listener

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """Open it anew, at its start."""
        return io.BufferedReader(_Told(self._place.open(mode), self.tell), _BUFFER_BYTES)

    def tell(self, size_bytes: int) -> None:
        """Tell of bytes read, of each once: some are read to know what a file is, and again."""
        told = min(size_bytes, self._left)
        if told:
            self._left -= told
            self._listener.read(told)


class _Told(io.RawIOBase):
    """A file that tells how many bytes were read of it."""

    def __init__(self, file: BinaryIO, told: Callable[[int], None]) -> None:
        self._file = file
        self._told = told

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: WriteableBuffer) -> int:
        size: int = self._file.readinto(buffer)  # type: ignore[attr-defined]  # every file here has it
        self._told(size)
        return size

    def close(self) -> None:
        self._file.close()
        super().close()
