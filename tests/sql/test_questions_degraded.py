"""Every question answers over an export that lacks something, and does not say what it then cannot know."""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import flowstitch
from flowstitch.sql.questions import question, questions
from story import Hop, Story

Ask = Callable[[str], list[dict[str, Any]]]

PARTS = {
    "flow logs alone": ["inventory", "vpc-flow"],
    "dumps alone": ["inventory", "nodes/*/conntrack-list.*"],
    "one node": ["inventory", "nodes/cn-hongkong.10.0.1.82"],
    "no inventory": ["nodes", "vpc-flow"],
    "no counters": ["inventory", "nodes/*/conntrack-*"],
}


@pytest.fixture(scope="module")
def degraded(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Ask]]:
    """Asks questions about the capture with only the named part of it."""
    opened = {}

    def asker(part: str) -> Ask:
        if part not in opened:
            folder = tmp_path_factory.mktemp("degraded")
            _cut(capture, folder / "export", part)
            flowstitch.run(folder / "export", out=folder / "result")
            opened[part] = flowstitch.open(folder / "result")
        return lambda name: opened[part].sql(question(name).sql).to_arrow_table().to_pylist()

    yield asker
    for session in opened.values():
        session.close()


def _cut(capture: Path, export: Path, part: str) -> None:
    for pattern in PARTS[part]:
        for found in capture.glob(pattern):
            target = export / found.relative_to(capture)
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if found.is_dir() else shutil.copyfile)(found, target)
    for path in export.rglob("conntrack-*") if part == "no counters" else ():
        path.write_text(re.sub(r" packets=\d+ bytes=\d+", "", gzip.decompress(path.read_bytes()).decode()))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", [item.name for item in questions() if not item.compares])
def test_it_answers(degraded: Callable[[str], Ask], part: str, name: str) -> None:
    for row in degraded(part)(name):
        assert list(row) == [column for column, _ in question(name).columns]
        for column, value in row.items():
            if column.endswith("share"):
                assert value is None or 0 <= value <= 1, row
            elif isinstance(value, int):
                assert value >= 0, row


def test_without_conntrack_nothing_is_explained_or_known_to_be_untranslated(
    degraded: Callable[[str], Ask],
) -> None:
    ask = degraded("flow logs alone")
    explained = ask("explained-bytes")
    assert len(explained) == 8
    for row in explained:
        assert (row["explained_bytes"], row["share"]) == (0, 0)
        assert row["alone_bytes"] + row["unmatched_bytes"] == row["bytes"] > 0
    assert sum(row["unmatched_bytes"] for row in explained if row["reasons"]) > 0
    assert {row["translated"] for row in ask("foreign-source")} == {None}
    assert {row["at_server_node"] for row in ask("unanswered")} == {None}
    assert any(row["at_server_eni"] for row in ask("unanswered"))
    assert ask("snat-ports") == []
    # ENIs agree with each other, conntrack has no say
    compared = ask("counter-agreement")
    assert compared
    assert not any(row["differing"] for row in compared)
    assert {row[name].partition("_")[0] for row in compared for name in ("near_part", "far_part")} == {
        "forward",
        "return",
    }


def test_without_flow_logs_no_eni_is_known(degraded: Callable[[str], Ask]) -> None:
    ask = degraded("dumps alone")
    for name in ("asymmetric-pairs", "foreign-source", "explained-bytes", "drift"):
        assert ask(name) == []
    lost = ask("unanswered")
    assert {row["at_server_eni"] for row in lost} == {None}
    assert any(row["at_server_node"] for row in lost)


def test_lists_are_no_final_counters(degraded: Callable[[str], Ask]) -> None:
    assert degraded("dumps alone")("counter-agreement") == []


def test_one_node_does_not_speak_for_the_others(degraded: Callable[[str], Ask]) -> None:
    ask = degraded("one node")
    known = {row["server_node"]: row["at_server_node"] is not None for row in ask("unanswered")}
    assert known["cn-hongkong.10.0.3.49"] is False
    assert {row["node"] for row in ask("snat-ports")} == {"cn-hongkong.10.0.1.82"}
    assert ask("counter-agreement") == []


def test_what_nobody_counted_is_null(degraded: Callable[[str], Ask]) -> None:
    ask = degraded("no counters")
    for name, columns in {
        "lb-ip-instead-of-cluster-ip": ("return_bytes", "avoidable_bytes"),
        "backend-balance": ("bytes", "bytes_share"),
    }.items():
        rows = ask(name)
        assert sum(row["connections"] for row in rows) > 500
        assert {row[column] for row in rows for column in columns} == {None}


def test_a_backend_that_is_not_ready_or_no_endpoint(tmp_path: Path) -> None:
    story = Story()
    story.node("a", "10.0.0.1")
    for number in range(1, 5):
        story.pod(f"p{number}", "a", f"10.0.1.{number}")
    story.service("web", "192.168.0.1", 80, [("a", "10.0.1.2", 8080), ("a", "10.0.1.3", 8080)])
    story.slices[1]["endpoints"][0]["conditions"]["ready"] = False
    for number, backend in enumerate((2, 2, 2, 3, 4)):
        client = ("10.0.1.1", 40_000 + number)
        hop = Hop("a", client, ("192.168.0.1", 80), (f"10.0.1.{backend}", 8080))
        story.connect([hop], start=number)
    story.tell(tmp_path)
    with flowstitch.open(tmp_path / "result") as opened:
        rows = opened.sql(question("backend-balance").sql).to_arrow_table().to_pylist()
    columns = ("server_name", "ready", "connections", "share", "even_share")
    assert [tuple(row[name] for name in columns) for row in rows] == [
        ("ns/p2", True, 3, 0.6, 1.0),
        ("ns/p3", False, 1, 0.2, 0.0),
        ("ns/p4", None, 1, 0.2, None),
    ]


def test_a_dead_end_counts_who_dials_it_from_there_and_then(tmp_path: Path) -> None:
    story = Story()
    story.node("a", "10.0.0.1")
    story.node("b", "10.0.0.2")
    story.pod("p1", "a", "10.0.1.1")
    story.pod("p2", "b", "10.0.1.2")
    story.service(
        "web", "192.168.0.1", 80, [("b", "10.0.1.2", 80)], policy="Local", lb="10.0.9.9", node_port=30_080
    )
    # a node port is dialled from anywhere, the load balancer's address fails on the client's own node
    story.cross("eni-a-primary", "in", ("198.51.100.7", 1111), ("10.0.0.1", 30_080), 5, 6, tcp_flags=2)
    story.cross("eni-b-primary", "in", ("198.51.100.7", 1112), ("10.0.0.2", 30_080), 5, 6, tcp_flags=2)
    story.connect([Hop("b", ("10.0.1.2", 40_000), ("10.0.9.9", 80), ("10.0.1.2", 80))], start=7)
    story.tell(tmp_path)
    with flowstitch.open(tmp_path / "result") as opened:
        rows = opened.sql(question("dead-ends").sql).to_arrow_table().to_pylist()
    columns = ("node", "address", "reason", "attempts", "answered")
    assert [tuple(row[name] for name in columns) for row in rows] == [
        ("a", "10.0.0.1", "no_local_endpoint", 1, 0),
        ("a", "10.0.9.9", "no_local_endpoint", 0, 0),
    ]
