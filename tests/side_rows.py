"""What sides of entries tell, as kernels take it."""

import numpy as np

from flowstitch.kernels import sides
from flowstitch.kernels.lifetimes import UNKNOWN


def side_rows(**told: np.ndarray) -> np.ndarray:
    """Rows of ``kernels.sides.read_sides`` by the names of their columns, shape (n,) each; what is not told is unknown."""
    rows = np.full((next(iter(told.values())).shape[0], sides.SIDE), UNKNOWN, np.int64)
    for name, values in told.items():
        rows[:, getattr(sides, name.upper())] = values
    return rows
