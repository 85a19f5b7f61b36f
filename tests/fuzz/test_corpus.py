"""Inputs that fuzzing has found worth keeping, seeds, and damaged ones, against what must hold of every input."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.seeds import seeds
from fuzz.targets import TARGETS, check

CORPUS = Path(__file__).parent / "corpus"
ODD = [
    b"", b"\0", b"\xff", b"\xef\xbb\xbf", b"\x1b[31m", b"-1", b"65536", b"18446744073709551616", b"1e999", b"0x", b"null", b'"', b"'", b"{",
    b"}", b"[", b"]", b"<", b">", b"&x;", b"\\u0000", b"\\ud800", b"=", b",", b" ", b"\t", b"\r", b"\n", b"\r\n\r\n", b"::", b"256.0.0.1",
    b"\xe2\x80\xae", "\u0661".encode(), b"9999-12-31T23:59:59-23:59", b"253402300799",
]  # fmt: skip


@cache
def inputs(target: str) -> list[bytes]:
    return [*seeds(target), *(path.read_bytes() for path in sorted((CORPUS / target).glob("*")))]


@st.composite
def damaged(draw: st.DrawFn, target: str) -> bytes:
    """An input with words dropped, doubled, swapped with the next, put in, or cut off."""
    words = re.findall(rb"\w+|\W", draw(st.sampled_from(inputs(target))))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(words)))
        what = draw(st.sampled_from(["drop", "double", "swap", "put", "put", "bytes", "cut"]))
        if what == "drop":
            del words[place : place + draw(st.integers(1, 9))]
        elif what == "double":
            words[place:place] = words[place : place + draw(st.integers(1, 99))]
        elif what == "swap":
            words[place : place + 2] = words[place : place + 2][::-1]
        elif what == "put":
            words[place : place + draw(st.integers(0, 1))] = [draw(st.sampled_from(ODD))]
        elif what == "bytes":
            words.insert(place, draw(st.binary(max_size=9)))
        else:
            del words[place:]
    return b"".join(words)


@pytest.mark.parametrize("target", TARGETS)
def test_replay(target: str, tmp_path: Path) -> None:
    for data in inputs(target):
        check(target, data, tmp_path / "file")


@pytest.mark.parametrize("target", TARGETS)
def test_damaged(target: str, tmp_path: Path) -> None:
    @given(damaged(target))
    @settings(max_examples=60)
    def holds(data: bytes) -> None:
        check(target, data, tmp_path / "file")

    holds()
