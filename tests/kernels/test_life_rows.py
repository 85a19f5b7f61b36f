"""Columns of rows are what looking each of them up gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flowstitch.kernels.life_rows import write_life_rows

SIZE = st.integers(0, 5)


@given(SIZE, SIZE, st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.integers(0, 20), st.randoms())
def test_a_row_has_what_its_step_and_thing_have(wholes, others, things, kinds, steps, rows, dice):
    random = np.random.default_rng(dice.getrandbits(32))
    whole = random.integers(-9, 9, (things, wholes))
    last = random.integers(-9, 9, (things, others))
    before = random.integers(-9, 9, (kinds, steps, others))
    kind = random.integers(0, kinds, things)
    thing, step = random.integers(0, things, rows), random.integers(0, steps + 1, rows)
    out = np.full((wholes + others, rows), 99)
    write_life_rows(thing, step, kind, before, whole, last, out)
    for row, (one, at) in enumerate(zip(thing.tolist(), step.tolist(), strict=True)):
        rest = last[one] if at == steps else before[kind[one], at]
        assert out[:, row].tolist() == [*whole[one].tolist(), *rest.tolist()]
