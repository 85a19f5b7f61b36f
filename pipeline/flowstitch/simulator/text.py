"""Many lines of text at once: columns put together by Arrow, so that no row costs an interpreter's step."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from flowstitch.arrays import Ints


def lines(*parts: str | pa.Array) -> pa.Array:
    """Each row's parts put together; texts of one length, or one text for all rows."""
    scalars = [pa.scalar(part) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*scalars, "")


def number_texts(values: NDArray[Any]) -> pa.Array:
    """Integers as texts."""
    return pa.array(values).cast(pa.string())


def word_texts(words: Iterable[str], numbers: NDArray[Any]) -> pa.Array:
    """Words by their number."""
    return pa.array(list(words), pa.string()).take(pa.array(numbers))


def padded(values: Ints, digits: int) -> pa.Array:
    """Integers as texts with zeros in front."""
    return pc.utf8_lpad(number_texts(values), digits, "0")


def optional(shown: NDArray[np.bool_], texts: pa.Array) -> pa.Array:
    """Texts where they are shown, nothing elsewhere."""
    return pc.if_else(pa.array(shown), texts, "")


def cut(rows: pa.Array, files: Ints) -> Iterator[tuple[int, bytes]]:
    """Rows of each file as bytes; those of a file stand together, in ascending order of the files."""
    array = rows.cast(pa.large_string())
    offsets = np.frombuffer(array.buffers()[1], np.int64)[array.offset : array.offset + len(array) + 1]
    data = memoryview(array.buffers()[2]) if array.buffers()[2] else memoryview(b"")
    heads = np.flatnonzero(np.diff(files, prepend=-1)).tolist()
    for begin, end in zip(heads, [*heads[1:], len(array)], strict=True):
        yield int(files[begin]), bytes(data[offsets[begin] : offsets[end]])


def append_gzip(path: Path, content: bytes) -> None:
    """Append a member of its own to a gzip file, without a time, so that equal contents are equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    with path.open("ab") as sink:
        sink.write(packer.compress(content) + packer.flush())
