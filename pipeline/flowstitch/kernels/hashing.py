"""Hashes. They place rows, they never decide that two keys are the same."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import kernel

_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)


@kernel
def mix(value):
    """Finalizer of splitmix64 (Steele, Lea, Flood 2014): uint64 to uint64, a bijection."""
    value = (value ^ (value >> _S30)) * _M1
    value = (value ^ (value >> _S27)) * _M2
    return value ^ (value >> _S31)


@kernel
def hash_words(words):
    """Hash of the uint64 words of one key, shape (k,), in order; uint64."""
    seed = _GOLDEN
    for word in words:
        seed = mix(seed ^ word) + _GOLDEN
    return seed


@kernel
def hash_rows(keys, out):
    """Hash of each row of ``keys``, shape (n, k), uint64, into ``out``, shape (n,), uint64."""
    for row in range(keys.shape[0]):
        out[row] = hash_words(keys[row])
