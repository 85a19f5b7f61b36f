"""How many lines a text has."""

from __future__ import annotations

import numpy as np

from flowstitch.kernels._jit import kernel

_NEWLINE = ord("\n")
# A byte can count so many, and a processor then adds up a whole register of them at once.
_COUNTED = 128


@kernel
def count_newlines(text):
    """How many newlines ``text``, shape (n,), uint8, has, int64."""
    count = np.int64(0)
    whole = text.shape[0] // _COUNTED
    for part in range(whole):
        few = np.uint8(0)
        for place in range(_COUNTED):
            few = np.uint8(few + np.uint8(text[part * _COUNTED + place] == _NEWLINE))
        count += np.int64(few)
    for place in range(whole * _COUNTED, text.shape[0]):
        count += text[place] == _NEWLINE
    return count
