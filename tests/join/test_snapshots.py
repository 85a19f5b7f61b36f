"""Lists of the cluster at several times, through the whole join."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flowstitch
from story import T0, Hop, Story

LISTS = (0, 600)
SERVER = ("10.0.2.1", 8080)
# before the first list, between the two before and after the server was made again, behind the second
MOMENTS = (-50, 100, 400, 700)


def story_at(second: int) -> Story:
    """The cluster at a time; the server is another pod from 300 s on, and the service has another policy from 200 s."""
    story = Story()
    story.node("a", "10.0.0.1")
    story.node("b", "10.0.0.2")
    story.pod("client", "a", "10.0.1.1")
    story.pod("one" if second < 300 else "two", "b", SERVER[0], start=-9000 if second < 300 else 300)
    policy = "Cluster" if second < 200 else "Local"
    story.service("web", "192.168.0.5", 80, [("b", *SERVER)], policy, lb="10.0.9.9", node_port=30080)
    return story


def write(folder: Path, story_of: Callable[[int], Story]) -> Path:
    """An export with a list of each time; what happened is the first story's."""
    for second in reversed(LISTS):
        objects = story_of(second).write(folder) / "objects.json"
        objects.rename(folder / f"objects.{T0 + second}.json")
    return folder


def traffic(second: int) -> Story:
    story = story_at(second)
    for number, at in enumerate(MOMENTS):
        story.connect([Hop(node, ("10.0.1.1", 40000 + number), SERVER) for node in ("a", "b")], at)
        story.connect(
            [Hop("a", ("10.0.1.1", 50000 + number), ("10.0.9.9", 80), SERVER), Hop("b", ("10.0.1.1", 50000 + number), SERVER)], at + 20
        )  # fmt: skip
    return story


def tables(folder: Path, result: Path) -> dict[str, list[dict[str, Any]]]:
    flowstitch.run(folder, out=result)
    with flowstitch.open(result) as opened:
        return {
            name: opened.table(name).to_pylist() for name in ("datapaths", "dead_ends", "pods", "addresses")
        }


def test_an_owner_is_named_only_when_it_is_known(tmp_path: Path) -> None:
    found = tables(write(tmp_path / "export", traffic), tmp_path / "result")["datapaths"]
    paths = sorted(found, key=lambda path: path["first_seen"])
    direct = [path for path in paths if path["dialled_ip"] == SERVER[0]]
    assert [path["server_name"] for path in direct] == ["ns/one", None, "ns/two", "ns/two"]
    assert [path["server_kind"] for path in direct] == ["pod", None, "pod", "pod"]
    assert {path["client_name"] for path in paths} == {"ns/client"}


def test_a_service_is_known_while_its_policy_is_not(tmp_path: Path) -> None:
    found = tables(write(tmp_path / "export", traffic), tmp_path / "result")["datapaths"]
    dialled = sorted(
        (path for path in found if path["dialled_ip"] == "10.0.9.9"), key=lambda path: path["first_seen"]
    )
    assert [path["service"] for path in dialled] == ["ns/web"] * 4
    assert [path["dialled_kind"] for path in dialled] == ["lb_ip"] * 4
    assert [path["traffic_policy"] for path in dialled] == ["Cluster", None, None, "Local"]


def rolled(second: int) -> Story:
    """The endpoint is another one in the second list."""
    story = story_at(0)
    story.slices[0]["endpoints"][0]["addresses"] = [f"10.0.2.{1 + (second > 0)}"]
    return story


def emptied(second: int) -> Story:
    """The endpoint is gone in the second list."""
    story = story_at(0)
    if second:
        story.slices[0]["endpoints"] = []
    return story


@pytest.mark.parametrize(("story_of", "since"), [(rolled, set()), (emptied, {600.0})])
def test_what_may_have_been_ready_is_no_dead_end(
    tmp_path: Path, story_of: Callable[[int], Story], since: set[float]
) -> None:
    def with_traffic(second: int) -> Story:
        story = story_of(second)
        story.connect([Hop("a", ("10.0.1.1", 40000), SERVER)], 0)
        return story

    rows = tables(write(tmp_path / "export", with_traffic), tmp_path / "result")["dead_ends"]
    assert {row["since"].timestamp() - T0 for row in rows} == since
    assert {row["until"] for row in rows} <= {None}


def test_converted_tables_say_the_same(tmp_path: Path) -> None:
    write(tmp_path / "export", traffic)
    flowstitch.convert(tmp_path / "export", out=tmp_path / "tables")
    assert tables(tmp_path / "tables", tmp_path / "again") == tables(tmp_path / "export", tmp_path / "result")
