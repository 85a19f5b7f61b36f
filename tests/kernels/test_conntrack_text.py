import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import naive_text as naive
from flowstitch.ingest.conntrack_grammar import conntrack_grammar
from flowstitch.kernels import conntrack_text as ct

DATA = Path(__file__).parents[2] / "data" / "ipvs" / "export" / "nodes"
MASK = (1 << 64) - 1
LINES = [
    line
    for path in sorted((Path(__file__).parents[1] / "dialects").glob("conntrack-*/in.*"))
    if path.suffix != ".xml"
    for line in path.read_bytes().splitlines()
]
LINES.append(
    b"icmp 1 0 src=0.0.0.0 dst=:: type=0 code=0 id=0 src=:: dst=0.0.0.0 type=0 code=0 id=0 mark=0 use=0 id=0"
)
TOKENS = sorted({token for line in LINES for token in re.findall(rb"\[[^\]]*\]|\S+", line)} | {
    b"src=", b"dst=::", b"sport=99999", b"id=", b"bytes=9223372036854775808", b"bytes=18446744073709551616", b"mark=-1",
    b"srckey=0x123456789", b"zone=65535", b"zone-reply=3", b"type=8", b"code=256", b"[start=Mon", b"[stop=]", b"[", b"]", b"=",
    b"labels", b"ipv6", b"255", b"256", b"SHUTDOWN_ACK_SENT", b"SHUTDOWN_ACK_SENT_", b"[ASSURED", b"[12]", b"[12.5]", b"\0tcp",
})  # fmt: skip


def parse(text, *, terminated=True, capacity=64):
    """Every row of the text, a few rows at a time."""
    data = np.frombuffer(text, np.uint8)
    rows, high, low = [], [], []
    at = 0
    while at < len(text):
        part = (
            np.full((capacity, ct.WIDTH), 77, np.int64),
            np.zeros((capacity, 4), np.uint64),
            np.zeros((capacity, 4), np.uint64),
        )
        count, at = ct.parse_lines(data, at, terminated, *conntrack_grammar(), *part)
        assert count > 0
        for whole, piece in zip((rows, high, low), part, strict=True):
            whole.extend(piece[:count].tolist())
    return rows, high, low


def assert_like_twin(text, *, terminated=True, capacity=64):
    rows, high, low = parse(text, terminated=terminated, capacity=capacity)
    lines = text.split(b"\n")
    whole = text.endswith(b"\n")
    lines = lines[:-1] if whole or not text else lines
    assert len(rows) == len(lines)
    at = 0
    for place, line in enumerate(lines):
        last = place == len(lines) - 1 and not whole
        twin = naive.ConntrackLine(line, terminated or not last)
        row = rows[place]
        assert (ct.REASONS[row[ct.STATUS]], row[ct.LINE_AT], row[ct.LINE_STOP]) == (
            twin.status,
            at,
            at + len(line),
        ), line
        at += len(line) + 1
        if twin.status == "parsed":
            found = {column: value for column, value in enumerate(row) if value != -1}
            extra_at = found.pop(ct.EXTRA_AT, None)
            assert (extra_at is None) == (row[ct.EXTRAS] == 0)
            for column in (ct.STATUS, ct.LINE_AT, ct.LINE_STOP):
                found.pop(column)
            assert found == twin.row, line
            assert [high[place][ip] << 64 | low[place][ip] for ip in range(4)] == [
                twin.ips[ip] for ip in range(4)
            ]


@pytest.mark.parametrize("line", LINES)
def test_golden_lines(line):
    assert_like_twin(line + b"\n")
    assert_like_twin(line, terminated=False)


@pytest.mark.parametrize(
    "path", sorted(DATA.glob("*/conntrack-list.1795395000.649.txt.gz")), ids=lambda path: path.parent.name
)
def test_real_list(path):
    assert_like_twin(gzip.decompress(path.read_bytes()), capacity=50)


def test_real_events():
    text = gzip.decompress((DATA / "cn-hongkong.10.0.1.82" / "conntrack-events.log.gz").read_bytes())
    assert_like_twin(b"".join(text.splitlines(keepends=True)[::5]))


@pytest.mark.parametrize("line", LINES)
def test_every_cut_is_seen(line):
    for size in range(1, len(line)):
        assert_like_twin(line[:size], terminated=False)
        assert_like_twin(line[:size], terminated=True)


@st.composite
def shuffled_lines(draw):
    """Lines with tokens dropped, doubled, swapped, put in, and blanks of any number."""
    tokens = re.findall(rb"\[[^\]]*\]|\S+", draw(st.sampled_from(LINES)))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(tokens)))
        what = draw(st.sampled_from(["drop", "double", "swap", "put"]))
        if what == "drop":
            del tokens[place : place + 1]
        elif what == "double":
            tokens[place:place] = tokens[place : place + 1]
        elif what == "swap":
            tokens[place : place + 2] = tokens[place : place + 2][::-1]
        else:
            tokens.insert(place, draw(st.sampled_from(TOKENS)))
    blanks = draw(st.sampled_from([b" ", b"  ", b"\t", b" \t "]))
    return (
        draw(st.sampled_from([b"", b" "])) + blanks.join(tokens) + draw(st.sampled_from([b"", b" ", b"\r"]))
    )


@given(st.lists(shuffled_lines(), max_size=6), st.booleans(), st.booleans(), st.integers(1, 8))
def test_shuffled_tokens(lines, newline, terminated, capacity):
    assert_like_twin(b"\n".join(lines) + b"\n" * newline, terminated=terminated, capacity=capacity)


@given(st.binary(max_size=80), st.booleans())
@example(b"[", False)
@example(b"[1", True)
@example(b"tcp 6", False)
@example(b"ipv4 2 ", False)
def test_any_bytes(text, terminated):
    assert_like_twin(text, terminated=terminated)


def test_all_ones_is_no_address():
    ones = b"ffff:" * 7 + b"ffff"
    rows, _, _ = parse(
        b"udp 17 9 src=" + ones + b" dst=::1 sport=1 dport=1 src=::1 dst=::2 sport=1 dport=1\n"
    )
    assert ct.REASONS[rows[0][ct.STATUS]] == "bad address"


def test_a_long_line_of_noise_takes_linear_time():
    rows, _, _ = parse(b"tcp 6 " + b"[" * (1 << 20) + b"\n")
    assert ct.REASONS[rows[0][ct.STATUS]] == "torn line"
