from __future__ import annotations

import csv
import gzip
import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowstitch.ingest.discover import discover
from inventory_reading import EXPORT
from log_reading import Log

LOG, ALB = Log("lb-access-log", "alibaba-clb-access"), Log("lb-access-log", "alibaba-alb-access")
GOOD = {
    "time": "2023-11-14T22:13:20+08:00", "slbid": "lb-1", "vip_addr": "47.0.0.1", "slb_vport": "443", "client_ip": "203.0.113.9",
    "client_port": "51234", "request_method": "GET", "host": "a.example.com", "request_uri": "/x", "status": "200",
    "request_length": "512", "body_bytes_sent": "1024", "request_time": "0.013", "read_request_time": "1", "write_response_time": "2",
    "tcpinfo_rtt": "31250", "upstream_addr": "10.0.1.5:30080", "upstream_response_time": "0.012", "upstream_status": "200",
}  # fmt: skip


@pytest.mark.parametrize(("log", "folder"), [(log, folder) for log in (LOG, ALB) for folder in log.goldens()])
def test_golden(log, folder):
    log.check_golden(folder)


def test_shipped_log_is_read_whole():
    rows, account = LOG.read(EXPORT / "slb" / "access.jsonl.gz")
    assert (account.rows, account.parsed, account.warnings, account.incomplete) == (456, 456, [], False)
    raw = [
        json.loads(line)
        for line in gzip.decompress((EXPORT / "slb/access.jsonl.gz").read_bytes()).splitlines()
    ]
    for row, line in zip(rows, raw, strict=True):
        assert row["request_at"].replace(tzinfo=UTC) == datetime.fromisoformat(line["time"])
        assert (row["client_ip"], row["client_port"]) == (line["client_ip"], int(line["client_port"]))
        assert row["request_time_us"] == round(float(line["request_time"]) * 1e6)
        assert (row["upstream_addrs"], row["uri"]) == (line["upstream_addr"], line["request_uri"])
    assert sum("," in row["upstream_addrs"] for row in rows) == 70


def test_torn_last_line():
    whole = json.dumps(GOOD).encode()
    rows, account = LOG.read_lines(whole + b"\n" + whole[:90])
    assert len(rows) == 1
    assert account.rejected == {"torn line": 1}
    assert account.incomplete


def test_keys_of_the_log_service_are_no_other_spelling():
    changed = {key.upper().replace("_", "-"): value for key, value in GOOD.items()}
    rows, account = LOG.read_lines(json.dumps({"__time__": 1, "__status__": "x"} | changed).encode())
    assert (len(rows), account.rejected) == (1, {})
    assert rows[0] | {"line": 0} == LOG.read_lines(json.dumps(GOOD).encode())[0][0] | {"line": 0}


@given(
    st.datetimes(datetime.fromisoformat("1970-01-02"), datetime.fromisoformat("2300-01-01")),
    st.integers(-1439, 1439),
    st.sampled_from(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.%f"]),
)
def test_times_are_utc_whatever_the_offset(moment: datetime, minutes: int, form: str) -> None:
    offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    rows, _ = LOG.read_lines(json.dumps(GOOD | {"time": moment.strftime(form) + offset}).encode())
    logged = moment if form.endswith("f") else moment.replace(microsecond=0)
    assert rows[0]["request_at"] == logged - timedelta(minutes=minutes)


DURATIONS = {
    "request_time": 1_000_000,
    "read_request_time": 1000,
    "write_response_time": 1000,
    "tcpinfo_rtt": 1,
}
NUMBERS = {
    "slb_vport": 0xFFFF,
    "client_port": 0xFFFF,
    "status": 0xFFFF,
    "request_length": 2**63 - 1,
    "body_bytes_sent": 2**63 - 1,
}
NAMES = {
    "slb_vport": "lb_port", "client_port": "client_port", "status": "status", "request_length": "request_length_bytes",
    "body_bytes_sent": "body_bytes_sent", "request_time": "request_time_us", "read_request_time": "read_request_time_us",
    "write_response_time": "write_response_time_us", "tcpinfo_rtt": "tcpinfo_rtt_us",
}  # fmt: skip
ODD = st.one_of(
    st.sampled_from([None, "", "-", "-1", "None", 0, -1, 1.5, True, [1], {"a": 1}, "1e3", "nan", "inf", "0x1", " 1", "1 ", "1_0", ".5", "5.",
                     "0.0005", "12.3456789", "999999999.999999", "1000000000", "70000", "9223372036854775808", "٣"]),
    st.integers(0, 10**6).map(str), st.decimals(0, 10**6, places=3).map(str),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(sorted(NAMES)), ODD, min_size=1, max_size=4))
