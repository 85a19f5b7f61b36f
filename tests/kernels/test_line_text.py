"""Lines are what Python's own formatting makes of the same columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flowstitch.kernels.line_text import NOTHING, SLACK, write_lines

# The edges of a number's groups of eight digits, and anything.
NUMBERS = (
    st.sampled_from([0, 9, 10, 99_999_999, 100_000_000, 100_000_001, 10**16 - 1, -1])
    | st.integers(-5, 70_000)
    | st.integers(0, 10**16 - 1)
)
TEXTS = st.text("abc.:= ", max_size=20)


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    """Forms of steps (literal, column or None, digits), the columns and which of them are words, the words, the form of each row."""
    words = draw(st.lists(TEXTS, min_size=1, max_size=5))
    count = draw(st.integers(0, 6))
    some = st.lists(NUMBERS, min_size=count, max_size=count)
    places = st.lists(st.integers(-1, len(words) - 1), min_size=count, max_size=count)
    worded = draw(st.lists(st.booleans(), min_size=1, max_size=4))
    values = [draw(places if word else some) for word in worded]
    step = st.tuples(TEXTS, st.none() | st.integers(0, len(worded) - 1), st.integers(1, 8))
    forms = draw(st.lists(st.lists(step, max_size=5), min_size=1, max_size=3))
    return {
        "words": words,
        "worded": worded,
        "values": values,
        "forms": forms,
        "form": draw(st.lists(st.integers(0, len(forms) - 1), min_size=count, max_size=count)),
    }


def naive(case: dict[str, Any]) -> list[str]:
    lines = []
    for row, form in enumerate(case["form"]):
        line = ""
        for literal, column, digits in case["forms"][form]:
            line += literal
            if column is not None and case["values"][column][row] >= 0:
                value = case["values"][column][row]
                line += case["words"][value] if case["worded"][column] else f"{value:0{digits}}"
        lines.append(line)
    return lines


def padded(text: str) -> np.ndarray:
    return np.frombuffer(text.encode() + bytes(SLACK), np.uint8).copy()


@given(cases())
def test_lines_are_what_formatting_gives(case: dict[str, Any]) -> None:
    pool, steps, ends_of_forms = "".join(case["words"]), [], [0]
    for form in case["forms"]:
        for literal, column, digits in form:
            place = NOTHING if column is None else column
            worded = column is not None and case["worded"][column]
            steps.append((len(pool), len(literal), place, 0 if worded else NOTHING, digits))
            pool += literal
        ends_of_forms.append(len(steps))
    wanted = naive(case)
    text = np.zeros(sum(map(len, wanted)) + SLACK, np.uint8)
    ends = np.zeros(len(wanted), np.int64)
    write_lines(
        np.array(steps, np.int64).reshape(-1, 5),
        np.array(ends_of_forms),
        np.array(case["form"], np.int64),
        np.array(case["values"], np.int64),
        np.cumsum([0, *map(len, case["words"])]),
        padded(pool),
        text,
        ends,
    )
    assert ends.tolist() == np.cumsum([len(line) for line in wanted]).tolist()
    assert bytes(text[: text.shape[0] - SLACK]).decode() == "".join(wanted)
