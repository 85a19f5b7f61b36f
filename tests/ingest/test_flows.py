from __future__ import annotations

import gzip
import ipaddress
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowstitch.errors import UsageError
from flowstitch.ingest import jsonlines
from flowstitch.ingest.logs import read_log
from flowstitch.ingest.model import Account
from flowstitch.normalize.columns import Pools
from inventory_reading import EXPORT, source_of
from log_reading import Log

GOOD = {
    "eni-id": "eni-1", "srcaddr": "10.0.0.1", "srcport": "53870", "protocol": "6", "dstaddr": "10.0.0.2", "dstport": "80",
    "direction": "in", "packets": "10", "bytes": "980", "start": "1700000000", "end": "1700000055", "tcp-flags": "19",
    "action": "ACCEPT", "log-status": "OK",
}  # fmt: skip


LOG = Log("vpc-flow-log", "alibaba-vpc-flow")
read, read_lines = LOG.read, LOG.read_lines


@pytest.mark.parametrize("folder", LOG.goldens())
def test_golden(folder):
    LOG.check_golden(folder)


def test_shipped_export_has_no_rejects():
    total = 0
    for path in sorted(EXPORT.glob("vpc-flow/*.jsonl.gz")):
        rows, account = read(path)
        assert account.rows == account.parsed
        assert not account.warnings
        assert {row["eni"] for row in rows} == {path.name.partition(".")[0]}
        raw = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
        assert [row["line"] for row in rows] == list(range(1, len(raw) + 1))
        assert [row["bytes"] for row in rows] == [int(row["bytes"]) for row in raw]
        assert [row["dst_ip"] for row in rows] == [row["dstaddr"] for row in raw]
        total += len(rows)
    assert total == 9592


def test_reject_says_where_it_was():
    data = b'{"eni-id":\n' + b"\n" + json.dumps({**GOOD, "srcport": "x"}).encode() + b"\n"
    _, account = read_lines(data)
    assert [(reject.line, reject.byte_offset, reject.reason) for reject in account.rejects] == [
        (1, 0, "not JSON"),
        (3, 12, "bad value: srcport"),
    ]
    assert account.rejects[0].raw == b'{"eni-id":'
    assert json.loads(account.rejects[1].raw)["srcport"] == "x"
    assert not account.incomplete


def test_torn_last_line():
    whole = json.dumps(GOOD).encode()
    rows, account = read_lines(whole + b"\n" + whole[:100])
    assert len(rows) == 1
    assert account.rejected == {"torn line": 1}
    assert account.incomplete
    rows, account = read_lines(whole + b"\n" + whole)
    assert len(rows) == 2
    assert not account.incomplete


def test_lost_rows_are_said():
    lost = {"eni-id": "eni-1", "start": "1", "end": "2", "log-status": "SKIPDATA"}
    rows, account = read_lines(b"\n".join(json.dumps(row).encode() for row in (GOOD, lost, lost)))
    assert [row["log_status"] for row in rows] == ["OK", "SKIPDATA", "SKIPDATA"]
    assert account.warnings == ["rows of log status SKIPDATA: 2; flows of their windows are missing."]
    assert account.incomplete


def test_spelling_that_changes_far_into_the_file():
    other = {key.replace("-", "_").title(): value for key, value in GOOD.items()}
    lines = [json.dumps(GOOD)] * 200 + [json.dumps(other)] * 3
    rows, account = read_lines("\n".join(lines).encode())
    assert len(rows) == 203
    assert rows[0] | {"line": 0} == rows[-1] | {"line": 0}
    assert not account.rejects


def test_endless_spellings_do_not_grow_the_plan():
    lines = [
        json.dumps({"-" * n + "eni-id": "eni-1", "start": "1", "end": "2", "log-status": "NODATA"})
        for n in range(500)
    ]
    rows, account = read_lines("\n".join(lines).encode())
    assert account.rows == 500
    assert len(rows) == 8
    assert account.rejected == {"bad value: eni-id": 492}


