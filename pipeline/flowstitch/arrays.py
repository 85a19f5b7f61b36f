"""Names for the array types that the whole package uses."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Words: TypeAlias = NDArray[np.uint64]
# A table inside: field name to an array of the field's storage type, see ``normalize.columns``.
Columns: TypeAlias = dict[str, NDArray[Any]]
# Bytes behind the end of a text that a kernel may load though they do not belong to it, see ``kernels.wide``.
PADDING = 8
