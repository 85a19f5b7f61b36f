import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import naive_text as naive
from conntrack_texts import LINES, shuffled_lines
from flowstitch.ingest.conntrack_grammar import conntrack_grammar
from flowstitch.kernels import conntrack_text as ct
from flowstitch.kernels import shapes
from flowstitch.kernels.shapes import MAX_VALUES

DATA = Path(__file__).parents[2] / "data" / "ipvs" / "export" / "nodes"


def parse(text, at, stop, *, cut=False):
    """Row, addresses and values of a line."""
    row = np.full(ct.WIDTH, -1, np.int64)
    high, low, values = np.zeros(4, np.uint64), np.zeros(4, np.uint64), np.zeros((MAX_VALUES, 5), np.int64)
    data = np.frombuffer(text, np.uint8)
    row[ct.STATUS], count = ct.parse_line(data, at, stop, cut, *conntrack_grammar(), row, high, low, values)
    halves = zip(high.tolist(), low.tolist(), strict=True)
    return row.tolist(), [upper << 64 | lower for upper, lower in halves], values[:count].tolist()


def assert_like_twin(line, *, cut=False):
    twin = naive.ConntrackLine(line, not cut)
    cut &= not line.endswith(b"\r")
    line = line.removesuffix(b"\r")
    # what is around the line does not count
    text = b"7" + line + b"7"
    row, addresses, values = parse(text, 1, len(text) - 1, cut=cut)
    assert ct.REASONS[row[ct.STATUS]] == twin.status, line
    if twin.status == "parsed":
        found = {column: value for column, value in enumerate(row) if value != -1}
        extra_at = found.pop(ct.EXTRA_AT, None)
        assert (extra_at is None) == (row[ct.EXTRAS] == 0)
        found.pop(ct.STATUS)
        assert found == twin.row, line
        assert addresses == [twin.ips[ip] for ip in range(4)]
        assert_values_are_there(text, values, twin)


def assert_values_are_there(text, values, twin):
    """What is noted of the values is where they are: the line without them has none left."""
    noted = {}
    for begin, stop, form, _, column in values:
        if form not in {shapes.TEXT, shapes.ADDRESS}:
            first = ct.SMALL if form in {shapes.SMALL, shapes.HEX16} else ct.LARGE
            noted[first + column] = text[begin:stop]
    words = {ct.FLAGS, ct.EXTRAS, ct.PROTOCOL_NUMBER, ct.EVENT_CODE, ct.STATE}
    assert noted.keys() == twin.row.keys() - words
    for column, value in noted.items():
        if re.fullmatch(rb"[0-9]+", value) and twin.row[column] != ct.CUT:
            assert int(value) == twin.row[column]
    places = [begin for begin, *_ in values]
    assert places == sorted(places)
    assert [column for *_, form, _, column in values if form == shapes.ADDRESS] == [0, 1, 2, 3]


@pytest.mark.parametrize("line", LINES)
def test_golden_lines(line):
    assert_like_twin(line)
    assert_like_twin(line, cut=True)


@pytest.mark.parametrize(
    "path",
    [*DATA.glob("*/conntrack-list.1795395000.649.txt.gz"), DATA / "cn-hongkong.10.0.1.82/conntrack-events.log.gz"],
    ids=lambda path: f"{path.parent.name}-{path.name}",
)  # fmt: skip
def test_real_lines(path):
    for line in gzip.decompress(path.read_bytes()).splitlines()[::5]:
        assert_like_twin(line)


@pytest.mark.parametrize("line", LINES)
def test_every_cut_is_seen(line):
    for size in range(1, len(line)):
        assert_like_twin(line[:size])
        assert_like_twin(line[:size], cut=True)


@given(shuffled_lines(), st.booleans())
def test_shuffled_tokens(line, cut):
    assert_like_twin(line, cut=cut)


@given(st.binary(max_size=80).map(lambda line: line.replace(b"\n", b"")), st.booleans())
@example(b"[", True)
@example(b"[1", False)
@example(b"tcp 6", True)
@example(b"ipv4 2 ", True)
def test_any_bytes(line, cut):
    assert_like_twin(line, cut=cut)


def test_all_ones_is_no_address():
    ones = b"ffff:" * 7 + b"ffff"
    line = b"udp 17 9 src=" + ones + b" dst=::1 sport=1 dport=1 src=::1 dst=::2 sport=1 dport=1"
    assert ct.REASONS[parse(line, 0, len(line))[0][ct.STATUS]] == "bad address"


def test_a_long_line_of_noise_takes_linear_time():
    line = b"tcp 6 " + b"[" * (1 << 20)
    assert ct.REASONS[parse(line, 0, len(line))[0][ct.STATUS]] == "torn line"
