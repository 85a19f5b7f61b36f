import re
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import naive_save as naive
from flowstitch.ingest.conntrack_grammar import save_grammar
from flowstitch.kernels import conntrack_save as cs
from flowstitch.kernels import conntrack_text as ct

DIALECTS = Path(__file__).parents[1] / "dialects"
LINES = sorted({
    line for path in DIALECTS.glob("conntrack-save*/in.*") for line in path.read_bytes().splitlines()
})  # fmt: skip
WORDS = sorted({word for line in LINES for word in line.split()} | {*(word.encode() for word in naive.DIALECT["options"])} | {
    b"-A", b"-D", b"-", b"--", b"--sport=1", b"65536", b"4294967296", b"-1", b"0x1", b"::", b"icmp", b"255", b"256", b"ESTABLISHED=", b"UNSET",
    b"SEEN_REPLY,,ASSURED,", b",", b"SEEN_REPLY,OFFLOAD", b"[USERSPACE]x", b"progname=a", b"labels", b"\0", b"\xff", b"--reply-port-srcs",
})  # fmt: skip


def parse(text, *, terminated=True, capacity=64):
    """Every row of the text, a few rows at a time."""
    data, found, at = np.frombuffer(text, np.uint8), [], 0
    while at < len(text):
        rows = np.full((capacity, ct.WIDTH), 77, np.int64)
        high, low = np.zeros((capacity, 4), np.uint64), np.zeros((capacity, 4), np.uint64)
        count, at = cs.parse_saved(data, at, terminated, *save_grammar(), rows, high, low)
        assert count > 0
        ips = high.astype(object) << 64 | low.astype(object)
        found += zip(rows[:count].tolist(), ips[:count].tolist(), strict=True)
    return found


def assert_like_twin(text, *, capacity=64):
    lines = text.split(b"\n")
    lines = lines if lines[-1] else lines[:-1]
    whole = text.endswith(b"\n")
    found, offset = parse(text, terminated=whole, capacity=capacity), 0
    assert len(found) == len(lines)
    for (row, ips), line in zip(found, lines, strict=True):
        twin = naive.SavedLine(line, whole or line is not lines[-1])
        assert cs.REASONS[row[ct.STATUS]] == twin.status, line
        assert text[row[ct.LINE_AT] : row[ct.LINE_STOP]] == line
        assert row[ct.LINE_AT] == offset
        offset += len(line) + 1
        if twin.status == "parsed":
            told = {column: value for column, value in enumerate(row) if value != -1}
            for column in (ct.STATUS, ct.LINE_AT, ct.LINE_STOP):
                told.pop(column)
            assert (told.pop(ct.EXTRA_AT, None) is None) == (row[ct.EXTRAS] == 0)
            assert told == twin.row, line
            assert ips == [twin.ips[place] for place in range(4)]


def test_golden_lines():
    assert len(LINES) > 20
    text = b"\n".join(LINES)
    for capacity in (1, 64):
        assert_like_twin(text + b"\n", capacity=capacity)
        assert_like_twin(text, capacity=capacity)


@pytest.mark.parametrize("line", LINES)
def test_every_cut_is_seen(line):
    for size in range(1, len(line)):
        assert_like_twin(line[:size])
        assert_like_twin(line[:size] + b"\n")


@st.composite
def shuffled_lines(draw):
    """Lines with words dropped, doubled, swapped, put in, and blanks of any number."""
    words = draw(st.sampled_from(LINES)).split()
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(words)))
        what = draw(st.sampled_from(["drop", "drop two", "double", "swap", "put"]))
        if what.startswith("drop"):
            del words[place : place + 1 + what.endswith("two")]
        elif what == "double":
            words[place:place] = words[place : place + 2]
        elif what == "swap":
            words[place : place + 2] = words[place : place + 2][::-1]
        else:
            words.insert(place, draw(st.sampled_from(WORDS)))
    blanks = draw(st.sampled_from([b" ", b"  ", b"\t", b" \t "]))
    return draw(st.sampled_from([b"", b" "])) + blanks.join(words) + draw(st.sampled_from([b"", b" ", b"\r"]))


@given(st.lists(shuffled_lines(), max_size=4), st.booleans(), st.integers(1, 8))
def test_shuffled_words(lines, ended, capacity):
    assert_like_twin(b"\n".join(lines) + b"\n" * ended, capacity=capacity)


@given(st.binary(max_size=80), st.sampled_from([b"", b"-A ", b"-A -u UNSET -s 1.2.3.4 -d ::1 -p 9 "]))
@example(b"\r", b"")
@example(b"-u", b"-A ")
@example(b"-u ,", b"-A ")
def test_any_bytes(end, start):
    assert_like_twin(start + end)


@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_any_words(words):
    assert_like_twin(b" ".join([b"-A -u UNSET -s 1.2.3.4 -d ::1 -p udp --sport 1 --dport 2", *words]) + b"\n")


def test_every_option_of_the_dialect_is_read():
    words = {word for line in LINES for word in re.findall(r"(?<!\S)-[-\w]+", line.decode("latin-1"))}
    assert naive.DIALECT["options"].keys() <= words


@pytest.mark.parametrize("noise", [b"-", b"-s", b"-A ", b" ", b"-A -u " + b",", b"a,", b"x "])
def test_noise_takes_linear_time(noise):
    text = b"-A -u " + noise * (2_000_000 // len(noise)) + b"\n"
    began = time.process_time()
    assert len(parse(text)) == 1
    assert time.process_time() - began < 5
