"""Names for the array types that the whole package uses."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Words: TypeAlias = NDArray[np.uint64]
# A table inside: field name to an array of the field's storage type, see ``normalize.columns``.
Columns: TypeAlias = dict[str, NDArray[Any]]
# Bytes behind the end of a text that a kernel may load though they do not belong to it, see ``kernels.wide``.
PADDING = 8

_Arrays = TypeVar("_Arrays")


def take_rows(arrays: _Arrays, rows: Ints) -> _Arrays:
    """Chosen rows of a dataclass of arrays that have one row for each of the same things, and of such dataclasses in it."""
    if not is_dataclass(arrays):
        return arrays[rows]  # type: ignore[index]
    kind: Any = type(arrays)
    taken: _Arrays = kind(*(take_rows(getattr(arrays, item.name), rows) for item in fields(arrays)))
    return taken
