"""Names for the array types that the whole package uses."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Words: TypeAlias = NDArray[np.uint64]
# Integers no wider than they need be; who has such an array says how wide they are.
Narrow: TypeAlias = NDArray[Any]
# A table inside: field name to an array of the field's storage type, see ``normalize.columns``.
Columns: TypeAlias = dict[str, NDArray[Any]]
# Bytes behind the end of a text that a kernel may load though they do not belong to it, see ``kernels.wide``.
PADDING = 8

_Arrays = TypeVar("_Arrays")


def each_array(change: Callable[[Any], Any], arrays: _Arrays) -> _Arrays:
    """What becomes of each array of a dataclass, a dictionary, a list or a tuple, and of such in it."""
    kind: Any = type(arrays)
    # there are thousands of arrays, a bucket at a time
    if kind is np.ndarray:
        return change(arrays)
    if isinstance(arrays, dict):
        return kind((name, each_array(change, values)) for name, values in arrays.items())
    if isinstance(arrays, (list, tuple)):
        return kind(each_array(change, values) for values in arrays)
    if is_dataclass(arrays):
        return kind(*(each_array(change, getattr(arrays, item.name)) for item in fields(arrays)))
    return change(arrays)


def flat(arrays: _Arrays) -> tuple[Columns, _Arrays]:
    """Each array by its number, and what they stood in with None in the place of each, see ``each_array`` and ``shaped``."""
    columns: Columns = {}
    return columns, each_array(lambda values: columns.update({str(len(columns)): values}), arrays)


def shaped(columns: Columns, shape: _Arrays) -> _Arrays:
    """The inverse of ``flat``."""
    arrays = iter(columns.values())
    return each_array(lambda _: next(arrays), shape)


def take_rows(arrays: _Arrays, rows: Ints | slice) -> _Arrays:
    """Chosen rows of arrays that have one row for each of the same things, see ``each_array``."""
    return each_array(lambda values: values[rows], arrays)
