"""Lines read column by column: what the kernel reads is what the twin of ``read_lines`` reads of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive_template as naive
from flowstitch.arrays import PADDING
from flowstitch.kernels import separated_text as sp
from flowstitch.kernels import template_text as tt
from flowstitch.kernels.intern import WORD_KEY
from flowstitch.kernels.wide import spread
from naive_template import Step

NULLS = [b"", b"-", b"None"]


def columns(separator: bytes, least: int, trimmed: bool) -> list[Step]:
    """Steps of a template such as ``delimited_template`` makes."""

    def step(kind, **more):
        return Step(kind, more.pop("end", separator), ends=separator, least=least, **more)

    return [
        Step(tt.NOTHING, b""),
        step(tt.SKIP, trimmed=trimmed),
        step(tt.WORD, to=0, group=1),
        step(tt.NUMBER, to=0, limit=65535, null=-7),
        step(tt.WORD, to=1, group=2),
        step(tt.NUMBER, to=1, scale=1_000_000, limit=253402300799),
        step(tt.WORD, to=2, group=1, trimmed=trimmed, end=b"\n"),
        Step(tt.ABSENT, b"", to=2, null=-5),
    ]


FORMS = {"blanks": columns(b" ", 1, False), "commas": columns(b",", 0, True), "tabs": columns(b"\t", 1, True)}


def read(text: bytes, form: list[Step], words: int = 1 << 12) -> tuple[list[dict | None], int]:
    """What lines give that are read column by column, up to where the kernel leaves off."""
    literals, steps = bytearray(), []
    for step in form:
        goal, row = "in_codes", step.to
        if step.kind in {tt.NUMBER, tt.ABSENT}:
            goal, row = ("in_wide", 0) if step.to == 1 else ("in_narrow", step.to // 2)
        steps.append(
            tt.Step.of(step.kind, step.literal, literals)._replace(
                **{goal: row}, least=step.least, trimmed=step.trimmed, recurs=step.group != 2, group=step.group, limit=step.limit,
                scale=step.scale, null=step.null, ends=int(np.uint64(spread(ord(step.ends))).astype(np.int64)),
            )
        )  # fmt: skip
    nulls = np.array([(int.from_bytes(null, "little"), len(null)) for null in NULLS], np.uint64)
    met = tt.Met(
        np.zeros(1 << (2 * words).bit_length(), np.uint32),
        np.zeros((words, WORD_KEY), np.uint64),
        np.zeros((len(steps), tt.MEMO), np.int64),
    )
    lines = text.count(b"\n") + 1
    out = tt.Rows(
        np.full((1, lines), 99, np.int64), np.full((2, lines), 99, np.int32), np.full((3, lines), 99, np.uint32),
        np.empty(lines, np.int32), np.empty(lines, np.uint8),
    )  # fmt: skip
    state = np.zeros(tt.STATE, np.int64)
    state[tt.CODES] = 1
    separated = sp.make_separated(ord(form[1].literal), 6)
    padded = np.frombuffer(text + b'0":,-\n00'[:PADDING], np.uint8)
    sp.read_separated(padded, len(text), state, *separated, np.array(steps, np.int64), nulls, *met, *out)
    rows = int(state[tt.ROW])
    assert text[: state[tt.AT]].count(b"\n") == rows
    starts = [0, *(place + 1 for place, byte in enumerate(text) if byte == 10)]
    assert out.begins[:rows].tolist() == starts[:rows]
    return [_row(text, out, met, row) for row in range(rows)], int(state[tt.AT])


def _row(text: bytes, out: tt.Rows, met: tt.Met, row: int) -> dict | None:
    numbers = [int(out.narrow[0, row]), int(out.wide[0, row]), int(out.narrow[1, row])]
    codes = out.codes[:, row].tolist()
    if out.fits[row] == tt.HARD:
        assert (numbers, codes) == ([-1] * 3, [0] * 3)
        return None
    values: dict = {("number", to): number for to, number in enumerate(numbers)}
    for to, code in enumerate(codes):
        key = met.keys[code]
        at, length = int(key[3]), int(key[2]) & 0xFFFFFFFF
        values["word", to] = (int(key[2]) >> 32, text[at : at + length])
    return values


VALUES = st.one_of(
    st.sampled_from(["", "-", "None", "0", "80", "65535", "65536", "1700000000", "10.0.0.1", "2001:db8::1", "eni-0123456789abcdef0"]),
    st.text(st.sampled_from("0189-Na. :\x7f"), max_size=20),
)  # fmt: skip
GOOD = ("2", "eni-0123456789abcdef0", "80", "10.0.0.1", "1700000000", "OK")


@st.composite
def texts(draw, separator):
    """Lines with the right number of values, and seldom one with another, or a byte that is not plain."""
    lines = []
    for _ in range(draw(st.integers(0, 30))):
        values = [(draw(VALUES) if draw(st.integers(0, 5)) == 0 else good).encode() for good in GOOD]
        if separator == b" ":
            values = [value.replace(b" ", b"") for value in values]
        if draw(st.integers(0, 60)) == 0:
            values = values[: draw(st.integers(1, 6))] + draw(
                st.lists(st.sampled_from([b"x", b'"', b"\\", b"\xff", b"\r", b"\x00"]), max_size=3)
            )
        lines.append(separator.join(values) + b"\n")
    return b"".join(lines)


@pytest.mark.parametrize("name", FORMS)
@given(st.data())
@settings(max_examples=200)
def test_like_the_twin_as_far_as_it_goes(name, data):
    form = FORMS[name]
    text = data.draw(texts(form[1].literal)) + data.draw(st.sampled_from([b"", b"2 eni", b"\n" * 70]))
    found, at = read(text, form)
    assert found == naive.read_lines(text[:at], [form], NULLS)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("count", [1, 100, sp.ROWS, sp.ROWS + 1, 3 * sp.ROWS + 7])
def test_only_the_last_bytes_are_left(name, count):
    line = FORMS[name][1].literal.join(value.encode() for value in GOOD) + b"\n"
    found, at = read(line * count, FORMS[name])
    assert len(line) * count - at < 64 + len(line)
    assert found == naive.read_lines(line, [FORMS[name]], NULLS) * (at // len(line))


def test_it_leaves_off_before_words_run_out_of_room():
    line = b"2 eni-%d 80 10.0.%d.1 1700000000 OK\n"
    text = b"".join(line % (number, number % 256) for number in range(4 * sp.ROWS))
    found, _ = read(text, FORMS["blanks"], words=5 * sp.ROWS + 2)
    assert len(found) == 2 * sp.ROWS


@pytest.mark.parametrize("wrong", [b"2 eni 80 10.0.0.1 1700000000\n", b"2 eni 80 10.0.0.1 1700000000 OK more\n", b"\n", b'"\n', b"\xc3\xa9\n"])  # fmt: skip
def test_what_is_uneven_is_left(wrong):
    line = b"2 eni-1 80 10.0.0.1 1700000000 OK\n"
    found, at = read(line * sp.ROWS + line * 5 + wrong + line * 300, FORMS["blanks"])
    assert len(found) == sp.ROWS
    assert at == len(line) * sp.ROWS


def test_two_short_lines_are_not_one():
    line = b"2 eni-1 80\n10.0.0.1 1700000000 OK\n"
    assert read(line * 100, FORMS["blanks"]) == ([], 0)


NUMBERS = ["7", "0", "-", "x", "7x", "None", *("1234567890123456789"[:length] for length in range(2, 20)), "00000080", "0000000000000080",
           "99999999", "253402300799", "253402300800", "1700000x00", "17000000x0", "65536"]  # fmt: skip


@pytest.mark.parametrize("first", NUMBERS)
def test_numbers_of_any_length_behind_each_other(first):
    # what comes first says how the others are read, and not what they are
    rows = [("2", "eni", number, "10.0.0.1", number, "OK") for number in [first, *NUMBERS, *NUMBERS[::-1]]]
    text = b"".join(" ".join(row).encode() + b"\n" for row in rows)
    found, at = read(text + b"2 eni 80 10.0.0.1 5 OK\n" * 9, FORMS["blanks"])
    assert at > len(text)
    assert found[: len(rows)] == naive.read_lines(text, [FORMS["blanks"]], NULLS)


@pytest.mark.parametrize("number", ["7", "12345678", "1700000000"])
def test_a_number_at_the_very_end(number):
    # behind the last 64 bytes is nothing but the padding
    nothing, version, eni, port, address, time, status, absent = FORMS["blanks"]
    form = [
        nothing,
        version,
        eni,
        status._replace(literal=b" "),
        port,
        address,
        time._replace(literal=b"\n"),
        absent,
    ]
    lines = b"2 eni OK 80 10.0.0.1 1700000000\n" * 9
    last = b" OK 80 10.0.0.1 " + number.encode() + b"\n"
    text = lines + b"2 e" + b"e" * (-(len(lines) + 3 + len(last)) % 64) + last
    found, at = read(text, form)
    assert at == len(text)
    assert found == naive.read_lines(text, [form], NULLS)
