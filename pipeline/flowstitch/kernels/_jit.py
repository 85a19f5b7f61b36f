"""The one place that knows numba's options, and where compiled kernels are kept.

Compiled kernels are cached under a directory named by a digest of every kernel source: numba does not
see an edit in another module than the one it compiled, a new directory does. Those that a wheel carries (``_carried.py``) come first.

What numba makes slow without a word: a row taken out of an array, ``keys[row]``, is an array of its own; and of a signed
index that was read from an array it is asked at each use whether it counts from the end. So kernels hand on arrays with
places in them, and make such an index a ``np.uint64``, with which nothing is reckoned.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import llvmlite
import numba
import numba.core.config
from numba.core.options import DefaultOptions

F = TypeVar("F", bound=Callable[..., object])


def bounds_checked() -> bool:
    """Whether kernels check array bounds: ``FLOWSTITCH_BOUNDSCHECK`` is 1 (0 or unset: no)."""
    value = os.environ.get("FLOWSTITCH_BOUNDSCHECK", "0")
    if value not in {"0", "1"}:
        msg = f"FLOWSTITCH_BOUNDSCHECK: got {value!r}, expected 0 or 1."
        raise ValueError(msg)
    return value == "1"


def kernel_digest() -> str:
    """Digest of all that compiled kernels depend on but the processor: their sources, what compiles them, Python as its bytecode has it."""
    digest = hashlib.blake2b(digest_size=8)
    python = f"{sys.implementation.cache_tag}{sys.abiflags}"
    for part in (numba.__version__, llvmlite.__version__, python, platform.machine(), str(bounds_checked())):
        digest.update(part.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def cache_directory(digest: str) -> Path | None:
    """Directory for compiled kernels of a digest, made if need be; None when no directory can be written."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    for root in (Path(base), Path(tempfile.gettempdir()) / f"cache-{os.getuid()}"):
        path = root / "flowstitch" / f"kernels-{digest}"
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        if os.access(path, os.W_OK) and path.stat().st_uid == os.getuid():
            return path
    return None


# The option that leaves references uncounted is not in numba's manual: without it all is the same, but slower.
_UNCOUNTED = {"_nrt": False} if hasattr(DefaultOptions, "_nrt") else {}
_DIGEST = kernel_digest()
_CACHE = cache_directory(_DIGEST)
if _CACHE is not None:
    setattr(numba.core.config, "CACHE_DIR", str(_CACHE))  # noqa: B010
_CARRIED = None
if (Path(__file__).with_name("compiled") / f"{_DIGEST}.json").is_file():
    from flowstitch.kernels._carried import carried_caches

    _CARRIED = carried_caches(_DIGEST)


def kernel(function: F) -> F:
    """Compile a kernel: no Python objects, the GIL released, cached on disk; it makes no arrays of its own.

    Without numba's runtime nothing counts references to the arrays that are handed on: where loops and early returns
    stand in the way of taking the counting out again, it takes most of the time (fifteen sixteenths of ``template_text``'s, design note 5).
    """
    return _compile(function, **_UNCOUNTED)


def inner_kernel(function: F) -> F:
    """Compile a part of a kernel that is put into its callers, where handing on its arrays would cost more than it does."""
    return _compile(function, forceinline=True, **_UNCOUNTED)


def allocating_kernel(function: F) -> F:
    """Compile a kernel that makes arrays of its own."""
    return _compile(function)


def _compile(function: F, **options: Any) -> F:
    cached = _CACHE is not None
    compiled: Any = numba.njit(nogil=True, cache=cached, boundscheck=bounds_checked(), **options)(function)
    if _CARRIED is not None:
        compiled._cache = _CARRIED(function, compiled._cache)  # noqa: SLF001 - numba has no other way
    return compiled
