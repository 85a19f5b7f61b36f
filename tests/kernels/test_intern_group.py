import ipaddress

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import naive_text as naive
from flowstitch.arrays import PADDING
from flowstitch.kernels.group import group
from flowstitch.kernels.hashing import hash_rows, hash_words, mix
from flowstitch.kernels.intern import WORD_KEY, intern_word
from flowstitch.normalize.address import AddressBook, format_address

WORDS = st.integers(0, naive.MASK)
# few values, so that keys repeat; with the upper half equal and the lower one not, and the other way round
FEW = st.sampled_from([0, 1, 2, 1 << 63, naive.MASK])
PAIRS = st.lists(st.tuples(FEW, FEW) | st.tuples(WORDS, WORDS), max_size=40)


@given(WORDS)
def test_mix(word):
    assert int(mix(np.uint64(word))) == naive.mix(word)


@given(st.lists(WORDS, max_size=5))
def test_hash_words(words):
    assert int(hash_words(np.array(words, np.uint64))) == naive.hash_words(words)


@given(st.lists(st.tuples(WORDS, WORDS, WORDS), max_size=10))
def test_hash_rows(rows):
    out = np.empty(len(rows), np.uint64)
    hash_rows(np.array(rows, np.uint64).reshape(-1, 3), out)
    assert out.tolist() == [naive.hash_words(row) for row in rows]


@given(st.lists(st.tuples(FEW, FEW, FEW), max_size=60))
def test_group(keys):
    numbers, first = group(np.array(keys, np.uint64).reshape(-1, 3))
    assert (numbers.tolist(), first.tolist()) == naive.group(keys)


def intern(book, pairs):
    return book.intern(
        np.array([hi for hi, _ in pairs], np.uint64), np.array([lo for _, lo in pairs], np.uint64)
    ).tolist()


@given(st.lists(PAIRS, max_size=5))
def test_intern(batches):
    book, known = AddressBook(), {}
    for pairs in batches:
        assert intern(book, pairs) == naive.intern(pairs, known)
    assert len(book) == len(known) + 1
    assert {(int(book.hi[number]), int(book.lo[number])): number for number in range(1, len(book))} == known


def test_intern_grows():
    book, known = AddressBook(), {}
    for start in range(0, 40_000, 10_000):
        pairs = [(number % 7, number // 3) for number in range(start, start + 20_000)]
        assert intern(book, pairs) == naive.intern(pairs, known)


@given(st.ip_addresses())
def test_text_comes_back(ip):
    book = AddressBook()
    mapped = ip.version == 6 and ip.ipv4_mapped
    expected = str(mapped or ip)
    assert book.text(book.number(str(ip))) == expected
    assert format_address(naive.address(str(ip).encode())) == expected
    assert ipaddress.ip_address(expected)


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=3)
            | st.text("ab", max_size=40).map(str.encode)
            | st.integers(0, 9).map(lambda n: b"%040d" % 10**n),
            st.integers(0, 1),
        ),
        max_size=60,
    )
)
def test_intern_word(words):
    text = np.frombuffer(b"".join(word for word, _ in words) + bytes(PADDING), np.uint8)
    slots, keys = np.zeros(128, np.uint32), np.zeros((64, WORD_KEY), np.uint64)
    known, at, count = {}, 0, 1
    for word, kind in words:
        number = intern_word(text, at, len(word), kind, slots, keys, count)
        assert number == known.setdefault((word, kind), count)
        count = len(known) + 1
        place = int(keys[number, 3])
        assert text[place : place + len(word)].tobytes() == word
        at += len(word)
