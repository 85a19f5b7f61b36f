"""Addresses are numbered by their text, each text parsed once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive_text as naive
from flowstitch.arrays import PADDING
from flowstitch.kernels.address_memo import make_memo, number_address

ADDRESSES = st.ip_addresses().map(str) | st.ip_addresses(v=6).map(lambda address: address.exploded)
TEXTS = st.one_of(
    ADDRESSES,
    st.sampled_from(["1.2.3.4", "1.2.3.40", "::1", "::ffff:1.2.3.4", "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:2"]),
    st.text("0123456789abcdef:.", max_size=45),
)  # fmt: skip


@given(
    st.lists(
        TEXTS | st.binary(max_size=45).map(lambda data: data.replace(b"\n", b"").decode("latin-1")),
        max_size=20,
    )
)
def test_a_text_has_one_number(words):
    words = [word.encode("latin-1") for word in words]
    text = np.frombuffer(b" ".join(words) + b"\n" + bytes(PADDING), np.uint8)
    memo = make_memo(len(words))
    known: dict[bytes, int] = {}
    at = 0
    for word in words:
        value = naive.address(word)
        number, stop = number_address(text, at, memo)
        assert stop <= at + len(word)
        if value is None:
            # a control character may have ended it: what stands behind an address is for others to judge
            assert number == 0 or naive.address(word[: stop - at]) is not None
        else:
            assert number == known.setdefault(word, number)
            assert (int(memo.high[number]) << 64 | int(memo.low[number]), stop) == (value, at + len(word))
        at += len(word) + 1
    assert len(set(known.values())) == len(known)


def test_texts_that_begin_alike_have_numbers_of_their_own():
    long = [f"2001:db8:0:1:1:1:1:{number:x}" for number in range(1, 1000)]
    words = [
        *long,
        *(f"10.0.{number >> 8}.{number & 255}" for number in range(1000)),
        *(f"::{number:x}" for number in range(1, 400)),
    ]
    text = np.frombuffer((" ".join(words) + "\n").encode() + bytes(PADDING), np.uint8)
    memo, at = make_memo(len(words)), 0
    for _ in range(2):
        at = 0
        for number, word in enumerate(words, 1):
            assert number_address(text, at, memo) == (number, at + len(word))
            at += len(word) + 1
    assert memo.count[0] == len(words) + 1
