"""Words (nodes, ENIs, files, pods) as small integers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


class Names:
    """Interned words; code 0 is null. Safe to use from several threads; codes depend on who came first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._words: list[str | None] = [None]
        self._codes: dict[str | None, int] = {None: 0, "": 0}
        self._ranks = np.zeros(1, np.int64)

    def __len__(self) -> int:
        return len(self._words)

    def code(self, word: str | None) -> int:
        """Code of a word, new if need be; 0 for null and for the empty word."""
        return int(self.codes([word])[0])

    def codes(self, words: Iterable[str | None]) -> NDArray[np.uint32]:
        """Codes of words, shape (n,), uint32."""
        waiting = list(words)
        with self._lock:
            for word in waiting:
                if word not in self._codes:
                    self._add(word)
            return np.fromiter(map(self._codes.__getitem__, waiting), np.uint32, len(waiting))

    def _add(self, word: str | None) -> None:
        self._codes[word] = len(self._words)
        self._words.append(word)

    def word(self, code: int) -> str | None:
        """Word of a code, None for 0."""
        return self._words[code]

    def ranks(self) -> NDArray[np.int64]:
        """Place of each code's word in sorted order, shape (len(self),), int64: an order that no thread decides.

        The array is read-only, and the same one until there is a new word.
        """
        with self._lock:
            if self._ranks.shape[0] < len(self._words):
                order = sorted(range(1, len(self._words)), key=lambda code: self._words[code] or "")
                ranks = np.zeros(len(self._words), np.int64)
                ranks[order] = np.arange(1, len(self._words))
                ranks.flags.writeable = False
                self._ranks = ranks
            return self._ranks

    def words(self) -> list[str | None]:
        """All words by code; the first is None."""
        return list(self._words)
