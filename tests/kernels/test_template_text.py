"""Lines read by templates: the kernel finds what regular expressions find."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive_template as naive
from flowstitch.arrays import PADDING
from flowstitch.kernels import template_text as tt
from flowstitch.kernels.intern import WORD_KEY
from flowstitch.kernels.wide import spread
from naive_template import Step

NULLS = [b"", b"-", b"None"]
# A quoted and a bare number, words of two groups, a value that is passed over, as in a JSON object.
JSON = [
    Step(tt.NOTHING, b'{"a": "'),
    Step(tt.SKIP, b'", "port": "'),
    Step(tt.NUMBER, b'", "count": ', to=0, limit=65535),
    Step(tt.NUMBER, b', "t": ', to=1, scale=1_000_000, bare=True, limit=253402300799),
    Step(tt.NUMBER, b', "eni": "', bare=True),
    Step(tt.WORD, b'", "address": "', to=0, group=1),
    Step(tt.WORD, b'"}\n', to=1, group=2),
]
# The same columns in another order, one of them missing.
OTHER = [
    Step(tt.NOTHING, b'{"eni":"'),
    Step(tt.WORD, b'","t":"', to=0, group=1),
    Step(tt.NUMBER, b'","address":"', to=1, null=-7),
    Step(tt.WORD, b'"}\r\n', to=1, group=2),
    Step(tt.ABSENT, b"", to=0, null=-5),
]
VALUES = [
    Step(tt.WORD, b",", to=0, group=1, ends=b",", trimmed=True),
    Step(tt.NUMBER, b',"', to=0, least=1),
    Step(tt.SKIP, b'",', ends=b","),
    Step(tt.SKIP, b",", ends=b",", least=1),
    Step(tt.WORD, b",", to=1, group=1, ends=b","),
    Step(tt.NUMBER, b"\n", to=1),
]
SAMPLES = {
    "json": b'{"a": "x y", "port": "80", "count": 17, "t": 1700000000, "eni": "eni-0123456789abcdef0", "address": "10.0.0.1"}\n',
    "other": b'{"eni":"eni-1","t":"-","address":"2001:db8::1234:5678:9abc:def0"}\r\n',
    "values": b'eni-1,80,"x",y,10.0.0.1,5\n',
}
TEMPLATES = {"json": JSON, "other": OTHER, "values": VALUES}


class Reader:
    """The kernel with what it carries from call to call."""

    def __init__(self, templates: list[list[Step]], words: int = 256) -> None:
        literals, steps, begins = bytearray(), [], [0]
        for template in templates:
            for step in template:
                # the first number is narrow, the second one wide
                to = (
                    ("in_narrow", "in_wide")[step.to > 0]
                    if step.kind in {tt.NUMBER, tt.ABSENT}
                    else "in_codes"
                )
                row = 0 if to == "in_wide" else step.to
                made = tt.Step.of(step.kind, step.literal, literals)._replace(
                    **{to: row}, least=step.least, ends=int(np.uint64(spread(ord(step.ends))).astype(np.int64)), trimmed=step.trimmed,
                    recurs=step.group != 2, group=step.group, limit=step.limit, scale=step.scale, bare=step.bare, null=step.null,
                )  # fmt: skip
                steps.append(made)
            begins.append(len(steps))
        nulls = [(int.from_bytes(null, "little"), len(null)) for null in NULLS]
        self.steps = tt.Steps(
            np.array(steps, np.int64), np.array(begins), np.frombuffer(bytes(literals) + bytes(PADDING), np.uint8),
            np.array(nulls, np.uint64),
        )  # fmt: skip
        self.words = words

    def read(self, text: bytes) -> list[dict | None]:
        """What each line gives."""
        padded = np.frombuffer(text + b'0":,-\n00'[:PADDING], np.uint8)
        met = tt.Met(
            np.zeros(2 * self.words, np.uint32), np.zeros((self.words, WORD_KEY), np.uint64),
            np.zeros((self.steps.steps.shape[0], tt.MEMO), np.int64),
        )  # fmt: skip
        lines = text.count(b"\n") + (not text.endswith(b"\n"))
        out = tt.Rows(
            np.full((1, lines), 99, np.int64), np.full((1, lines), 99, np.int32), np.full((2, lines), 99, np.uint32),
            np.empty(lines, np.int32), np.empty(lines, np.uint8),
        )  # fmt: skip
        state = np.zeros(tt.STATE, np.int64)
        state[tt.CODES] = 1
        found: list[dict | None] = []
        while state[tt.AT] < len(text):
            begin = int(state[tt.ROW])
            tt.read_lines(padded, len(text), len(text), state, *self.steps, *met, *out)
            assert state[tt.ROW] > begin
            for row in range(begin, int(state[tt.ROW])):
                codes = out.codes[:, row].tolist()
                if out.fits[row] == tt.HARD:
                    assert (out.wide[0, row], out.narrow[0, row], codes) == (-1, -1, [0, 0])
                    found.append(None)
                    continue
                values: dict = {("number", 0): int(out.narrow[0, row]), ("number", 1): int(out.wide[0, row])}
                for to, code in enumerate(codes):
                    key = met.keys[code]
                    at, length = int(key[3]), int(key[2]) & 0xFFFFFFFF
                    values["word", to] = (int(key[2]) >> 32, text[at : at + length])
                found.append(values)
            met.slots[:] = 0
            met.memo[:] = 0
            state[tt.CODES] = 1
        begins = out.begins[: state[tt.ROW]].tolist()
        lines = text.removesuffix(b"\n").split(b"\n") if text else []
        assert begins == [sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines))]
        return found


ALL = Reader(list(TEMPLATES.values()))


def check(text: bytes, reader: Reader = ALL) -> list[dict | None]:
    found = reader.read(text)
    assert found == naive.read_lines(text, list(TEMPLATES.values()), NULLS)
    return found


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_fits_its_own_template_alone(name):
    for other, steps in TEMPLATES.items():
        (found,) = Reader([steps]).read(SAMPLES[name])
        assert (found is not None) == (other == name)


def test_what_the_columns_get():
    found = check(SAMPLES["json"] + SAMPLES["other"] + b"\n" + SAMPLES["values"])
    assert found == [
        {("number", 0): 80, ("number", 1): 17_000_000, ("word", 0): (1, b"eni-0123456789abcdef0"), ("word", 1): (2, b"10.0.0.1")},
        {("number", 0): -5, ("number", 1): -7, ("word", 0): (1, b"eni-1"), ("word", 1): (2, b"2001:db8::1234:5678:9abc:def0")},
        None,
        {("number", 0): 80, ("number", 1): 5, ("word", 0): (1, b"eni-1"), ("word", 1): (1, b"10.0.0.1")},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("0", True), ("00080", True), ("65535", True), ("65536", False), ("0000000000000080", True), ("00000000000000080", False),
        ("99999999", False), ("-", True), ("", True), ("None", True), ("Non", False), ("--", False), ("-1", False), ("+1", False),
        (" 1", False), ("1 ", False), ("1.0", False), ("1e1", False), ("null", False), ("8\n0", False), ("8\\u0030", False), ("8\x000", False),
    ],
)  # fmt: skip
def test_numbers(text, fits):
    line = SAMPLES["json"].replace(b'"80"', f'"{text}"'.encode())
    found = check(SAMPLES["json"] + line + SAMPLES["json"])
    assert (found[1] is not None) == fits
    assert found[0] == found[-1] is not None


@pytest.mark.parametrize(("text", "fits"), [("0", True), ("1", True), ("01", False), ("", False), ("-", False), ("1.5", False)])  # fmt: skip
def test_bare_numbers_are_as_json_has_them(text, fits):
    found = check(SAMPLES["json"].replace(b"17,", text.encode() + b","))
    assert (found[0] is not None) == fits


@pytest.mark.parametrize("byte", [0, 8, 9, 13, 31, 32, 33, 92, 126, 127, 128, 195, 255])
@pytest.mark.parametrize("length", [0, 6, 7, 8, 9])
def test_values_are_plain(byte, length):
    line = SAMPLES["json"].replace(b"x y", b"x" * length + bytes([byte]) + b"y")
    found = check(line)
    assert (found[0] is not None) == (32 <= byte < 128 and byte != 92)


@pytest.mark.parametrize(
    ("text", "fits"), [("", True), ("a b", True), (" a", False), ("a ", False), (" ", False)]
)
def test_no_blank_at_the_ends_where_they_are_taken_off(text, fits):
    found = check(SAMPLES["values"].replace(b"eni-1", text.encode()))
    assert (found[0] is not None) == fits


def test_no_empty_value_where_it_must_have_a_byte():
    assert check(SAMPLES["values"].replace(b"80", b"")) == [None]
    assert check(SAMPLES["values"].replace(b",y,", b",,")) == [None]
    assert check(SAMPLES["values"].replace(b'"x"', b'""')) == check(SAMPLES["values"])


def test_words_are_told_apart_by_every_byte():
    words = [
        "",
        *(letter * length for length in range(1, 34) for letter in "ab"),
        "a" * 17 + "b",
        "a" * 16 + "b",
    ]
    text = b"".join(SAMPLES["values"].replace(b"eni-1", word.encode()) for word in [*words, *words])
    found = check(text, Reader(list(TEMPLATES.values()), words=1024))
    assert [values["word", 0][1].decode() for values in found] == [*words, *words]


@pytest.mark.parametrize("stop", range(len(SAMPLES["json"])))
def test_a_torn_line_is_hard(stop):
    found = check(SAMPLES["json"] + SAMPLES["json"][:stop])
    assert found[1:] == ([None] if stop else [])


MUTATED = st.sampled_from([*b'"",,  --\\\n\r\t01289aZ{}:.', 0, 127, 128, 255])


@st.composite
def lines(draw):
    """A sample, with a few bytes changed, put in or left out."""
    line = bytearray(draw(st.sampled_from(list(SAMPLES.values()))))
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 3]))):
        at = draw(st.integers(0, len(line)))
        line[at : at + draw(st.integers(0, 2))] = draw(st.lists(MUTATED, max_size=2))
    return bytes(line)


@given(st.lists(lines(), max_size=20))
@settings(max_examples=300)
def test_like_the_twin(parts):
    check(b"".join(parts))


@given(st.lists(lines(), max_size=20), st.sampled_from([8, 16]))
def test_like_the_twin_with_little_room(parts, words):
    check(b"".join(parts), Reader(list(TEMPLATES.values()), words=words))


VALUE = st.text(st.sampled_from("0189-Na. ,"), max_size=18).map(str.encode)


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(SAMPLES)), st.lists(VALUE, min_size=6, max_size=6)), max_size=12
    )
)
@settings(max_examples=300)
def test_like_the_twin_with_any_values(rows):
    text = b""
    for name, values in rows:
        steps = [step for step in TEMPLATES[name] if step.kind != tt.ABSENT]
        filled = zip([b"", *values] if steps[0].kind == tt.NOTHING else values, steps, strict=False)
        text += b"".join(value + step.literal for value, step in filled)
    check(text)
