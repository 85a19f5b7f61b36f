"""The whole run, with the capture's access log rewritten as other load balancers write it: what they can say comes out the same."""

from __future__ import annotations

import gzip
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import flowstitch
from flowstitch.ingest.discover import discover
from inventory_reading import EXPORT

# What a log of AWS does not have: the listener's address and port.
NOT_OF_AWS = {"lb_ip": None, "lb_port": None}


def logged() -> list[dict[str, str]]:
    lines = gzip.decompress((EXPORT / "slb" / "access.jsonl.gz").read_bytes()).splitlines()
    return [json.loads(line) for line in lines]


def as_alibaba_alb(row: dict[str, str]) -> str:
    return json.dumps({("app_lb_id" if key == "slbid" else key): value for key, value in row.items()})


def as_aws_alb(row: dict[str, str]) -> str:
    sent = datetime.fromisoformat(row["time"]).astimezone(UTC)
    came = sent - timedelta(seconds=float(row["request_time"]))
    targets, statuses = (row[key].replace(",", "") for key in ("upstream_addr", "upstream_status"))
    took = row["upstream_response_time"]
    phases = f"0.000 {took} 0.000" if "," not in took else "-1 -1 -1"
    return (
        f"http {iso(sent)} {row['slbid']} {row['client_ip']}:{row['client_port']} {targets.split()[0]} {phases} {row['status']} "
        f"{statuses.split()[0]} {row['request_length']} {row['body_bytes_sent']} {request_line(row)} \"curl/8.0\" - - - \"-\" \"-\" \"-\" 0 "
        f'{iso(came)} "forward" "-" "-" "{targets}" "{statuses}" "-" "-"'
    )  # fmt: skip


def as_aws_clb(row: dict[str, str]) -> str:
    sent = datetime.fromisoformat(row["time"]).astimezone(UTC)
    took = row["upstream_response_time"].split(", ")[-1]
    # the capture's own times are rounded: here and there an attempt took a millisecond more than its request
    before = max(0, float(row["request_time"]) - float(took))
    return (
        f"{iso(sent - timedelta(seconds=before + float(took)))} {row['slbid']} {row['client_ip']}:{row['client_port']} {row['upstream_addr'].split(', ')[-1]} {before:.6f} {took} 0 "
        f"{row['status']} {row['upstream_status'].split(', ')[-1]} 0 {row['body_bytes_sent']} {request_line(row)} \"curl/8.0\" - -"
    )  # fmt: skip


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def request_line(row: dict[str, str]) -> str:
    return f'"{row["request_method"]} {row["scheme"]}://{row["host"]}:{row["slb_vport"]}{row["request_uri"]} {row["server_protocol"]}"'


def attempts_of(result: Path) -> dict[tuple[int, int], dict[str, Any]]:
    with flowstitch.open(result) as opened:
        rows = opened.sql("select * exclude (source) from lb_requests").to_arrow_table().to_pylist()
    return {(row["line"], row["attempt"]): row for row in rows}


def rewritten(write: Any, dialect: str, folder: Path) -> tuple[dict[tuple[int, int], dict[str, Any]], Path]:
    export = folder / "export"
    shutil.copytree(EXPORT, export, ignore=shutil.ignore_patterns("slb"))
    (export / "requests").write_text("".join(f"{write(row)}\n" for row in logged()))
    (source,) = discover([str(export / "requests")]).sources
    assert source.dialect == dialect
    flowstitch.run(str(export), out=folder / "result")
    return attempts_of(folder / "result"), folder / "result"


def test_an_alb_of_alibaba_says_all_of_it(tmp_path: Path, result: Path) -> None:
    found, _ = rewritten(as_alibaba_alb, "alibaba-alb-access", tmp_path)
    assert found == attempts_of(result)


@pytest.mark.parametrize(
    ("write", "dialect"), [(as_aws_alb, "aws-alb-access"), (as_aws_clb, "aws-clb-access")]
)
def test_a_load_balancer_of_aws_says_what_it_can(
    tmp_path: Path, result: Path, write: Any, dialect: str
) -> None:
    found, out = rewritten(write, dialect, tmp_path)
    known = attempts_of(result)
    if write is as_aws_clb:
        for row in known.values():
            row["request_time_us"] = max(row["request_time_us"], row["upstream_response_time_us"])
    retried = {line for line, attempt in known if attempt > 1}
    single = {place: row | NOT_OF_AWS for place, row in known.items() if place[0] not in retried}
    assert {place: row for place, row in found.items() if place[0] not in retried} == single
    assert len(single) == 386
    assert sum(row["candidate_count"] == 1 for row in single.values()) > 100
    last = {line: max(attempt for other, attempt in known if other == line) for line in retried}
    for line, attempt in known:
        if line in retried:
            # how long each of several attempts took stands in no log of AWS, which of them there were in those of an ALB alone
            place = (line, attempt) if dialect == "aws-alb-access" else (line, 1)
            wanted = known[line, attempt if dialect == "aws-alb-access" else last[line]]
            same = [
                "upstream_ip",
                "upstream_port",
                "upstream_status",
                "status",
                "request_at",
                "request_time_us",
                "client_port",
                "uri",
            ]
            assert [found[place][name] for name in same] == [wanted[name] for name in same]
    with flowstitch.open(out) as opened:
        lost = opened.sql(
            "select dst_ip, dst_port, count(*) from unmatched where kind = 'lb-access-log' group by all"
        ).fetchall()
    assert [row[:2] for row in lost] == [(None, None)]
