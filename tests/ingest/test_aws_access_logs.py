"""Access logs and connection logs of AWS's load balancers against a reader by hand."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive_access
from flowstitch.ingest.discover import discover
from flowstitch.ingest.sniff import sniff
from log_reading import DIALECTS, Log
from naive_access import connection_of, request_of, row_of, values_of

ALB, CLB = Log("lb-access-log", "aws-alb-access"), Log("lb-access-log", "aws-clb-access")
NLB, CONNECTION = Log("lb-connection-log", "aws-nlb-access"), Log("lb-connection-log", "aws-alb-connection")
GOOD = {
    ALB: (
        'http 2018-11-30T22:23:00.186641Z app/shop/50dc6c495c0c9188 192.0.2.39:2817 10.0.0.1:80 0.001 0.020 0.003 200 200 34 366 '
        '"GET http://www.example.com:80/a?b=c HTTP/1.1" "curl/7.46.0" - - arn:aws:x "Root=1-5833" "-" "-" 0 2018-11-30T22:23:00.162000Z '
        '"forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1'
    ),
    CLB: (
        '2015-05-13T23:39:43.945958Z my-loadbalancer 192.0.2.39:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 '
        '"GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0" - -'
    ),
    NLB: (
        'tls 2.0 2020-04-01T08:51:42 net/shop/c6e77e28c25b2234 g3d4b5e8bb8464cd 192.0.2.39:51341 10.0.9.185:443 22040 2 98 246 - arn:aws:acm:x - '
        'ECDHE-RSA-AES128-SHA tlsv12 - shop.example.com h2 h2 "h2","http/1.1" 2020-04-01T08:51:20'
    ),
    CONNECTION: (
        '2024-10-04T17:05:15.514108Z 192.0.2.39 36280 443 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 4.036 "CN=example.com,O=a b" '
        'NotBefore=2023-09-21T22:43:21Z;NotAfter=2026-06-17T22:43:21Z FEF257372D5C14D4 Success TID_1 - app/shop/50dc6c495c0c9188 10.0.9.7'
    ),
}  # fmt: skip
NAMES = {
    ALB: naive_access.ALB,
    CLB: naive_access.CLB,
    NLB: naive_access.NLB,
    CONNECTION: naive_access.CONNECTION,
}
TIMES = ("request_at", "received_at", "opened_at", "closed_at")
EACH = pytest.mark.parametrize("log", list(GOOD), ids=["alb", "clb", "nlb", "connection"])


def by_hand(log: Log, line: str) -> dict[str, Any] | None:
    return (row_of if log in {ALB, CLB} else connection_of)(line, NAMES[log])


@pytest.mark.parametrize(("log", "folder"), [(log, folder) for log in GOOD for folder in log.goldens()])
def test_golden(log, folder):
    log.check_golden(folder)


@pytest.mark.parametrize(("log", "folder"), [(log, folder) for log in GOOD for folder in log.goldens()])
def test_a_golden_row_is_what_one_reads_by_hand(log, folder):
    lines = (DIALECTS / folder / "in.log").read_bytes().split(b"\n")
    for text in (DIALECTS / folder / "expected.jsonl").read_text().splitlines():
        found = json.loads(text)
        line = lines[found.pop("line") - 1].decode("utf-8", "replace").strip(" \t\r")
        if "reject" not in found:
            wanted = by_hand(log, line)
            assert wanted is not None
            for name in wanted.keys() & set(TIMES):
                wanted[name] = wanted[name] and wanted[name].isoformat()
            assert {name: value for name, value in found.items() if value is not None} == {
                name: value for name, value in wanted.items() if value is not None
            }


@EACH
def test_a_file_is_known_by_its_lines_alone(log: Log, tmp_path: Path) -> None:
    what = "ConnectionLog" if log is CONNECTION else "AccessLog"
    control = f"Enable {what} for ELB: whatever at 2025-05-30T16:47:00.781Z\n"
    for text in (GOOD[log], f"{control}{GOOD[log]}\n", f"tail of a line\n\n{GOOD[log]}\n"):
        path = tmp_path / "objects"
        path.write_text(text)
        (source,) = discover([str(path)]).sources
        assert (source.kind, source.dialect) == (log.kind, log.dialect)
    rows, account = log.read_source(source)
    assert (len(rows), account.rejected) == (1, {"too few columns": 1})


@pytest.mark.parametrize(("log", "what"), [(ALB, "AccessLog"), (CONNECTION, "ConnectionLog")])
def test_a_control_line_alone_is_a_log_without_rows(log: Log, what: str, tmp_path: Path) -> None:
    (tmp_path / "ELBAccessLogTestFile").write_text(
        f"Enable {what} for ELB: app/a/b at 2025-05-30T16:47:00.781Z"
    )
    (source,) = discover([str(tmp_path)]).sources
    assert source.kind == log.kind
    rows, account = log.read_source(source)
    assert (rows, account.skipped, account.rejected, account.incomplete) == (
        [],
        {"control line": 1},
        {},
        False,
    )


@EACH
def test_a_line_cut_anywhere_says_nothing_else(log: Log) -> None:
    """Where the end of a file is missing, what is there of its last line is torn or says what the whole line says."""
    (whole,) = log.read_lines((GOOD[log] + "\n").encode())[0]
    read = 0
    for cut in range(1, len(GOOD[log])):
        rows, account = log.read_lines(GOOD[log][:cut].encode())
        assert account.incomplete == (not rows)
        assert account.rejected == ({} if rows else {"torn line": 1})
        for row in rows:
            read += 1
            assert {name for name, value in row.items() if value not in {None, whole[name]}} <= {
                "request_time_us",
                "opened_at",
            }
    assert 0 < read < 80


@EACH
def test_columns_appended_change_nothing(log: Log) -> None:
    (whole,) = log.read_lines((GOOD[log] + "\n").encode())[0]
    for more in (" x", ' "y z"', ' - "-" 1 "\\""'):
        (row,) = log.read_lines((GOOD[log] + more + "\n").encode())[0]
        assert row == whole


@EACH
@given(st.data())
@settings(max_examples=150)
def test_bytes_that_are_not_utf8_change_what_the_client_says_alone(log: Log, data: st.DataObject) -> None:
    line = GOOD[log].encode()
    (whole,) = log.read_lines(line + b"\n")[0]
    place, byte = data.draw(st.integers(1, len(line))), data.draw(st.integers(0x80, 0xFF))
    spoilt = line[:place] + bytes([byte]) + line[place:]
    rows, account = log.read_lines(spoilt + b"\n" + line + b"\n")
    assert rows[-1] == whole | {"line": 2}
    if len(rows) == 1:
        assert account.rejected in ({"not UTF-8": 1}, {"quotes do not pair": 1})
    else:
        wanted = by_hand(log, spoilt.decode("utf-8", "replace"))
        assert wanted is not None
        assert rows[0] == whole | wanted
        changed = {name for name, value in rows[0].items() if value != whole[name]}
        assert changed <= {"method", "host", "uri", "tls_server_name"}


ODD = st.sampled_from([
    "-", "-1", "0", "1", "1.5", "-2", "1e3", "nan", "70000", "9223372036854775808", "999999999.999999999", "1000000000", ".5", "5.", "٣",
    "0.0000004", "a", "10.0.0.1:80", "10.0.0.1:65536", "[fd00::1]:443", "fd00:0:0:0:0:0:0:1:443", "::ffff:10.0.0.1:443", "10.0.0:80", ":80",
    "10.0.0.1:", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00.1Z", "2020-01-01T00:00:00", "1969-12-31T23:59:59Z", "10000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z", "2020-04-01T08:51:43", "2020-04-01T08:51:20+01:00", "1970-01-01T00:00:00", "48", "tlsv13", "a\u00fc", '"-"', '""', '"a b"', '"10.0.0.1:80 [fd00::1]:81"', '"200 502"', '"- - - "', '"GET http://h:80/ HTTP/1.1"',
    '"a\\"b"', '"open', 'in"side', "\0",
])  # fmt: skip


@EACH
@given(st.dictionaries(st.integers(0, 26), ODD, max_size=4))
@settings(max_examples=400)
def test_rows_agree_with_rows_read_by_hand(log: Log, odd: dict[int, str]) -> None:
    places = GOOD[log].split('"')
    quoted = [text if number % 2 == 0 else f'"{text}"' for number, text in enumerate(places)]
    values = (
        GOOD[log].split()
        if log is NLB
        else [
            value
            for number, text in enumerate(quoted)
            for value in (text.split() if number % 2 == 0 else [text])
        ]
    )
    for place, value in odd.items():
        if place < len(values):
            values[place] = value
    line = " ".join(values)
    rows, account = log.read_lines((line + "\n").encode())
    wanted = by_hand(log, line)
    assert (not rows) == (wanted is None), account.rejected
    assert sum(account.rejected.values()) == len(account.rejects) == 1 - len(rows)
    if wanted is not None:
        assert {name: rows[0][name] for name in wanted} == wanted


@given(st.lists(st.sampled_from(['"', "\\", " ", "\t", "a", "-", "ü"]), max_size=40).map("".join))
@settings(max_examples=500)
def test_a_line_is_values_throughout_or_none(text: str) -> None:
    line = GOOD[CLB] + " " + text.strip(" \t") if text.strip(" \t") else GOOD[CLB]
    rows, account = CLB.read_lines((line + "\n").encode())
    if values_of(line) is None:
        assert account.rejected == {"quotes do not pair": 1}
    else:
        assert len(rows) == 1


WORDS = st.sampled_from([
    "GET", "-", "http://", "https://", "a.example.com", "[2001:db8::1]", ":80", ":443", "-", "/", "/a b", "?x=1", "*", " ", "  ", "HTTP/1.1",
    "HTTP/1.0", "HTTP/", "<php>", "/%20", "#", "\\x22", "+", "//", "s1-x.example.com:80",
])  # fmt: skip


@given(st.lists(WORDS, max_size=8).map("".join))
@settings(max_examples=500)
def test_request_lines_agree_with_those_read_by_hand(request_line: str) -> None:
    line = GOOD[CLB].replace("GET http://www.example.com:80/ HTTP/1.1", request_line)
    ((row,), _) = CLB.read_lines((line + "\n").encode())
    assert (row["method"], row["host"], row["uri"]) == request_of(request_line)


LINES = st.one_of(
    st.binary(max_size=60).map(lambda data: data.replace(b"\n", b"")),
    st.sampled_from([
        b"", b" ", b"Enable AccessLog for ELB: x", *(text.encode() for text in GOOD.values()), GOOD[ALB].encode()[:250] + b"\xff", b'"' * 50,
    ]),
)  # fmt: skip


@EACH
@given(st.lists(LINES, max_size=12), st.booleans())
@settings(max_examples=200)
def test_every_line_is_accounted_for(log: Log, lines: list[bytes], terminated: bool) -> None:
    data = b"\n".join([b"x", *lines]) + b"\n" * terminated
    rows, account = log.read_lines(data)
    assert account.rows == data.removesuffix(b"\n").count(b"\n") + 1
    assert account.parsed == len(rows)
    assert len(rows) >= lines[: len(lines) - (not terminated)].count(GOOD[log].encode())


def test_hostile_lines_take_linear_time() -> None:
    begin = GOOD[ALB].rpartition(" ")[0].encode()
    size = (1 << 20) - len(begin) - 100
    started = time.process_time()
    for filling in (
        b'"', b'\\"', b'"\\', b"\\", b" ", b'" ', b'"a', b'a"', b"x ", b'"" ', b":", b"a:", b" :", b"[", b"http://", b"\xc3\xbc", b"-1 ",
    ):  # fmt: skip
        many = filling * (size // len(filling))
        for line in (
            begin + b" " + many,
            begin.replace(b"/a?b=c", many),
            begin.replace(b"192.0.2.39", many),
            begin.replace(b'"10.0.0.1:80"', b'"' + many + b'"'),
        ):
            ALB.read_lines(line + b"\n")
            sniff(line[: 1 << 16])
    assert time.process_time() - started < 60
