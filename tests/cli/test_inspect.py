"""``inspect``: what files are, from their first bytes."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowstitch.ingest.inspect import READ_BYTES, find_gaps
from log_reading import DIALECTS

if TYPE_CHECKING:
    from cli.conftest import Call

NODE = "nodes/cn-hongkong.10.0.1.47"
ENTRY = (
    "[1795395003.{0:06}]\t    [NEW] ipv4     2 tcp      6 120 SYN_SENT src=10.0.1.91 dst=10.0.3.63 sport=20088 dport=80 "
    "[UNREPLIED] src=10.0.3.58 dst=10.0.1.82 sport=8080 dport=56690 id=630463324\n"
)


def inspected(call: Call, *exports: Path, code: int = 0) -> dict[str, dict[str, object]]:
    done = call("inspect", *exports, "--format", "json")
    assert done.exit_code == code
    assert all(" warning " in line for line in done.stderr.splitlines())
    return {row["source"]: row for row in json.loads(done.stdout)}


def test_it_tells_what_a_run_will_read(call: Call, capture: Path, result: Path) -> None:
    found = inspected(call, capture)
    (*rows,) = json.loads(call("sql", result, "from sources", "--format", "json").stdout)
    assert set(found) == {row["source"] for row in rows}
    for row in rows:
        told = found[row["source"]]
        assert told["kind"] == row["kind"]
        assert told["node"] == row["node"]
        if told["rows"] is not None:
            assert (told["rows"], told["whole"]) == (row["rows"], True)
    assert {row["clock_offset_us"] for row in found.values()} == {0, None}
    log = found["vpc-flow/eni-j6cz6vfhp7a8whk54mul.jsonl.gz"]
    assert log["enis"] == ["eni-j6cz6vfhp7a8whk54mul"]
    assert (log["window_s"], log["dialect"]) == (60, "alibaba-vpc-flow")
    assert (log["first_seen"], log["last_seen"]) == ("2026-11-23T00:44:22Z", "2026-11-23T00:53:00Z")
    dump = found[f"{NODE}/conntrack-list.1795394843.871.txt.gz"]
    assert dump["first_seen"] == dump["last_seen"] == "2026-11-23T00:47:23.871000Z"


def test_a_table_is_for_readers(call: Call, capture: Path) -> None:
    lines = call("inspect", capture / NODE).stdout.splitlines()
    assert lines[0].split() == [
        "source",
        "kind",
        "dialect",
        "of",
        "rows",
        "from",
        "to",
        "window_s",
        "warnings",
    ]
    (events,) = (line.split() for line in lines if line.startswith("conntrack-events.log.gz"))
    assert events[1:5] == ["conntrack-events", "conntrack", "cn-hongkong.10.0.1.47", "8963"]


def test_a_clock_that_is_off_is_told(call: Call, capture: Path, tmp_path: Path) -> None:
    shutil.copytree(capture, tmp_path / "export")
    path = tmp_path / "export" / NODE / "conntrack-events.log.gz"
    text = gzip.decompress(path.read_bytes())
    late = re.sub(rb"^\[(\d+)", lambda match: b"[%d" % (int(match[1]) + 5), text, flags=re.MULTILINE)
    path.write_bytes(gzip.compress(late))
    found = inspected(call, tmp_path / "export")
    offset = found[f"{NODE}/conntrack-events.log.gz"]["clock_offset_us"]
    assert isinstance(offset, int)
    assert abs(offset - 5_000_000) < 300_000
    warnings = call("inspect", tmp_path / "export").stderr
    assert "warning cn-hongkong.10.0.1.47: its clock is +5.0 s off" in warnings


def test_what_the_export_lacks_is_told_on_stderr(call: Call, capture: Path, tmp_path: Path) -> None:
    assert call("inspect", capture).stderr == ""
    done = call(
        "inspect", capture / "inventory", capture / "vpc-flow", capture / "nodes" / "cn-hongkong.10.0.1.47"
    )
    (sentence,) = done.stderr.splitlines()
    assert (
        "warning nodes cn-hongkong.10.0.1.82 and cn-hongkong.10.0.3.49: no conntrack in the export;"
        in sentence
    )


def test_rules_are_missed_by_the_data_plane_that_goes_by_them(
    call: Call, capture: Path, tmp_path: Path
) -> None:
    shutil.copytree(capture, tmp_path / "export")
    for path in (tmp_path / "export").glob("nodes/*/ip-rule.json"):
        path.unlink()
    assert "no ip rules in the export" in call("inspect", tmp_path / "export").stderr
    done = call("inspect", tmp_path / "export", "--dataplane", "aws-vpc-cni")
    assert (done.exit_code, done.stderr) == (0, "")
    wrong = call("inspect", tmp_path / "export", "--dataplane", "aws-vpc-cnj")
    assert wrong.exit_code == 2
    assert "aws-vpc-cni" in wrong.stderr


def test_what_connections_to_load_balancers_are_good_for(call: Call, tmp_path: Path) -> None:
    for folder in ("aws-nlb-access", "aws-alb-connection"):
        (tmp_path / folder).write_bytes((DIALECTS / folder / "in.log").read_bytes())
    found = inspected(call, tmp_path)
    assert {name: (row["kind"], row["dialect"], row["rows"]) for name, row in found.items()} == {
        "aws-nlb-access": ("lb-connection-log", "aws-nlb-access", 28),
        "aws-alb-connection": ("lb-connection-log", "aws-alb-connection", 25),
    }
    assert found["aws-nlb-access"]["first_seen"] == "2020-04-01T08:51:19.960000Z"
    assert found["aws-alb-connection"]["last_seen"] == "2024-11-29T13:45:24.599544Z"
    (told,) = [line for line in call("inspect", tmp_path).stderr.splitlines() if "lb_connections" in line]
    assert "who dialled a load balancer, when and how much" in told


def test_what_was_not_read_is_not_missing(call: Call, capture: Path, tmp_path: Path) -> None:
    shutil.copytree(capture, tmp_path / "export")
    for path in (tmp_path / "export" / "inventory").iterdir():
        path.write_text(path.read_text() + " " * READ_BYTES)
    events = tmp_path / "export" / NODE / "conntrack-events.log.gz"
    early = [
        line
        for line in gzip.decompress(events.read_bytes()).splitlines(keepends=True)
        if line[:11] < b"[1795394800"
    ]
    events.write_bytes(gzip.compress(b"".join(early) + b" " * READ_BYTES))
    assert call("inspect", tmp_path / "export").stderr == ""
    events.write_bytes(gzip.compress(b"".join(early)))
    (sentence,) = call("inspect", tmp_path / "export").stderr.splitlines()
    assert "conntrack events end earlier than those of other nodes" in sentence


def test_torn_and_double_files_are_told(call: Call, torn_export: Path) -> None:
    copy = torn_export / "copy.json"
    copy.write_text(
        '{"kind": "List", "items": [{"kind": "Pod", "metadata": {"name": "a", "namespace": "b"}}]}'
    )
    (torn_export / "twin.json").write_text(copy.read_text())
    found = inspected(call, torn_export, code=1)
    (warning,) = found[f"{NODE}/conntrack-events.log.gz"]["warnings"]
    assert "the gzip stream is torn" in warning
    assert found["copy.json"]["warnings"] == ["twin.json has the same content and does not count."]


def test_little_of_a_large_file_is_read(call: Call, tmp_path: Path) -> None:
    lines = [ENTRY.format(number) for number in range(40_000)]
    (tmp_path / "nodes" / "a").mkdir(parents=True)
    with gzip.open(tmp_path / "nodes" / "a" / "events.gz", "wt", compresslevel=1) as file:
        file.writelines(lines)
    pod = {
        "kind": "Pod",
        "metadata": {"name": "a", "namespace": "b", "annotations": {"long": "x" * READ_BYTES}},
    }
    (tmp_path / "pods.json").write_text(json.dumps({"kind": "List", "items": [pod]}))
    found = inspected(call, tmp_path)
    events = found["nodes/a/events.gz"]
    assert events["rows"] == READ_BYTES // len(lines[0])
    assert events["whole"] is False
    assert events["warnings"] == ["rows, span and gaps are of its first 4 MiB."]
    assert found["pods.json"]["rows"] is None
    assert found["pods.json"]["warnings"] == ["a document of more than 4 MiB: its items were not counted."]
    assert f"≥ {events['rows']}" in call("inspect", tmp_path).stdout


def test_silence_and_rejects_are_told(call: Call, tmp_path: Path) -> None:
    text = ENTRY.format(0) + "what is this\n" + ENTRY.format(1).replace("1795395003", "1795395103")
    (tmp_path / "node=a").mkdir()
    (tmp_path / "node=a" / "events.log").write_text(text)
    found = inspected(call, tmp_path)["node=a/events.log"]
    assert found["gaps"] == ["2026-11-23T00:50:03Z/2026-11-23T00:51:43.000001Z"]
    assert found["rows"] == 3
    assert [warning.rpartition(" ")[2] for warning in found["warnings"]] == ["1."]
    assert found["warnings"][0].startswith("rejected rows: ")
    assert "nothing from 2026-11-23T00:50:03Z to" in call("inspect", tmp_path).stdout


def test_every_form_of_conntrack_is_found_and_the_rest_is_named(call: Call, tmp_path: Path) -> None:
    dialects = Path(__file__).parents[1] / "dialects"
    wanted = {
        "ip_conntrack": ("conntrack-proc-old/in.txt", "conntrack-list", "conntrack", 7),
        "save.txt": ("conntrack-save/in.1795394843.txt", "conntrack-list", "conntrack-save", 17),
        "save.log": ("conntrack-save-events/in.log", "conntrack-events", "conntrack-save", 6),
        "conntrackd-i.xml": ("conntrack-xml-conntrackd/in.xml", "conntrack-list", "conntrack-xml", 2),
        "conntrackd-e": ("conntrack-conntrackd-external/in.txt", "conntrack-list", "conntrack", 2),
    }
    folder = tmp_path / "nodes" / "n1"
    folder.mkdir(parents=True)
    for name, (golden, *_) in wanted.items():
        shutil.copy(dialects / golden, folder / name)
    (folder / "expect").write_text("300 proto=6 src=10.0.1.91 dst=10.0.3.58 sport=0 dport=41739\n")
    found = inspected(call, tmp_path, code=1)
    for name, (_, *told) in wanted.items():
        row = found[f"nodes/n1/{name}"]
        assert [row["kind"], row["dialect"], row["rows"]] == told
        assert row["node"] == (None if name == "conntrackd-e" else "n1")
    assert found["nodes/n1/conntrackd-e"]["warnings"] == [
        "an external cache of conntrackd: its entries are those of the peers of its node; name theirs in export.toml."
    ]
    assert found["nodes/n1/expect"]["kind"] == "unknown"
    assert "expectations" in str(found["nodes/n1/expect"]["warnings"])
    # a run knows them as what they are too, and says so
    assert call("run", tmp_path, "--out", tmp_path / "out").exit_code == 1
    (*rows,) = json.loads(call("sql", tmp_path / "out", "from sources", "--format", "json").stdout)
    for row in rows:
        told = found[row["source"]]
        assert [row["kind"], row["dialect"], row["node"], row["rows"] or None] == [
            told[key] for key in ("kind", "dialect", "node", "rows")
        ]
        assert set(row["warnings"]) == set(told["warnings"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "got a directory without any file to read"),
        ("hello\n", "none of its files is of a known kind (hello.txt)"),
    ],
)
def test_wrong_use(call: Call, tmp_path: Path, text: str | None, sentence: str) -> None:
    if text is not None:
        (tmp_path / "hello.txt").write_text(text)
    done = call("inspect", tmp_path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9))))
def test_gaps_are_the_times_that_nothing_covers(spans: list[tuple[int, int]]) -> None:
    begin = np.array([start for start, _ in spans], np.int64)
    end = np.array([start + length for start, length in spans], np.int64)
    covered = {moment for start, length in spans for moment in range(start, start + length)}
    edges = sorted({start for start, _ in spans} | {start + length for start, length in spans})
    open_spans: list[tuple[int, int]] = []
    for left, right in itertools.pairwise(edges):
        if left not in covered:
            touching = open_spans and open_spans[-1][1] == left and left not in {start for start, _ in spans}
            open_spans[-1:] = [(open_spans[-1][0], right)] if touching else [*open_spans[-1:], (left, right)]
    assert find_gaps(begin, end, least=3) == [(left, right) for left, right in open_spans if right - left > 3]
