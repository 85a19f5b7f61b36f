"""The fast way says of every line what the slow one says, and takes it where lines repeat."""

from __future__ import annotations

import gzip
import json
import random
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowstitch.ingest import templaterows
from flowstitch.ingest.content import read_blocks
from flowstitch.ingest.dialects import dialects
from flowstitch.ingest.jsonlines import JsonLines
from flowstitch.ingest.lessons import Lessons, Taught
from flowstitch.ingest.logs import read_log
from flowstitch.ingest.model import Account
from flowstitch.ingest.templaterows import Fitting, Templates
from flowstitch.normalize.columns import Pools, concat_columns, to_arrow
from inventory_reading import EXPORT, source_of
from log_reading import DIALECTS, Log

ALIBABA, AWS = "alibaba-vpc-flow", "aws-vpc-flow"
CAPTURES = sorted(EXPORT.parents[1].glob("*/export/vpc-flow/*.gz"))
GOLDENS = [
    (log.dialect, path)
    for log in (Log("vpc-flow-log", ALIBABA), Log("vpc-flow-log", AWS))
    for folder in log.goldens()
    for path in (DIALECTS / folder).glob("in.*")
]


def told(
    path: Path, dialect: str, pools: Pools | None = None, lessons: Lessons | None = None
) -> tuple[list[dict], Account]:
    account, pools = Account(), pools or Pools()
    source = source_of(path, "vpc-flow-log", dialect=dialect)
    parts = list(read_log(source, pools, account, lessons=lessons))
    return to_arrow("flows", concat_columns("flows", parts), pools).to_pylist(), account


class Watch:
    """Counts the lines that the fast way takes and leaves while it is open."""

    def __init__(self) -> None:
        self.fit = self.hard = 0

    def __enter__(self) -> Self:
        read = Templates.read

        def watched(*arguments: object) -> Fitting | None:
            fitting = read(*arguments)
            if fitting is not None:
                self.hard += fitting.hard.shape[0]
                self.fit += fitting.columns["line"].shape[0] - fitting.hard.shape[0]
            return fitting

        self.patch = mock.patch.object(Templates, "read", watched)
        self.patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.patch.stop()


def check(path: Path, dialect: str) -> Watch:
    """Both ways say the same of a file."""
    with Watch() as watch:
        fast = told(path, dialect)
    with mock.patch.object(Templates, "read", return_value=None):
        slow = told(path, dialect)
    assert fast == slow
    return watch


def check_lines(data: bytes, dialect: str) -> Watch:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "log"
        path.write_bytes(data)
        return check(path, dialect)


@pytest.mark.parametrize(
    ("dialect", "path"), GOLDENS, ids=lambda value: getattr(value, "parent", Path()).name
)
def test_goldens(dialect, path):
    check(path, dialect)
    # often enough that its lines are worth a template each
    data = path.read_bytes()
    if data.endswith(b"\n"):
        check_lines(data * 20, dialect)


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name.partition(".")[0])
def test_captures_fit_line_for_line(path, tmp_path):
    plain = tmp_path / "log"
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    watch = check(plain, ALIBABA)
    assert watch.hard == 0
    assert watch.fit == plain.read_bytes().count(b"\n")


# --- lines of every kind --------------------------------------------------------------------------
NAMES = ("version", "eni-id", "srcaddr", "srcport", "dstaddr", "dstport", "protocol", "direction", "packets", "bytes", "start", "end",
         "log-status", "action", "tcp-flags", "traffic_path")  # fmt: skip
