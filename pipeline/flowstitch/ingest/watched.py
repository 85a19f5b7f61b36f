"""Places that stand for others: to tell who listens how much of them was read, and to have their content at hand."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol

if TYPE_CHECKING:
    from flowstitch.ingest.places import Place

# What is read at once, and told at once: what a caller reads by the kilobyte costs no more than that.
_BUFFER_BYTES = 1 << 18


class Listener(Protocol):
    """Who is told how far a run is."""

    def stage(self, name: str) -> None:
        """A stage of the work begins."""
        ...

    def sources(self, files: int, size_bytes: int) -> None:
        """So many files of so many bytes, as stored, are going to be read."""
        ...

    def read(self, size_bytes: int) -> None:
        """So many more bytes of them were read; called from several threads at once."""
        ...


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
    """A place whose content was read before, or the beginning of it."""

    def __init__(self, place: Place, content: bytes) -> None:
        super().__init__(place)
        self._content = content

    def open(self, mode: Literal["rb"], /) -> BinaryIO:  # noqa: ARG002 - as pathlib has it
        """Open it anew, at its start."""
        return io.BytesIO(self._content)


class Watched(_Standing):
    """A place whose bytes are told as they are read, whoever reads them.

    Parameters
    ----------
    size_bytes : of the place. It is told as many times as it is read, less once when it was left early; see ``done``.
    """

    def __init__(self, place: Place, size_bytes: int, listener: Listener) -> None:
        super().__init__(place)
        self._left = size_bytes
        self._listener = listener

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """Open it anew, at its start."""
        return io.BufferedReader(_Told(self._place.open(mode), self._tell), _BUFFER_BYTES)

    def done(self) -> None:
        """Tell what was not read: the rest of a damaged file, columns that nobody asked for."""
        self._tell(self._left)

    def _tell(self, size_bytes: int) -> None:
        told = min(size_bytes, self._left)
        if told > 0:
            self._left -= told
            self._listener.read(told)
