import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import naive_xml as naive
from flowstitch.ingest.conntrack_grammar import xml_grammar
from flowstitch.kernels import conntrack_text as ct
from flowstitch.kernels import conntrack_xml as cx
from flowstitch.kernels import xml_flow as xf

DIALECTS = Path(__file__).parents[1] / "dialects"
FILES = [path.read_bytes() for path in sorted(DIALECTS.glob("*/*.xml"))]
FLOWS = sorted({
    flow for file in FILES for flow in re.findall(rb"<flow.*?</flow>", file) if len(flow) < 1500
})  # fmt: skip
PIECES = sorted({
    piece for flow in FLOWS for piece in re.findall(rb"<[^>]*>|[^<]+", flow)
} | {
    b"<?xml version='1.0'?>", b"<conntrack>", b"</conntrack>", b"<!DOCTYPE x [", b"<flow", b"<flow type='new'>", b"\n", b" ", b"<x>",
    b"</x>", b"<x/>", b"<>", b"</>", b"<meta>", b"<meta direction='reply'/>", b"<layer4 protonum=\"6\" protonum=\"7\">", b"&lt;", b"=", b"]",
    b"<src a='b'>", b"99999999999999999999", b" [USERSPACE] portid=1", b"<year>1969</year>", b"<day>31</day>", b"<month>13</month>",
})  # fmt: skip


def parse(text, *, final=True, capacity=64):
    """Every row of the text, a few rows at a time, and where the kernel stopped."""
    data = np.frombuffer(text, np.uint8)
    found = []
    at = 0
    while at < len(text):
        rows = np.full((capacity, xf.WIDTH), 77, np.int64)
        high, low = np.zeros((capacity, 4), np.uint64), np.zeros((capacity, 4), np.uint64)
        count, at = cx.parse_flows(data, at, final, *xml_grammar(), rows, high, low)
        ips = high.astype(object) << 64 | low.astype(object)
        found += zip(rows[:count].tolist(), ips[:count].tolist(), strict=True)
        if count == 0:
            break
    return found, at


def assert_like_twin(text, *, final=True, capacity=64):
    found, at = parse(text, final=final, capacity=capacity)
    twins, stopped = naive.units(text, final)
    places = [(cx.REASONS[row[ct.STATUS]], row[ct.LINE_AT], row[ct.LINE_STOP]) for row, _ in found]
    assert places == [twin[:3] for twin in twins]
    assert at == stopped
    for (row, ips), (status, _, _, flow) in zip(found, twins, strict=True):
        if status == "parsed":
            told = {column: value for column, value in enumerate(row) if value != -1}
            for column in (ct.STATUS, ct.LINE_AT, ct.LINE_STOP):
                told.pop(column)
            assert told == flow.row
            assert ips == [flow.ips[place] for place in range(4)]


def assert_nothing_lost(text):
    """Every byte but white space is in exactly one unit."""
    found, at = parse(text)
    assert at == len(text)
    last = 0
    for row, _ in found:
        assert last <= row[ct.LINE_AT] <= row[ct.LINE_STOP] <= len(text)
        assert not text[last : row[ct.LINE_AT]].strip(b" \t\r\n")
        last = row[ct.LINE_STOP]
    assert not text[last:].strip(b" \t\r\n")


@pytest.mark.parametrize("text", FILES, ids=range(len(FILES)))
def test_golden_files(text):
    for capacity in (1, 64):
        assert_like_twin(text, capacity=capacity)
    assert_nothing_lost(text)


@pytest.mark.parametrize("flow", FLOWS, ids=range(len(FLOWS)))
def test_every_cut_is_seen(flow):
    for size in range(0, len(flow), 3):
        assert_like_twin(flow[:size], final=True)
        assert_like_twin(flow[:size], final=False)
        assert_like_twin(flow[:size] + b"\n" + flow + b"\n")


@st.composite
def shuffled_flows(draw):
    """Flows with tags and texts dropped, doubled, swapped and put in."""
    pieces = re.findall(rb"<[^>]*>|[^<]+", draw(st.sampled_from(FLOWS)))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(pieces)))
        what = draw(st.sampled_from(["drop", "double", "swap", "put"]))
        if what == "drop":
            del pieces[place : place + 1]
        elif what == "double":
            pieces[place:place] = pieces[place : place + 1]
        elif what == "swap":
            pieces[place : place + 2] = pieces[place : place + 2][::-1]
        else:
            pieces.insert(place, draw(st.sampled_from(PIECES)))
    return draw(st.sampled_from([b"", b"", b"\n", b" "])).join(pieces)


@given(
    st.lists(shuffled_flows(), max_size=4),
    st.sampled_from([b"\n", b"", b"\r\n"]),
    st.booleans(),
    st.integers(1, 8),
)
def test_shuffled_elements(flows, between, final, capacity):
    text = between.join(flows)
    assert_like_twin(text, final=final, capacity=capacity)
    assert_nothing_lost(text)


@st.composite
def damaged_files(draw):
    """A file with bytes changed, dropped and put in."""
    text = bytearray(b"\n".join(draw(st.lists(st.sampled_from(FLOWS), min_size=1, max_size=3))) + b"\n")
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(text) - 1))
        size = draw(st.sampled_from([0, 1, 1, 40]))
        text[place : place + size] = draw(st.one_of(st.binary(max_size=3), st.sampled_from(PIECES)))
        text += b"\n"
    return bytes(text)


@given(damaged_files(), st.booleans())
def test_damaged_bytes(text, final):
    assert_like_twin(text, final=final)
    assert_nothing_lost(text)


@given(
    st.one_of(st.binary(max_size=80), st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join)),
    st.booleans(),
)
@example(b"<", True)
@example(b"<flow", False)
@example(b"<flow/>", True)
@example(b"<flow></flow>", True)
@example(b"xflow>", True)
@example(b"<flow><meta direction='", True)
def test_any_bytes(text, final):
    assert_like_twin(text, final=final)


def test_a_flow_without_end_is_bounded():
    flow = FLOWS[0]
    text = b"<flow>" + b" " * cx.MAX_FLOW_BYTES + b"\n" + flow + b"\n"
    found, _ = parse(text, final=False)
    assert [cx.REASONS[row[ct.STATUS]] for row, _ in found] == ["long flow", "parsed"]
    assert_like_twin(text, final=False)


@pytest.mark.parametrize(
    "noise", [b"<flow x", b"<flow\nx", b"<flow>", b"<flow><x>", b"<flow a='", b"<flow><meta direction=", b"<x>", b"<", b"<flow/x", b"<flow><secctx>"]
)  # fmt: skip
def test_noise_takes_linear_time(noise):
    text = noise * (2_000_000 // len(noise))
    found, at = parse(text, capacity=1 << 14)
    assert at == len(text)
    assert {cx.REASONS[row[ct.STATUS]] for row, _ in found} <= {"torn line", "foreign line", "long flow"}
