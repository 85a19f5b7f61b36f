"""Rows by the hash of their wire key: buckets that fit into a core's cache and are worked on side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from flowstitch.arrays import take_rows
from flowstitch.catalog.protocols import protocols_with
from flowstitch.kernels.partition import all_alike, hash_wires, move_rows, place_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from numpy.typing import NDArray

    from flowstitch.arrays import Columns, Ints, Words
    from flowstitch.join.keys import Tuples

_Result = TypeVar("_Result")
# Rows of a bucket, about: few enough to stay in the cache that cores share, so many that threads hardly wait for each other between two kernels.
BUCKET_ROWS = 1 << 17
MAX_BITS = 16
# A column is moved as what it is as bits.
_BITS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


class Workers:
    """Threads that work on buckets; kernels and numpy let them run side by side."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def map(self, work: Callable[..., _Result], *items: Iterable[Any]) -> list[_Result]:
        """Result of ``work`` for each item, in order."""
        return list(self._pool.map(work, *items) if self._pool else map(work, *items))

    def share(self, work: Callable[[Columns], NDArray[Any]], columns: Columns) -> NDArray[Any]:
        """What ``work`` finds of each row of columns, some of the rows for each thread."""
        shares = self.shares(next(iter(columns.values())).shape[0])
        return np.concatenate(self.map(lambda share: work(take_rows(columns, share)), shares))

    def shares(self, rows: int) -> list[slice]:
        """Which rows each thread takes of so many."""
        cuts = np.linspace(0, rows, self._threads + 1).astype(np.int64).tolist()
        return [slice(begin, end) for begin, end in pairwise(cuts)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class Buckets:
    """Rows put together by bucket, in each in their own order.

    Attributes
    ----------
    begins : shape (buckets + 1,), where each bucket begins.
    places : shape (rows,), uint32, where each row stands now.
    """

    begins: Ints
    places: NDArray[np.uint32]

    def move(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values of the rows, shape (rows, …), with each at its place; the same array where it is of one number a row, and that the same in all."""
        out = np.empty_like(values)
        if values.ndim > 1:
            out[self.places] = values
            return out
        as_bits = values.view(_BITS[values.itemsize])
        # in logs many a column does
        if all_alike(as_bits):
            return values
        move_rows(as_bits, self.places, out.view(as_bits.dtype))
        return out


def concat_fields(kind: type, parts: Sequence[Any]) -> dict[str, Any]:
    """Fields of a dataclass of arrays, those of all parts one behind the other."""
    return {item.name: np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(kind)}


def bucket_bits(rows: int) -> int:
    """How many bits of the hash number the buckets of so many rows."""
    return min((rows // BUCKET_ROWS).bit_length(), MAX_BITS)


def into_buckets(hashes: Words, bits: int) -> Buckets:
    """Buckets by the first bits of the hashes, shape (rows,), uint64."""
    rows = hashes.shape[0]
    if not bits:
        return Buckets(np.array([0, rows]), np.arange(rows, dtype=np.uint32))
    begins, places = np.zeros((1 << bits) + 1, np.int64), np.empty(rows, np.uint32)
    place_rows(hashes, np.uint64(64 - bits), begins, np.empty(1 << bits, np.int64), places)
    return Buckets(begins, places)


def hashes_of(ends: Sequence[NDArray[Any]], scope: NDArray[Any]) -> Words:
    """Hash of each wire key as flow logs show it, so that rows of one key of whatever observer are in one bucket; shape (rows,), uint64.

    Parameters
    ----------
    ends : protocol, source, its port, destination and its port, shape (rows,) each, as in ``Tuples``; a port below 0 is none.
    scope : shape (rows,), as in ``Tuples``.
    """
    hashes = np.empty(scope.shape[0], np.uint64)
    protocol, src, src_port, dst, dst_port = ends
    hash_wires(protocol, src, src_port, dst, dst_port, scope, protocols_with("ports"), hashes)
    return hashes


def tuple_hashes(tuples: Tuples) -> Words:
    """Hash of the wire key of tuples, see ``hashes_of``."""
    ends = (tuples.protocol, tuples.src, tuples.src_port, tuples.dst, tuples.dst_port)
    return hashes_of(ends, tuples.scope)
