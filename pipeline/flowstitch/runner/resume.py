"""What a killed run had finished, so that the next one need not write it again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flowstitch.runner.layout import CONVERT_MANIFEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from flowstitch.ingest.model import Source

DIRECTORY = ".finished"
_INPUTS, _COUNTS = "inputs", "counts"


class Finished:
    """Parts of a result that are written whole, each with how many rows it has and the arrays that the rest of the run asks of it."""

    def __init__(self, directory: Path, inputs: str) -> None:
        """Keep what is there if it is of the same inputs, options and versions; else begin anew.

        Parameters
        ----------
        directory : the result as it is written. inputs : their ``fingerprint``.
        """
        self._home, self.parts = directory / DIRECTORY, 0
        told = self._home / _INPUTS
        if not (told.is_file() and told.read_text(encoding="utf-8") == inputs):
            for item in directory.iterdir():
                if item.is_dir():
                    shutil.rmtree(item)
            self._home.mkdir()
            told.write_text(inputs, encoding="utf-8")

    def get(self, part: int) -> tuple[dict[str, int], dict[str, NDArray[Any]]] | None:
        """Rows by table and arrays of a part, None where it was not finished."""
        path = self._home / f"{part}.npz"
        if not path.is_file():
            return None
        self.parts += 1
        with np.load(path, allow_pickle=False) as kept:
            arrays = dict(kept)
        return json.loads(str(arrays.pop(_COUNTS))), arrays

    def put(self, part: int, counts: Mapping[str, int], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Note that the files of a part are whole."""
        partial = self._home / f"{part}.partial.npz"
        np.savez(partial, allow_pickle=False, **arrays, **{_COUNTS: np.array(json.dumps(counts))})
        partial.rename(self._home / f"{part}.npz")

    def forget(self) -> None:
        """The result is whole."""
        shutil.rmtree(self._home)


def fingerprint(sources: Sequence[Source], said: Mapping[str, Any]) -> str:
    """What differs where inputs, options or versions do.

    Parameters
    ----------
    sources : the inputs; of files that are to be taken for the same, size and time of change must be.
    said : all else that a result follows from, as JSON has it.
    """
    files = []
    for source in sources:
        path = source.path if isinstance(source.path, Path) else Path()
        if path.is_dir():
            # of tables that were converted the manifest stands for all
            path /= CONVERT_MANIFEST
        if path.is_file():
            stat = path.stat()
            files.append([source.name, source.kind, stat.st_size, stat.st_mtime_ns])
        else:
            # an object of a store or what was piped in: nothing says that it is the same
            files.append([source.name, os.urandom(16).hex()])
    text = json.dumps([files, said], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