NULLS = ["-", "", "None"]
VALUES = {
    "version": ["1", "2"],
    "eni-id": ["eni-1", "eni-j6c4qxbpnkg5o7uog5kr", "eni-j6c4qxbpnkg5o7uog5ks", *NULLS],
    "srcaddr": ["10.0.0.1", "10.0.0.2", "2001:db8::1", "::ffff:10.0.0.1", "fe80::1%eth0", "[::1]", "010.0.0.1", *NULLS],
    "srcport": ["80", "53870", "0", "65535", "65536", *NULLS],
    "protocol": ["6", "17", "1", "58", "47", "132", "255", "256", *NULLS],
    "direction": ["in", "out", "ingress", *NULLS],
    "packets": ["10", "9999999999999999", "9223372036854775807", "9223372036854775808", "007", "+1", *NULLS],
    "start": ["1700000000", "1700000055", "253402300799", "253402300800", "0"],
    "log-status": ["OK", "OK", "OK", "NODATA", "SKIPDATA", "ok", *NULLS],
    "action": ["ACCEPT", "REJECT", "DROP", *NULLS],
    "tcp-flags": ["19", "0", "65536", *NULLS],
    "traffic_path": ["-", "a b", "x" * 30, "\u00e9", 'a"b', "a\\b"],
}  # fmt: skip
VALUES |= {
    "dstaddr": VALUES["srcaddr"],
    "dstport": VALUES["srcport"],
    "bytes": VALUES["packets"],
    "end": VALUES["start"],
}
GOOD = {
    "version": "1", "eni-id": "eni-1", "srcaddr": "10.0.0.1", "srcport": "53870", "dstaddr": "10.0.0.2", "dstport": "80", "protocol": "6",
    "direction": "in", "packets": "10", "bytes": "980", "start": "1700000000", "end": "1700000055", "log-status": "OK", "action": "ACCEPT",
    "tcp-flags": "19", "traffic_path": "-",
}  # fmt: skip
NUMBERS = {"srcport", "dstport", "protocol", "packets", "bytes", "start", "end", "tcp-flags"}


@st.composite
def rows(draw):
    """Values by name, a few of them other than good ones."""
    changed = draw(st.lists(st.sampled_from(NAMES), max_size=3))
    return GOOD | {name: draw(st.sampled_from(VALUES[name])) for name in changed}


MUTATED = st.sampled_from([*b'"", --\\\t\r01289aZ{}:.%', 0, 127, 128, 255])


@st.composite
def mutated(draw, line):
    changed = bytearray(line)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        at = draw(st.integers(0, len(changed)))
        changed[at : at + draw(st.integers(0, 2))] = draw(st.lists(MUTATED, max_size=2))
    return bytes(changed)


@st.composite
def logs(draw, line_of):
    """Lines of one form: enough good ones that a template is learnt, and any others among them."""
    good = line_of(GOOD)
    lines = [draw(mutated(line_of(row))) for row in draw(st.lists(rows(), max_size=12))]
    lines = draw(st.permutations([*lines, *[good] * (len(lines) + 2)]))
    end = draw(st.sampled_from([b"\n", b"\n", b"\r\n"]))
    return end.join(lines) + draw(st.sampled_from([end, end, b"", b" ", b"\n\n"]))


@st.composite
def json_logs(draw):
    spelt = draw(st.sampled_from([str, str, lambda name: name.replace("-", "_"), str.upper]))
    left_out = draw(st.sets(st.sampled_from(NAMES), max_size=2))
    bare = draw(st.sampled_from([set(), NUMBERS, {"start", "end"}]))
    layout = draw(st.sampled_from([{}, {"separators": (",", ":")}]))

    def line_of(row: dict[str, str]) -> bytes:
        fields = {
            spelt(name): int(value) if name in bare and value.isdigit() else value
            for name, value in row.items()
            if name not in left_out
        }
        return json.dumps(fields, **layout).encode()

    return draw(logs(line_of))


@given(json_logs())
@settings(max_examples=150)
def test_any_json_lines(data):
    check_lines(data, ALIBABA)


AWS_NAMES = {"eni-id": "interface-id", "direction": "flow-direction", "traffic_path": "pkt-srcaddr"}


