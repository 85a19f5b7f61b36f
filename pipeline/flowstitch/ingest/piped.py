"""What is piped in, kept so that it can be read like a file."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from flowstitch.errors import FlowstitchError

if TYPE_CHECKING:
    from typing import Literal

_COPIED_BYTES = 1 << 20


class Piped:
    """A stream in the place of a file: copied to a temporary file without a name, at most half of the room there is.

    Parameters
    ----------
    stream : is read to its end.

    Raises
    ------
    FlowstitchError : there is no room for it.
    """

    name = "stdin"
    parts = (name,)

    def __init__(self, stream: BinaryIO) -> None:
        folder = tempfile.gettempdir()
        try:
            most = shutil.disk_usage(folder).free // 2
            with tempfile.TemporaryFile() as file:
                self.size_bytes = _copy(stream, file, most)
                descriptor = os.dup(file.fileno())
        except OSError as error:
            raise FlowstitchError(
                f"stdin cannot be kept in {folder} ({error.strerror or error}); set TMPDIR to where there is room."
            ) from error
        self._path = Path(f"/proc/self/fd/{descriptor}")
        weakref.finalize(self, os.close, descriptor)

    @property
    def parent(self) -> Piped:
        """Itself: it is in no directory."""
        return self

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """Open it anew, at its start."""
        return self._path.open(mode)


def _copy(stream: BinaryIO, file: BinaryIO, most: int) -> int:
    size = 0
    while chunk := stream.read(_COPIED_BYTES):
        size += len(chunk)
        if size > most:
            raise OSError(f"more than {most} bytes, half of the room there is")
        file.write(chunk)
    file.flush()
    return size
