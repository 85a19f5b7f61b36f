"""One flow log in every physical form: text of two clouds, Parquet, JSON lines."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowstitch.errors import UsageError
from flowstitch.ingest.discover import discover
from flowstitch.ingest.raw import read_lines
from flowstitch.ingest.read import read_export
from flowstitch.normalize.columns import Pools
from inventory_reading import EXPORT
from log_reading import DIALECTS, Log

ALIBABA, AWS = Log("vpc-flow-log", "alibaba-vpc-flow"), Log("vpc-flow-log", "aws-vpc-flow")
BIGQUERY = Log("vpc-flow-log", "gcp-bigquery-vpc-flow")
AWS_NAMES = {
    "account-id": "account-id", "interface-id": "eni-id", "pkt-srcaddr": "srcaddr", "pkt-dstaddr": "dstaddr", "srcport": "srcport",
    "dstport": "dstport", "protocol": "protocol", "packets": "packets", "bytes": "bytes", "start": "start", "end": "end",
    "action": "action", "tcp-flags": "tcp-flags", "flow-direction": "direction", "log-status": "log-status",
}  # fmt: skip
WAYS = {"in": "ingress", "out": "egress"}


@pytest.mark.parametrize(
    ("log", "folder"), [(log, folder) for log in (AWS, BIGQUERY) for folder in log.goldens()]
)
def test_golden(log, folder):
    log.check_golden(folder)
    (path,) = (DIALECTS / folder).glob("in.*")
    (source,) = discover([str(path)]).sources
    assert (source.kind, source.dialect) == (log.kind, log.dialect)


def captured(count: int = 400) -> list[dict[str, str]]:
    """Rows of a captured log, and one without traffic."""
    path = min(EXPORT.glob("vpc-flow/*.jsonl.gz"))
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()[:count]]
    return [
        *rows,
        {"eni-id": rows[0]["eni-id"], "start": "1795394660", "end": "1795394719", "log-status": "NODATA"},
    ]


def as_csv(rows: list[dict[str, str]], separator: str, *, header: bool = True, quote: str = "") -> str:
    names = list(rows[0])
    lines = [names] * header + [[row.get(name, "-") for name in names] for row in rows]
    return "\n".join(separator.join(f"{quote}{value}{quote}" for value in line) for line in lines) + "\n"


def as_aws(rows: list[dict[str, str]]) -> str:
    lines = [" ".join(AWS_NAMES)]
    for row in rows:
        values = [row.get(name, "-") for name in AWS_NAMES.values()]
        lines.append(" ".join(WAYS.get(value, value) for value in values))
    return "\n".join(lines) + "\n"


def told(rows: list[dict]) -> list[dict]:
    """Rows without the line they stand on."""
    return [{name: value for name, value in row.items() if name not in {"line", "source"}} for row in rows]


@pytest.mark.parametrize(
    "form", ["csv", "tabs", "quoted", "semicolons", "aws", "parquet", "parquet-typed", "parquet-aws"]
)
def test_every_form_says_the_same(tmp_path: Path, form: str) -> None:
    rows = captured()
    wanted, _ = ALIBABA.read_lines("\n".join(map(json.dumps, rows)).encode())
    path = tmp_path / "log"
    log = AWS if "aws" in form else ALIBABA
    if form.startswith("parquet"):
        names = AWS_NAMES if "aws" in form else {name: name for name in rows[0]}
        frame = pl.DataFrame({name: [row.get(key) for row in rows] for name, key in names.items()})
        if "aws" in form:
            frame = frame.rename({name: name.replace("-", "_") for name in frame.columns})
            frame = frame.with_columns(pl.col("flow_direction").replace(WAYS))
        if form != "parquet":
            numbers = ["srcport", "packets", "bytes", "start", "end"]
            frame = frame.with_columns(pl.col(numbers).cast(pl.Int64), pl.col("dstport").cast(pl.Float64))
        frame.write_parquet(path)
    elif form == "aws":
        path.write_text(as_aws(rows))
    else:
        separator = {"csv": ",", "tabs": "\t", "quoted": ",", "semicolons": ";"}[form]
        path.write_text(as_csv(rows, separator, quote='"' if form == "quoted" else ""))
    (source,) = discover([str(path)]).sources
    assert (source.kind, source.dialect) == ("vpc-flow-log", log.dialect)
    found, account = log.read(path)
    assert told(found) == told(wanted)
    assert (account.rows, account.rejects) == (len(rows) + (not form.startswith("parquet")), [])


def test_partitions_of_a_bucket_are_one_export(tmp_path: Path) -> None:
    rows = captured(90)
    account = (
        tmp_path
        / "AWSLogs"
        / "aws-account-id=123456789012"
        / "aws-service=vpcflowlogs"
        / "aws-region=ap-east-1"
    )
    for hour in range(3):
        folder = account / "year=2026" / "month=11" / "day=23" / f"hour={hour:02}"
        folder.mkdir(parents=True)
        names = {name.replace("-", "_"): key for name, key in AWS_NAMES.items()}
        part = rows[30 * hour : 30 * hour + 30]
        frame = pl.DataFrame(
            {name: [WAYS.get(row[key], row[key]) for row in part] for name, key in names.items()}
        )
        frame.write_parquet(
            folder / f"123456789012_vpcflowlogs_ap-east-1_fl-1_20261123T{hour:02}00Z_0a{hour}.log.parquet"
        )
    pools = Pools()
    export = read_export([str(tmp_path)], pools)
    assert [(source.kind, source.node) for source in export.sources] == [("vpc-flow-log", "")] * 3
    assert [account.parsed for account in export.accounts] == [30] * 3
    assert export.rows["flows"]["bytes"].tolist() == [int(row["bytes"]) for row in rows[:90]]


def test_columns_of_a_log_without_header_stand_in_export_toml(tmp_path: Path) -> None:
    rows = captured(20)
    (tmp_path / "flows").write_text(as_csv(rows, "|", header=False))
    names = json.dumps(list(rows[0]))
    (tmp_path / "export.toml").write_text(
        f"[[source]]\nmatch = 'flows'\ncolumns = {names}\ndelimiter = '|'\n"
    )
    (source,) = discover([str(tmp_path)]).sources
    assert (source.kind, source.dialect, source.delimiter) == ("vpc-flow-log", "alibaba-vpc-flow", "|")
    found, account = ALIBABA.read_source(source)
    wanted, _ = ALIBABA.read_lines("\n".join(map(json.dumps, rows)).encode())
    assert told(found) == told(wanted)
    assert account.rows == account.parsed == len(rows)


def test_columns_that_are_no_logs_are_refused(tmp_path: Path) -> None:
    (tmp_path / "flows").write_text("x\n")
    (tmp_path / "export.toml").write_text("[[source]]\nmatch = 'flows'\ncolumns = ['a', 'start']\n")
    with pytest.raises(UsageError, match=r"got a start, expected those of a log .*interface-id start end"):
        discover([str(tmp_path)])


def test_without_packet_addresses_pods_cannot_be_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(as_aws(captured(5)).replace("pkt-srcaddr pkt-dstaddr", "srcaddr dstaddr"))
    _, account = AWS.read(path)
    assert len(account.warnings) == 1
    assert account.warnings[0].startswith("it has no pkt-srcaddr and no pkt-dstaddr")
    path.write_text(as_aws(captured(5)))
    assert AWS.read(path)[1].warnings == []


def test_a_last_line_that_may_be_cut_is_torn(tmp_path: Path) -> None:
    path = tmp_path / "log"
    head = "interface-id srcaddr dstaddr srcport dstport protocol start end log-status bytes\n"
    line = "eni-1 10.0.0.1 10.0.0.2 1 2 6 1700000000 1700000001 OK 12345"
    path.write_text(f"{head}{line}\n{line[:-2]}")
    rows, account = AWS.read(path)
    assert [row["bytes"] for row in rows] == [12345]
    assert account.rejected == {"torn line": 1}
    assert account.incomplete
    # a word is whole or none
    ended = "log-status action"
    path.write_text(f"{head.replace('log-status bytes', ended)}{line.replace('12345', 'ACCEPT')}")
    assert len(AWS.read(path)[0]) == 1


def test_damaged_parquet_is_said(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pl.DataFrame(captured(300)).write_parquet(path, row_group_size=100)
    whole = path.read_bytes()
    path.write_bytes(whole[:2000] + b"\0" * 500 + whole[2500:])
    rows, account = ALIBABA.read(path)
    assert account.parsed == len(rows) < 300
    assert account.incomplete
    assert "cannot be read" in account.warnings[0]


def test_rejected_rows_of_parquet_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    rows = [row | {"srcport": "70000"} if number == 2 else row for number, row in enumerate(captured(5))]
    pl.DataFrame(rows).write_parquet(path)
    found, account = ALIBABA.read(path)
    assert len(found) == 5
    assert [(reject.line, reject.reason) for reject in account.rejects] == [(3, "bad value: srcport")]
    assert json.loads(account.rejects[0].raw)["srcport"] == "70000"
    assert read_lines(path, [3]) == {}


LINES = st.one_of(
    st.binary(max_size=60).map(lambda data: data.replace(b"\n", b"")),
    st.sampled_from(
        [
            b"",
            b" ",
            as_aws(captured(1)).splitlines()[0].encode(),
            as_aws(captured(1)).splitlines()[1].encode(),
        ]
    ),
)


@given(st.lists(LINES, max_size=12), st.booleans())
@settings(max_examples=200, deadline=None)
def test_every_line_is_accounted_for(lines: list[bytes], terminated: bool) -> None:
    data = b"\n".join([b"x", *lines]) + b"\n" * terminated
    rows, account = AWS.read_lines(data)
    assert account.rows == data.removesuffix(b"\n").count(b"\n") + 1
    assert account.parsed == len(rows)