@pytest.mark.parametrize("magic", [b"(\xb5/\xfd", b"\x1f\x8b", b"x^", b"x\x01", b"x\x9c"])
def test_a_line_that_begins_as_a_packed_file_does_is_not_unpacked(magic, monkeypatch):
    monkeypatch.setattr("flowstitch.ingest.blocks._BLOCK_BYTES", (1 << 20) + 1)
    packed = magic[:2] + zlib.compress(json.dumps(GOOD).encode())[2:]
    for line in (magic, packed.replace(b"\n", b"")):
        # alone among lines that fit, and at the head of a block
        for count in (5, 1 << 20 // len(json.dumps(GOOD))):
            rows, account = read_lines((json.dumps(GOOD).encode() + b"\n") * count + line + b"\n")
            assert len(rows) == count
            assert account.rejected == {"not JSON": 1}


def test_empty_files():
    for data in (b"", b"\n", b"\xef\xbb\xbf", b" \r\n\t\n"):
        rows, account = read_lines(data)
        assert rows == []
        assert account.rows == account.skipped["blank"]


def test_unknown_dialect_is_named():
    with pytest.raises(UsageError, match="did you mean 'alibaba-vpc-flow'"):
        next(
            read_log(
                source_of(Path(__file__), "vpc-flow-log", dialect="alibaba-vpc-flows"), Pools(), Account()
            )
        )


def test_many_bad_lines_among_many(monkeypatch):
    monkeypatch.setattr(jsonlines, "_PIECE", 32)
    monkeypatch.setattr(jsonlines, "_FEW", 4)
    good = json.dumps(GOOD).encode()
    bad = {
        b"{broken}": "not JSON",
        b"[]": "not an object",
        b'{"a":1e999}': "JSON with a value that cannot be read",
        b"": "",
        b'{"a":' * 2000: "JSON with a value that cannot be read",
    }
    kinds = [good, good, good, *bad]
    picks = np.random.default_rng(3).integers(0, len(kinds), 700)
    rows, account = read_lines(b"\n".join(kinds[pick] for pick in picks) + b"\n")
    assert [row["line"] for row in rows] == [
        line for line, pick in enumerate(picks, 1) if kinds[pick] == good
    ]
    assert {reject.line: reject.reason for reject in account.rejects} == {
        line: bad[kinds[pick]] for line, pick in enumerate(picks, 1) if bad.get(kinds[pick])
    }
    assert account.rows == 700


def naive(line: str) -> dict | str:
    """One row by hand: its canonical fields, or why it is none."""
    raw = json.loads(line)
    text = {key: value if isinstance(value := raw.get(key), str) else json.dumps(value) for key in GOOD}
    text = {key: None if value in {"null", "", "-", '"-"', "None"} else value for key, value in text.items()}
    ok = text["log-status"] == "OK"

    def number(key: str, most: int) -> int | None:
        value = text[key]
        return int(value) if value and re.fullmatch(r"[0-9]+", value) and int(value) <= most else None

    def address(key: str) -> str | None:
        try:
            found = ipaddress.ip_address(text[key] or "")
            return str(getattr(found, "ipv4_mapped", None) or found)
        except ValueError:
            return None

    ports = ok and number("protocol", 255) in {6, 17, 33, 132, 136}
    fields = {
        "eni-id": (text["eni-id"], True, True),
        "log-status": (
            text["log-status"] if text["log-status"] in {"OK", "NODATA", "SKIPDATA"} else None,
            True,
            True,
        ),
        "start": (number("start", 253402300799), True, True),
        "end": (number("end", 253402300799), True, True),
        "direction": (text["direction"] if text["direction"] in {"in", "out"} else None, ok, True),
        "action": (text["action"] if text["action"] in {"ACCEPT", "REJECT"} else None, ok, True),
        "protocol": (number("protocol", 255), ok, True),
        "srcaddr": (address("srcaddr"), ok, True),
        "srcport": (number("srcport", 65535), ports, True),
        "dstaddr": (address("dstaddr"), ok, True),
        "dstport": (number("dstport", 65535), ports, True),
        "tcp-flags": (number("tcp-flags", 65535), ok, False),
        "packets": (number("packets", 2**63 - 1), ok, False),
        "bytes": (number("bytes", 2**63 - 1), ok, False),
    }
    for key, (value, relevant, needed) in fields.items():
        if relevant and value is None and (needed or text[key] is not None):
            return f"bad value: {key}"
        if key == "end" and value < fields["start"][0]:
            return "bad value: end"
    return {key: value if relevant else None for key, (value, relevant, _) in fields.items()}


NAMES = {
    "eni-id": "eni", "log-status": "log_status", "direction": "direction", "action": "action", "protocol": "protocol_number",
    "srcaddr": "src_ip", "srcport": "src_port", "dstaddr": "dst_ip", "dstport": "dst_port", "tcp-flags": "tcp_flags",
    "packets": "packets", "bytes": "bytes",
}  # fmt: skip
ODD = st.sampled_from([None, "", "-", '"-"', "None", "0", 0, 1, "-1", -1, "70000", "x", "1.5", "1_0", "0x1", "1 ", True, [1], {"a": 1},
                       "9223372036854775808", "255", "256", "::1", "::ffff:10.0.0.1", "10.0.0.1/32", "in", "out", "OK", "NODATA"])  # fmt: skip
COMMON = {
    "protocol": st.sampled_from(["6", "17", "1", "58", "47", "132", 6]),
    "log-status": st.sampled_from(["OK", "NODATA", "SKIPDATA"]),
}
ROWS = st.dictionaries(st.sampled_from(sorted(GOOD)), ODD, max_size=3).flatmap(
    lambda odd: st.fixed_dictionaries(
        {key: COMMON.get(key, st.just(value)) for key, value in GOOD.items()}
    ).map(lambda row: row | odd)
)


@given(st.lists(ROWS, min_size=1, max_size=12))
@settings(max_examples=200, deadline=None)
def test_agrees_with_rows_read_by_hand(raw):
    lines = [json.dumps(row) for row in raw]
    rows, account = read_lines("\n".join(lines).encode())
    found = {row["line"]: {key: row[name] for key, name in NAMES.items()} for row in rows}
    seconds = {
        row["line"]: [int(row[name].timestamp()) for name in ("window_start", "window_end")] for row in rows
    }
    reasons = {reject.line: reject.reason for reject in account.rejects}
    for number, line in enumerate(lines, 1):
        expected = naive(line)
        if isinstance(expected, str):
            assert reasons[number] == expected
        else:
            assert found[number] == {key: expected[key] for key in NAMES}
            assert seconds[number] == [expected["start"], expected["end"]]


@given(
    st.lists(
        st.one_of(st.binary(max_size=40), st.just(json.dumps(GOOD).encode()), st.just(b"{}")), max_size=12
    ),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_every_line_is_accounted_for(lines, terminated):
    data = b"\n".join([b"{}", *lines]) + b"\n" * terminated
    rows, account = read_lines(data)
    assert account.rows == data.removesuffix(b"\n").count(b"\n") + 1
    assert len({row["line"] for row in rows} | {reject.line for reject in account.rejects}) == len(
        rows
    ) + len(account.rejects)
