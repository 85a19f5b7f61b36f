"""Lines read by their shape say what they say word by word, and what the plain twin finds in them."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naive_text as naive
from conntrack_texts import LINES, shuffled_lines
from flowstitch.arrays import PADDING
from flowstitch.ingest.conntrack_grammar import conntrack_grammar
from flowstitch.kernels import conntrack_lines as cl
from flowstitch.kernels import conntrack_text as ct
from flowstitch.kernels.shapes import make_shapes

DATA = Path(__file__).parents[2] / "data" / "ipvs" / "export" / "nodes"
FILES = sorted([*DATA.glob("*/conntrack-list.*.gz"), *DATA.glob("*/conntrack-events.log.gz")])
CODES = ("event", "state", "replied", "assured", "offloaded")
REST = cl.Rest(listed=9, taken_at=77)
FIRST_LINE = 11
# where numbers end that are allowed somewhere
EDGES = [b"0", b"00", b"255", b"256", b"65535", b"65536", b"4294967295", b"4294967296", b"99999999", b"100000000", b"999999999999999",
         b"1000000000000000", b"9223372036854775807", b"9223372036854775808", b"18446744073709551616", b""]  # fmt: skip


def read(text, *, terminated=True, room=64, nodes=1 << 12, padded=True):
    """(rows by line number, odd lines, sums): what ``parse_lines`` finds, a few rows at a time."""
    data = np.frombuffer(text + bytes(PADDING) * padded, np.uint8)
    known = cl.make_known(make_shapes(nodes))
    rows, odd, sums = {}, [], np.zeros(3, np.int64)
    tail, at, line = cl.HAS_USE | cl.HAS_ID, 0, FIRST_LINE
    while at < len(text):
        lines = cl.make_lines(room, line)
        at = cl.parse_lines(data, at, len(text), terminated, *conntrack_grammar(), known, REST, lines)
        tally = lines.tally
        for place in range(tally[cl.ROWS]):
            row = dict(zip(CODES, lines.codes.view(np.int8)[:, place].tolist(), strict=True))
            row |= dict(enumerate(lines.cells.small[:, place].tolist(), ct.SMALL))
            row |= dict(enumerate(lines.cells.large[:, place].tolist(), ct.LARGE))
            numbers = lines.cells.numbers[:, place].tolist()
            ips = [int(lines.memo.high[number]) << 64 | int(lines.memo.low[number]) for number in numbers]
            rows[int(lines.numbers[place])] = row, ips
        odd += lines.odd[: tally[cl.ODD]].tolist()
        sums += tally[[cl.BLANKS, cl.EXTRAS, cl.PARSED]]
        tail &= int(tally[cl.ALL_HAVE])
        assert tally[cl.NEXT_LINE] > line
        line = int(tally[cl.NEXT_LINE])
    assert line == FIRST_LINE + text.count(b"\n") + (text[-1:] not in {b"", b"\n"})
    return rows, odd, *sums.tolist(), tail


def expect(text, *, terminated=True):
    """What ``read`` should find but for the number of lines parsed word by word, by the twin."""
    rows, odd = {}, []
    blanks, extras, tail, at = 0, 0, cl.HAS_USE | cl.HAS_ID, 0
    lines = text.split(b"\n")
    for number, line in enumerate(lines[:-1] if lines[-1] == b"" else lines, FIRST_LINE):
        whole = terminated or at + len(line) < len(text)
        twin = naive.ConntrackLine(line, whole)
        if twin.status == "parsed":
            rows[number] = full_row(twin.row), [twin.ips[ip] for ip in range(4)]
            extras += twin.row[ct.EXTRAS]
            if whole:
                has = cl.HAS_USE * (ct.USE in twin.row) | cl.HAS_ID * (ct.CONNTRACK_ID in twin.row)
                tail &= has
        elif twin.status == "blank":
            blanks += 1
        else:
            odd.append([number, ct.REASONS.index(twin.status), at, at + len(line)])
        at += len(line) + 1
    return rows, odd, blanks, extras, tail


def full_row(said):
    """What the columns have of a row of the twin."""
    row = dict.fromkeys(range(ct.SMALL, ct.LARGE), -1) | dict(enumerate(cl.LARGE_NULLS.tolist(), ct.LARGE))
    row |= {column: value for column, value in said.items() if column >= ct.SMALL and value != ct.CUT}
    row[ct.ZONE] = said.get(ct.ZONE, said.get(ct.ZONE_ORIG, 0))
    if ct.EVENT_CODE not in said:
        row[ct.SEEN_AT] = said.get(ct.SEEN_AT, REST.taken_at)
    offloaded = bool(said[ct.FLAGS] & ct.OFFLOADED)
    return row | {
        "event": said.get(ct.EVENT_CODE, REST.listed),
        "state": said.get(ct.STATE, 0),
        "replied": not said[ct.FLAGS] & ct.UNREPLIED,
        "assured": -1 if offloaded else bool(said[ct.FLAGS] & ct.ASSURED),
        "offloaded": offloaded,
    }


def assert_like_twin(text, *, terminated=True, **options):
    *found, parsed, tail = read(text, terminated=terminated, **options)
    assert (*found, tail) == expect(text, terminated=terminated)
    return parsed


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_understood_once(line):
    line = line.removesuffix(b"\r")
    (*_, parsed, _) = read((line + b"\n") * 5)
    # stamps of old tools and numbers of 16 digits are left to the parser
    is_known = naive.ConntrackLine(line).status == "parsed" and not re.search(rb"\d{16}|\d +\]", line)
    assert parsed == (1 if is_known else 5)
    assert_like_twin((line + b"\n") * 3 + b"\n" + line, terminated=False)
    assert_like_twin((line + b"\r\n") * 3 + line + b"\r", terminated=False)
    # the last line of a text without padding is not read eight bytes at a time
    assert_like_twin((line + b"\n") * 3, padded=False)


def test_captures_are_read_by_shape():
    """The share of lines that the parser has to understand is small, and files of any shape agree with it."""
    total = parsed_word_by_word = 0
    for path in FILES:
        text = gzip.decompress(path.read_bytes())
        rows, *rest, parsed, tail = read(text, room=1 << 10)
        assert (rows, *rest, tail) == (*read(text, room=1 << 10, nodes=1)[:4], tail)
        total += len(rows)
        parsed_word_by_word += parsed
    assert total > 10_000
    assert parsed_word_by_word < 0.03 * total


@pytest.mark.parametrize("path", FILES[::4], ids=lambda path: f"{path.parent.name}-{path.name}")
def test_captures_are_like_the_twin(path):
    text = b"".join(gzip.decompress(path.read_bytes()).splitlines(keepends=True)[::3])
    assert_like_twin(text, room=50)


@st.composite
def changed(draw, line):
    """A line with other values, now and then with something else that is different."""
    for match in reversed(list(re.finditer(rb"[0-9]+", line))):
        if draw(st.integers(0, 3)) == 0:
            value = draw(
                st.integers(0, 300).map(lambda number: str(number).encode()) | st.sampled_from(EDGES)
            )
            line = line[: match.start()] + value + line[match.end() :]
    if draw(st.integers(0, 2)) == 0:
        place = draw(st.integers(0, len(line)))
        other = draw(st.binary(max_size=2) | st.sampled_from([b" ", b"\t", b"\r", b"=", b"]", b"["]))
        line = line[:place] + other + line[place + draw(st.integers(0, 2)) :]
    return line.replace(b"\n", b"")


@st.composite
def recurring(draw):
    """Lines of a few kinds that come again with other values."""
    kinds = draw(st.lists(st.sampled_from(LINES) | shuffled_lines(), min_size=1, max_size=3))
    count = draw(st.integers(1, 8))
    return [
        draw(st.just(line) | changed(line) | shuffled_lines())
        for line in draw(st.lists(st.sampled_from(kinds), min_size=count, max_size=count))
    ]


@given(
    recurring(),
    st.booleans(),
    st.booleans(),
    st.integers(1, 8),
    st.sampled_from([1, 60, 4096]),
    st.booleans(),
)
def test_recurring_lines(lines, newline, terminated, room, nodes, padded):
    text = b"\n".join(line.replace(b"\n", b"") for line in lines) + b"\n" * newline
    assert_like_twin(
        text, terminated=terminated or text.endswith(b"\n"), room=room, nodes=nodes, padded=padded
    )


@given(st.binary(max_size=80), st.booleans())
def test_any_bytes(text, terminated):
    assert_like_twin(text, terminated=terminated or text.endswith(b"\n"))


@given(st.sampled_from(LINES), st.data())
def test_every_byte_counts(line, draw):
    """A known line with one byte changed is judged as if it had come alone."""
    place = draw.draw(st.integers(0, len(line) - 1)) if line else 0
    other = draw.draw(st.binary(min_size=1, max_size=1).filter(lambda byte: byte != b"\n"))
    assert_like_twin(line + b"\n" + line[:place] + other + line[place + 1 :] + b"\n" + line + b"\n")


@pytest.mark.parametrize("line", LINES)
def test_every_number_is_held_to_its_limit(line):
    """Known lines with one number at or beyond a limit are judged as if they had come alone."""
    line = line.removesuffix(b"\r")
    places = [match.span() for match in re.finditer(rb"(?<=[= .:\[])[0-9]+(?![0-9a-zA-Z])", line)]
    edges = [line[:begin] + edge + line[end:] for begin, end in places for edge in EDGES]
    assert_like_twin(b"\n".join([line, *edges, line]) + b"\n", room=5000)


@pytest.mark.parametrize("line", LINES)
def test_a_line_without_a_row_leaves_nothing_behind(line):
    short = b"unknown 99 src=::1 dst=::2 src=::2 dst=::1\n"
    line = line.removesuffix(b"\r")
    bad = b"".join(
        line[:place] + b" src=1" + line[place:] + b"\n" + short for place in range(len(line), 0, -7)
    )
    assert_like_twin(line + b"\n" + short + bad)


def test_a_keyword_without_its_value_is_not_the_begin_of_a_word():
    line = b"udp 17 9 src=::1 dst=::1 sport=1 dport=1 src=::1 dst=::2 sport=1 dport=1 labels\n"
    assert_like_twin(line * 2 + line.replace(b"labels", b"labelsx") + line.replace(b"labels", b"labels=x"))


@pytest.mark.parametrize("end", ["", " x"])
def test_many_addresses_and_many_odd_lines_go_on_in_another_part(end):
    tuples = "src=10.{0}.{1}.1 dst=10.{0}.{1}.2 src=10.{0}.{1}.3 dst=10.{0}.{1}.4"
    lines = [
        f"unknown 99 9 {tuples.format(number >> 8, number & 255)} mark=0{end}\n" for number in range(9000)
    ]
    rows, odd, *_ = read(("mark\n" + "".join(lines) + "x\n" * 5000).encode(), room=1 << 14)
    first = [ips[0] & 0xFFFFFFFF for _, ips in rows.values()]
    assert first == [10 << 24 | number << 8 | 1 for number in range(9000)]
    assert len(odd) == 5001


@pytest.mark.parametrize("count", [200, 255, 256, 100_000])
def test_unknown_tokens_are_counted_however_many(count):
    line = b"udp 17 9 src=::1 dst=::1 sport=1 dport=1 src=::1 dst=::2 sport=1 dport=1" + b" x" * count + b"\n"
    assert_like_twin(line * 3)


def test_a_line_without_end_of_a_megabyte_takes_linear_time():
    assert_like_twin(b"udp 17 " + b"x" * (1 << 20), terminated=False)
