"""Compiled kernels that the package carries: made while its wheel is built, looked up before those that the user's directory keeps.

``compiled/`` beside this file has what numba's cache has, an index and the machine code of each function, and a file named by the digest of
the kernels, which says for which processor they are. A checkout has none. What does not fit is not used: kernels are compiled then.
This knows numba from inside; it is imported with the numba that compiled them, with no other.
"""

from __future__ import annotations

import json
import os
import pickle
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from numba.core.caching import CompileResultCacheImpl, FunctionCache, InTreeCacheLocator
from numba.core.codegen import get_host_cpu_features

if TYPE_CHECKING:
    from collections.abc import Callable

DIRECTORY = Path(__file__).with_name("compiled")


class Target(NamedTuple):
    """A processor as LLVM knows it: its ``name``, and ``features`` such as ``+avx2,+bmi2``."""

    name: str
    features: str


def runs_here(features: str) -> bool:
    """Whether this processor has all ``features``, as numba knows it."""
    return set(features.split(",")) <= set(get_host_cpu_features().split(","))


def carried_caches(digest: str) -> Callable[[Callable[..., object], Any], CarriedCache] | None:
    """What makes the cache of a function, given it and the one it would have otherwise; None unless the kernels of ``digest`` run here.

    Whoever asks numba for another processor (``NUMBA_CPU_NAME``, ``NUMBA_CPU_FEATURES``) gets what is compiled for that.
    """
    try:
        target = Target(**json.loads((DIRECTORY / f"{digest}.json").read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    asked_for_another = {"NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"} & os.environ.keys()
    return None if asked_for_another or not runs_here(target.features) else partial(CarriedCache, target)


class _Locator(InTreeCacheLocator):
    """Says that the package's directory is where a function's code is; nothing is ever written there."""

    def get_cache_path(self) -> str:
        return str(DIRECTORY)

    def ensure_cache_path(self) -> None:
        pass


class _Located(CompileResultCacheImpl):
    _locator_classes = (_Locator,)


class CarriedCache(FunctionCache):
    """Compiled code of ``function``: the package's, compiled for ``target``, before that of ``own``, the cache it would have otherwise."""

    _impl_class = _Located

    def __init__(self, target: Target, function: Callable[..., object], own: Any) -> None:
        super().__init__(function)
        self._target, self._own = target, own

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        signature, (triple, *_), code = super()._index_key(sig, codegen)
        return signature, (triple, *self._target), code

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Code for a signature; None where neither has it."""
        try:
            found = super().load_overload(sig, target_context)
        except (EOFError, pickle.UnpicklingError):  # a file was cut off
            found = None
        return self._own.load_overload(sig, target_context) if found is None else found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what had to be compiled where it would have been kept."""
        self._own.save_overload(sig, data)

    def flush(self) -> None:
        """Forget what the user's directory has."""
        self._own.flush()