@settings(max_examples=200)
def test_numbers_agree_with_rows_read_by_hand(odd: dict) -> None:
    rows, account = LOG.read_lines(json.dumps(GOOD | odd).encode())
    wanted, bad = {}, []
    for key, name in NAMES.items():
        value = (GOOD | odd)[key]
        text = value if isinstance(value, str) else json.dumps(value)
        if text in {"null", "", "-", "-1", "None"}:
            wanted[name] = None
        elif key in NUMBERS and re.fullmatch("[0-9]+", text) and int(text) <= NUMBERS[key]:
            wanted[name] = int(text)
        elif key in DURATIONS and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
            wanted[name] = round(float(text) * DURATIONS[key])
        else:
            bad.append(key)
    if bad:
        assert rows == []
        assert sum(account.rejected.values()) == 1
        assert next(iter(account.rejected)) in {f"bad value: {key}" for key in bad}
    else:
        assert {name: rows[0][name] for name in wanted} == wanted


@given(
    st.dictionaries(
        st.sampled_from(["request_method", "host", "request_uri"]), st.text(max_size=1100), max_size=3
    )
)
@settings(max_examples=100)
def test_what_clients_say_is_kept_and_bounded(said: dict) -> None:
    said = {key: text.encode("utf-8", "replace").decode() for key, text in said.items()}
    rows, account = LOG.read_lines(json.dumps(GOOD | said).encode())
    assert account.rejected == {}
    for key, name in (("request_method", "method"), ("host", "host"), ("request_uri", "uri")):
        text = (GOOD | said)[key]
        assert rows[0][name] == (None if text in {"", "-", '"-"', "-1", "None"} else text[:1024])


def test_a_list_of_attempts_is_never_cut():
    for key in ("upstream_addr", "upstream_response_time", "upstream_status"):
        rows, account = LOG.read_lines(json.dumps(GOOD | {key: "1" * 1024}).encode())
        assert len(rows) == 1
        rows, account = LOG.read_lines(json.dumps(GOOD | {key: "1" * 1025}).encode())
        assert account.rejected == {f"bad value: {key}": 1}


def as_csv(rows: list[dict[str, str]], separator: str, *, everywhere: bool = False) -> str:
    out = io.StringIO()
    quoting = csv.QUOTE_ALL if everywhere else csv.QUOTE_MINIMAL
    writer = csv.DictWriter(
        out, list(rows[0]), "-", delimiter=separator, quoting=quoting, lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def captured() -> list[dict[str, str]]:
    """Rows of the captured log, with a separator of every kind in what clients say."""
    lines = gzip.decompress((EXPORT / "slb" / "access.jsonl.gz").read_bytes()).splitlines()
    rows = [json.loads(line) for line in lines]
    said = ('/a,b?c="d"', "/x;y|z", '"', "/\t", "/plain")
    return [row | {"request_uri": said[number % len(said)]} for number, row in enumerate(rows)]


@pytest.mark.parametrize("log", [LOG, ALB], ids=["clb", "alb"])
@pytest.mark.parametrize("form", ["json", "csv", "quoted", "tabs", "semicolons", "pipes", "parquet"])
def test_every_form_says_the_same(tmp_path: Path, log: Log, form: str) -> None:
    rows = captured()
    wanted, _ = LOG.read_lines("\n".join(map(json.dumps, rows)).encode())
    if log is ALB:
        rows = [
            {("app_lb_id" if key == "slbid" else key): value for key, value in row.items()} for row in rows
        ]
    path = tmp_path / "log"
    if form == "parquet":
        pl.DataFrame(rows).write_parquet(path)
    elif form == "json":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        separator = {"tabs": "\t", "semicolons": ";", "pipes": "|"}.get(form, ",")
        path.write_text(as_csv(rows, separator, everywhere=form == "quoted"))
    (source,) = discover([str(path)]).sources
    assert (source.kind, source.dialect) == ("lb-access-log", log.dialect)
    found, account = log.read_source(source)
    assert account.rejected == {}
    for row in (*found, *wanted):
        del row["line"], row["source"]
    assert found == wanted


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20), min_size=3, max_size=3
    ),
    st.sampled_from([",", "\t", ";", "|"]),
    st.booleans(),
)
@settings(max_examples=200)
def test_what_stands_between_quotes_is_one_value(said: list[str], separator: str, everywhere: bool) -> None:
    row = GOOD | dict(zip(("request_uri", "host", "request_method"), said, strict=True))
    rows, account = LOG.read_lines(as_csv([row], separator, everywhere=everywhere).encode())
    assert account.rejected == {}
    wanted, _ = LOG.read_lines(json.dumps(row).encode())
    assert rows == [wanted[0] | {"line": 2}]


def test_quotes_that_do_not_pair_are_text() -> None:
    header, line = as_csv([GOOD], ",").splitlines()
    for uri, known in (('"x', '"x'), ('5" x', '5" x'), ('"a" b', '"a" b'), ('a"b', 'a"b')):
        ((row,), _) = LOG.read_lines(f"{header}\n{line.replace('/x', uri)}\n".encode())
        assert row["uri"] == known
    _, account = LOG.read_lines(f"{header}\n{line.replace('/x', 'a,b')}\n".encode())
    assert account.rejected == {"wrong number of columns": 1}