@st.composite
def delimited_logs(draw, dialect):
    separator = draw(st.sampled_from([" ", ",", "\t", ";", "|"]))
    quotes = draw(st.sampled_from([set(), set(NAMES), {"eni-id", "traffic_path"}]))
    names = draw(st.permutations(NAMES))
    if draw(st.booleans()):
        names = [name for name in names if name not in {"log-status", "tcp-flags", "version"}] + [
            "log-status"
        ]
    known = AWS_NAMES if dialect == AWS else {}

    def line_of(row: dict[str, str]) -> bytes:
        texts = [f'"{row[name]}"' if name in quotes else row[name] for name in names]
        return separator.join(texts).encode()

    header = separator.join(known.get(name, name) for name in names).encode()
    parts = [draw(logs(line_of)) for _ in range(draw(st.integers(1, 2)))]
    headers = [
        draw(st.sampled_from([header + b"\n", header + b"\n", b"", header.upper() + b"\r\n"])) for _ in parts
    ]
    return b"".join(piece for pair in zip(headers, parts, strict=True) for piece in pair)


@pytest.mark.parametrize("dialect", [ALIBABA, AWS])
@given(st.data())
@settings(max_examples=150)
def test_any_lines_of_values(dialect, data):
    check_lines(data.draw(delimited_logs(dialect)), dialect)


@pytest.mark.parametrize(
    ("dialect", "any_log"),
    [(ALIBABA, json_logs()), (AWS, delimited_logs(AWS)), (ALIBABA, json_logs() | delimited_logs(ALIBABA))],
)
@given(st.data())
@settings(max_examples=100)
def test_rows_do_not_depend_on_what_other_logs_have_taught(dialect, any_log, data):
    pools, lessons = Pools(), Lessons(Taught)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "log"
        for content in data.draw(st.lists(any_log, min_size=2, max_size=3)):
            path.write_bytes(content)
            assert told(path, dialect, pools, lessons) == told(path, dialect)


@given(json_logs())
@settings(max_examples=60)
def test_with_little_room(data):
    with mock.patch.object(templaterows, "_WORDS", 64):
        check_lines(data, ALIBABA)


