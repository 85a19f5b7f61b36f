"""IP protocols by number, from ``schemas/protocols.toml``."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.catalog.load import load_toml

if TYPE_CHECKING:
    from numpy.typing import NDArray


@cache
def protocol_names() -> tuple[str, ...]:
    """Name of each protocol number, 256 of them; the number as text where it has no name."""
    names = {raw["number"]: name for name, raw in load_toml("protocols").items()}
    return tuple(names.get(number, str(number)) for number in range(256))


@cache
def protocols_with(trait: str) -> NDArray[np.bool_]:
    """Which protocol numbers have a trait (``ports``, ``echo``, ``silent_errors``), shape (256,), bool."""
    has = np.zeros(256, np.bool_)
    for raw in load_toml("protocols").values():
        has[raw["number"]] = raw.get(trait, False)
    return has
