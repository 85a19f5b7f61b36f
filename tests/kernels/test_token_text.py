import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import naive_text as naive
from flowstitch.kernels import token_text as tt

LARGEST = (1 << 63) - 1


def call(kernel, raw, *rest):
    # what surrounds the token must not matter
    return kernel(np.frombuffer(b"12 0x" + raw + b"34", np.uint8), 5, 5 + len(raw), *rest)


@given(st.text(alphabet="0123456789-+x ", max_size=22), st.sampled_from([255, 65535, (1 << 32) - 1, LARGEST]))
@example("9223372036854775807", LARGEST)
@example("9223372036854775808", LARGEST)
@example("18446744073709551617", LARGEST)
@example("000000000000000000000000255", 255)
def test_decimal(text, limit):
    assert call(tt.parse_decimal, text.encode(), limit) == naive.decimal(text.encode(), limit)


@given(
    st.text(alphabet="0123456789abcdefABCDEFgx", max_size=12).map("0x".__add__)
    | st.text(alphabet="0x1", max_size=4)
)
def test_hex(text):
    assert call(tt.parse_hex, text.encode()) == naive.hexadecimal(text.encode())


@given(st.text(alphabet="0123456789. -", max_size=22))
@example("1795394843.000098")
@example("1304962346.98    ")
@example("253402300799.999999")
@example("253402300800.0")
@example("1.1234567")
@example("1. 5")
@example("1.5 5")
@example("1..5")
@example(".5")
@example("99999999999999999999999.5")
def test_stamp(text):
    assert call(tt.parse_stamp, text.encode()) == naive.stamp(text.encode())


@given(
    st.datetimes().map(
        lambda at: at.replace(year=max(at.year, 1)).strftime("%a %b %e %H:%M:%S ") + f"{at.year:04}"
    )
)
@example("Mon Feb 29 23:59:59 2024")
@example("Mon Feb 29 23:59:59 2023")
@example("Thu Jan  1 00:00:00 1970")
@example("Wed Dec 31 23:59:59 1969")
@example("Mon Nov  2 00:19:02 2026")
@example("Mon Nov 2 00:19:02 2026")
@example("Mon Nov 23 24:00:00 2026")
@example("Mon Nov 23 00:60:00 2026")
@example("Mon Nov 23 00:00:60 2026")
@example("Mon nov 23 00:00:00 2026")
@example("Mon Nov 23 00 00 00 2026")
@example("Mon Nov 23 00:00:00 ")
@example("Mon Nov 23 00:00:00 20261")
@example("Mon Nov 23 00:00:00 2026 CET")
@example("Mon Nov 23 00: 0:00 2026")
@example("Mon Nov 31 00:00:00 2026")
def test_ctime(text):
    assert call(tt.parse_ctime, text.encode()) == naive.ctime(text.encode())


@given(st.text(alphabet="Nov 2:0316", max_size=26).map("Mon Nov 2".__add__))
def test_any_ctime(text):
    assert call(tt.parse_ctime, text.encode()) == naive.ctime(text.encode())


KEYWORDS = st.text(alphabet="ab[", min_size=1, max_size=tt.MAX_WORD - 1).flatmap(
    lambda word: st.sampled_from([word, word + "=", word + "]"])
)


@given(st.sets(KEYWORDS, min_size=1, max_size=12), st.lists(KEYWORDS, max_size=12))
@example({"a"}, ["a", "a" * 9, "\0a", "a" * 25, "aa"])
@example({"a" * 24}, ["a" * 24, "a" * 32, "b" + "a" * 24, "b" * 8 + "a" * 24])
def test_find_word(keywords, others):
    table = tt.make_words({word: (place, 7) for place, word in enumerate(sorted(keywords))})
    for word in [*keywords, *others]:
        row, end = call(tt.find_word, word.encode() + b" ", table)
        assert end == 5 + len(word)
        found = sorted(keywords)[table[row, tt.MEANING]] if row >= 0 else None
        assert found == (word if word in keywords else None)


@pytest.mark.parametrize("word", ["a" * 25, "a b", "a=b"])
def test_no_keyword(word):
    with pytest.raises(ValueError, match="keyword"):
        tt.make_words({word: (0,)})


def test_month_ends():
    assert tt.days_of(2024, 3, 1) - tt.days_of(2024, 2, 1) == 29
    assert tt.days_of(2100, 3, 1) - tt.days_of(2100, 2, 1) == 28
    assert tt.days_of(1970, 13, 1) == 365