# --- what the fast way takes ----------------------------------------------------------------------
def json_lines(*rows: dict[str, str]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


WITHOUT_TRAFFIC = {name: GOOD[name] for name in ("eni-id", "start", "end")} | {"log-status": "NODATA"}
OTHER_ORDER = dict(reversed(GOOD.items()))


@pytest.mark.parametrize("dialect", [ALIBABA, AWS])
def test_the_next_log_has_nothing_to_learn(tmp_path, dialect):
    header = " ".join(AWS_NAMES.get(name, name) for name in NAMES)
    lines = [header, *[" ".join(GOOD.values())] * 40, ""]
    data = "\n".join(lines).encode() if dialect == AWS else json_lines(*[GOOD] * 40)
    pools, lessons = Pools(), Lessons(Taught)
    path = tmp_path / "log"
    path.write_bytes(data)
    first = told(path, dialect, pools, lessons)
    learn = mock.patch.object(Templates, "_learn", side_effect=AssertionError("it learns"))
    parse = mock.patch.object(templaterows._Reading, "_find_out", side_effect=AssertionError("it looks"))
    with learn, parse:
        assert told(path, dialect, pools, lessons) == first
    assert len(first[0]) == 40


def test_rows_without_traffic_have_a_template_of_their_own():
    watch = check_lines(json_lines(GOOD, WITHOUT_TRAFFIC, OTHER_ORDER) * 20, ALIBABA)
    assert (watch.fit, watch.hard) == (60, 0)
    # a dash for what there is not needs none
    dashes = GOOD | {"srcaddr": "-", "dstaddr": "-", "srcport": "-", "action": "-", "log-status": "NODATA"}
    watch = check_lines(json_lines(GOOD, dashes) * 20, ALIBABA)
    assert (watch.fit, watch.hard) == (40, 0)


def test_a_value_that_does_not_fit_is_judged_by_the_slow_way():
    bad = [
        GOOD | {name: value}
        for name, value in (("srcport", "70000"), ("srcaddr", "x"), ("eni-id", "-"), ("end", "5"))
    ]
    lost = {**WITHOUT_TRAFFIC, "srcaddr": "unknown", "log-status": "SKIPDATA"}
    watch = check_lines(json_lines(*[GOOD] * 200, *bad, lost), ALIBABA)
    assert (watch.fit, watch.hard) == (200, 5)


def test_what_comes_later_is_learnt_too(tmp_path, monkeypatch):
    monkeypatch.setattr("flowstitch.ingest.blocks._BLOCK_BYTES", (1 << 20) + 1)
    path = tmp_path / "log"
    path.write_bytes(json_lines(GOOD) * 6000 + json_lines(OTHER_ORDER) * 6000)
    watch = check(path, ALIBABA)
    assert len(list(read_blocks(path, Account()))) > 2
    assert (watch.fit, watch.hard) == (12000, 0)


def test_lines_of_endless_forms_are_learnt_from_a_few_times_only(monkeypatch):
    looked_at = []
    look_at = Templates._look_at
    monkeypatch.setattr(Templates, "_look_at", lambda *args: looked_at.append(1) or look_at(*args))
    monkeypatch.setattr("flowstitch.ingest.blocks._BLOCK_BYTES", (1 << 20) + 1)
    lines = [GOOD | {f"x{number % 40}": "x" * 20_000} for number in range(1000)]
    watch = check_lines(json_lines(*lines), ALIBABA)
    assert len(looked_at) == templaterows._MAX_LESSONS
    assert watch.fit < 500


SWAPPED = {"srcaddr": "dstaddr", "dstaddr": "srcaddr"}


def test_a_header_in_the_middle_changes_what_lines_mean():
    first, second = (
        " ".join(AWS_NAMES.get(swap.get(name, name), swap.get(name, name)) for name in NAMES) + "\n"
        for swap in ({}, SWAPPED)
    )
    line = " ".join(GOOD[name] for name in NAMES) + "\n"
    data = (first + line * 20 + second + line * 20).encode()
    check_lines(data, AWS)
    rows, account = Log("vpc-flow-log", AWS).read_lines(data)
    assert [row["src_ip"] for row in rows] == ["10.0.0.1"] * 20 + ["10.0.0.2"] * 20
    assert account.skipped["header"] == 2
    # the same header again changes nothing
    watch = check_lines((first + line * 20).encode() * 3, AWS)
    assert (watch.fit, watch.hard) == (60, 3)


def test_a_header_that_is_no_text_is_none():
    header = ",".join(NAMES).replace("tcp-flags", "\udcff").encode("utf-8", "surrogateescape")
    line = ",".join(GOOD[name] for name in NAMES).encode()
    assert check_lines(b"\n".join([header, *[line] * 20, b""]), ALIBABA).fit == 0


def test_a_row_is_no_header_whatever_its_words():
    names = [*NAMES, "vpc-id"]
    header = " ".join(AWS_NAMES.get(name, name) for name in names)
    odd = GOOD | {"version": "start", "vpc-id": "addr,interface-id,start,end,x"}
    lines = [" ".join(({"vpc-id": "-"} | row)[name] for name in names) for row in (GOOD, odd, GOOD)]
    watch = check_lines("\n".join([header, *lines, *lines, ""]).encode(), AWS)
    assert (watch.fit, watch.hard) == (6, 1)


def test_a_spelling_that_is_learnt_late_holds_for_the_lines_before_it_in_the_block():
    flags = GOOD | {"tcp_flags": "19"}
    del flags["tcp-flags"]
    other = {name.replace("-", "_"): value for name, value in GOOD.items()}
    data = json_lines(*[GOOD] * 100, *[flags] * 10, other)
    check_lines(data, ALIBABA)
    rows, _ = Log("vpc-flow-log", ALIBABA).read_lines(data)
    assert {row["tcp_flags"] for row in rows} == {19}


ENDS = ["", " ", "x", " x", "x ", "\tx", '"x"', '" x "', "80", " 80", "80 ", "-", "- ", "\x0080", '""']


@pytest.mark.parametrize("separator", [" ", ",", "\t", "|"])
@pytest.mark.parametrize("name", ["eni-id", "version", "srcport"])
@pytest.mark.parametrize("place", [0, 3, 15])
def test_what_stands_at_the_ends_of_a_line(separator, name, place):
    names = [other for other in NAMES if other != name]
    names.insert(place, name)
    rows = [row for value in ENDS for row in (GOOD, GOOD, GOOD | {name: value})]
    header = separator.join(AWS_NAMES.get(key, key) for key in names)
    lines = [header, *(separator.join(row[key] for key in names) for row in rows), ""]
    assert check_lines("\n".join(lines).encode(), AWS).fit >= 2 * len(ENDS)


@pytest.mark.parametrize(
    "ends",
    [b'"start":01,"end":5}', b'"start":"1","end":"5",}', b'"start":1,"end":5} x', b'"start":1 "end":5}'],
)
def test_what_is_no_json_is_not_learnt(ends):
    assert check_lines((b'{"eni-id":"eni-1","log-status":"OK",' + ends + b"\n") * 20, ALIBABA).fit == 0


@pytest.mark.parametrize("number", [b"01", b"-", b"", b"1.0", b"None"])
def test_a_bare_number_is_one_of_json(number):
    line = b'{"eni-id":"eni-1","log-status":"NODATA","start":1,"end":5}\n'
    watch = check_lines(line * 20 + line.replace(b":1,", b":" + number + b","), ALIBABA)
    assert (watch.fit, watch.hard) == (20, 1)


def test_what_an_absent_column_stands_for():
    names = [name for name in NAMES if name not in {"log-status", "tcp-flags"}]
    header = " ".join(AWS_NAMES.get(name, name) for name in names)
    watch = check_lines("\n".join([header, *[" ".join(GOOD[name] for name in names)] * 20, ""]).encode(), AWS)
    assert (watch.fit, watch.hard) == (20, 1)


@pytest.mark.parametrize(
    "value", ["eni\\1", "eni\\u002d1", "\\", "eni\x7f", "eni-\u00e9", "eni\t1", "eni\\n", '\\"', "\\x"]
)
@pytest.mark.parametrize("name", ["eni-id", "version"])
def test_escapes_and_odd_bytes(name, value):
    raw = json_lines(GOOD).replace(f'"{GOOD[name]}"'.encode(), f'"{value}"'.encode(), 1)
    assert check_lines(json_lines(GOOD) * 5 + raw, ALIBABA).fit >= 5


def test_logs_with_other_columns_go_the_slow_way():
    plan = JsonLines(dialects("json-lines")["alibaba-clb-access"], None).plan
    assert Templates(plan, lambda *_: pytest.fail("not asked"))._usable is False


def test_many_distinct_words(tmp_path, monkeypatch):
    monkeypatch.setattr(templaterows, "_WORDS", 1 << 12)
    rng = random.Random(5)
    lines = [
        GOOD | {"srcaddr": f"10.{rng.randrange(40)}.{rng.randrange(256)}.7", "dstaddr": f"2001:db8::{n % 9000:x}", "eni-id": f"eni-{n % 700}"}
        for n in range(20_000)
    ]  # fmt: skip
    path = tmp_path / "log"
    path.write_bytes(json_lines(*lines))
    watch = check(path, ALIBABA)
    assert (watch.fit, watch.hard) == (20_000, 0)


def test_threads_find_what_one_finds(tmp_path, monkeypatch):
    monkeypatch.setattr("flowstitch.ingest.blocks._BLOCK_BYTES", (1 << 20) + 1)
    path = tmp_path / "log"
    lines = [GOOD | {"srcport": str(n % 65536)} if n % 11 else WITHOUT_TRAFFIC for n in range(30_000)]
    path.write_bytes(json_lines(*lines))
    wanted, _ = told(path, ALIBABA)
    account, pools = Account(), Pools()
    with ThreadPoolExecutor(4) as workers:
        parts = list(read_log(source_of(path, "vpc-flow-log", dialect=ALIBABA), pools, account, workers))
    assert len(parts) > 3
    assert to_arrow("flows", concat_columns("flows", parts), pools).to_pylist() == wanted
    assert np.concatenate([part["line"] for part in parts]).tolist() == list(range(1, 30_001))
