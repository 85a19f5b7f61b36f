"""Ids of paths and the order of rows: from contents alone, so that no thread or file order decides them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.kernels.hashing import hash_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowstitch.arrays import Words
    from flowstitch.join.keys import Tuples
    from flowstitch.normalize.columns import Pools

# The bits of a path's id that are those of the hash of its first wire key.
PREFIX_BITS = 16
PREFIX = np.uint64((1 << PREFIX_BITS) - 1 << 64 - PREFIX_BITS)


def hash_columns(*columns: NDArray[np.generic]) -> Words:
    """Hash of each row of columns of shape (n,), taken as uint64 words; shape (n,), uint64."""
    words = np.stack([column.astype(np.uint64) for column in columns], axis=1)
    out = np.empty(words.shape[0], np.uint64)
    hash_rows(np.ascontiguousarray(words), out)
    return out


def name_hashes(pools: Pools) -> Words:
    """Stable hash of each name, by code, uint64; 0 for null."""
    digests = [hashlib.blake2b((word or "").encode(), digest_size=8).digest() for word in pools.names.words()]
    hashes = np.frombuffer(b"".join(digests), np.uint64).copy()
    hashes[0] = 0
    return hashes


def wire_hashes(tuples: Tuples, names: Words, pools: Pools) -> Words:
    """Hash of each tuple's wire key by contents, equal for both directions, shape (n,), uint64."""
    hi, lo = pools.addresses.hi, pools.addresses.lo
    ends = [
        (hi[ip], lo[ip], port) for ip, port in ((tuples.src, tuples.src_port), (tuples.dst, tuples.dst_port))
    ]
    (a_hi, a_lo, a_port), (b_hi, b_lo, b_port) = ends
    swap = (a_hi > b_hi) | ((a_hi == b_hi) & ((a_lo > b_lo) | ((a_lo == b_lo) & (a_port > b_port))))
    low = [np.where(swap, b, a) for a, b in zip(*ends, strict=True)]
    high = [np.where(swap, a, b) for a, b in zip(*ends, strict=True)]
    scope = np.where(tuples.scope > 0, names[np.maximum(tuples.scope - 1, 0)], 0)
    return hash_columns(tuples.protocol, *low, *high, scope)


def unique_ids(hashes: Words, wire: Words) -> Words:
    """Ids that are unique and never 0, shape (n,): the first bits of ``wire``, so that ids have its order as far as those go, and the others of ``hashes``.

    What is equal even so is told apart by its place in the order of ``wire``: it is of one group of paths, which has all that have these bits.
    """
    ids = _ids(hashes, wire)
    alone = np.sort(ids)
    if (alone[1:] != alone[:-1]).all():
        return ids
    while True:
        order = np.lexsort((wire, ids))
        same = np.flatnonzero(ids[order][1:] == ids[order][:-1]) + 1
        if same.shape[0] == 0:
            return ids
        rows = order[same]
        ids[rows] = _ids(hash_columns(ids[rows], wire[rows], same.astype(np.uint64)), wire[rows])


def _ids(hashes: Words, wire: Words) -> Words:
    own = np.maximum(hashes & ~PREFIX, np.uint64(1))
    ids: Words = own | wire & PREFIX
    return ids
