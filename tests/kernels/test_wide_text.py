"""Values read eight bytes at a time are those that a plain reader finds, or none."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import naive_text as naive
from flowstitch.arrays import PADDING
from flowstitch.kernels import wide_text as wt
from flowstitch.kernels.wide import load8

LINES = st.binary(max_size=40).map(lambda line: line.replace(b"\n", b""))
DIGITS = st.text("0123456789", max_size=20).map(str.encode)
BEHIND = st.sampled_from([b" ", b"\n", b"]", b"x", b"\xff", b"\0", b"/", b":"])


def text_of(line: bytes) -> np.ndarray:
    return np.frombuffer(line + b"\n" + bytes(PADDING), np.uint8)


@given(LINES, st.data())
def test_a_blank_is_found_or_the_end_of_the_line(line, draw):
    at = draw.draw(st.integers(0, len(line)))
    found = re.compile(rb"[\0-\x20]").search(line, at)
    assert wt.find_blank8(text_of(line), at) == (found.start() if found else len(line))


@given(DIGITS | LINES, BEHIND)
def test_decimals(digits, behind):
    text = text_of(digits + behind)
    length = len(re.match(rb"[0-9]*", digits + behind)[0])
    value, stop = wt.read_decimal(text, 0)
    if 0 < length < 16:
        assert (value, stop) == (int(digits[:length]), length)
    else:
        assert value == -1


@given(
    st.from_regex(rb"[0-9]{10}\.[0-9]{6}", fullmatch=True) | LINES, st.binary(max_size=1), st.integers(0, 17)
)
def test_stamps(stamp, other, place):
    changed = (stamp[:place] + other + stamp[place:]).replace(b"\n", b"")
    value = wt.read_stamp(text_of(changed), 0)
    usual = re.match(rb"[0-9]{10}\.[0-9]{6}(?![0-9])", changed)
    assert value == (naive.stamp(usual[0]) if usual else -1)


TIMES = st.datetimes(min_value=np.datetime64("1970-01-01", "s").item()).map(
    lambda at: at.strftime("%a %b %e %H:%M:%S %Y")
)


@given(
    st.lists(
        st.tuples(TIMES, st.integers(0, 24), st.sampled_from([*map(chr, range(32, 127)), ""])),
        min_size=1,
        max_size=5,
    )
)
@example([("\0\0\0\0\0\0\0\0\0\0\x0000:46:52\0\0\0\0\0", 0, "\0")])
@example(
    [
        ("Mon Nov 23 24:46:52 2026", 0, "M"),
        ("Mon Nov 23 00:46:52 2026", 0, "M"),
        ("Mon Nov 23 00:60:52 2026", 0, "M"),
    ]
)
def test_times(times):
    # what was read before changes nothing
    day = wt.FIRST_DAY.copy()
    for time, place, other in times:
        changed = (time[:place] + other + time[place + 1 :]).encode()
        value = wt.read_ctime(text_of(changed + b"]"), 0, day)
        usual = re.fullmatch(rb".{11}\d\d:\d\d:\d\d .{4}", changed[:24], re.DOTALL)
        assert value == (naive.ctime(changed[:24]) if usual else -1)


@pytest.mark.parametrize(
    "clock", ["00:00:00", "23:59:59", "24:00:00", "12:60:00", "12:00:60", "1:000:00", "12:3a:00", "12 30:00"]
)
def test_clocks(clock):
    match = re.fullmatch(r"(\d\d):(\d\d):(\d\d)", clock)
    hour, minute, second = map(int, match.groups()) if match else (24, 0, 0)
    good = hour < 24 and minute < 60 and second < 60
    assert wt.read_clock(np.uint64(load8(text_of(clock.encode()), 0))) == (
        hour * 3600 + minute * 60 + second if good else -1
    )
