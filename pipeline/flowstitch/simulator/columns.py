"""Tables of the simulator: dataclasses of arrays of one length."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass
class Rows:
    """Arrays of one length, a row each."""

    def __len__(self) -> int:
        return int(getattr(self, fields(self)[0].name).shape[0])

    def take(self, rows: NDArray[Any] | slice) -> Self:
        """Chosen rows, by index, mask or slice."""
        return type(self)(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})

    def view(self, rows: NDArray[Any]) -> Self:
        """Chosen rows as ``take`` gives them, but each column when it is first asked for: of many columns few are."""
        part = object.__new__(type(self))
        part.__dict__["_viewed"] = self, rows
        return part

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NDArray[Any]:
            if "_viewed" not in self.__dict__:
                raise AttributeError(name)
            source, rows = self.__dict__["_viewed"]
            values = getattr(source, name)[rows]
            setattr(self, name, values)
            return values

    def ordered(self, *keys: str) -> Self:
        """Rows by columns, the most important one first; those that are equal stay in order."""
        arrays = [getattr(self, name) for name in reversed(keys)]
        if len(arrays) == 1 and (arrays[0][1:] >= arrays[0][:-1]).all():
            return self
        return self.take(np.lexsort(arrays))

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """Rows of all parts in order; there is one part at least."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            **{
                item.name: np.concatenate([getattr(part, item.name) for part in parts])
                for item in fields(cls)
            }
        )
