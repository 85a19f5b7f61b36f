"""That something was not there is said where it would have been seen, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowstitch.catalog.load import load_toml, schema_root
from flowstitch.ingest.holdings import Holdings
from flowstitch.ingest.model import Source
from flowstitch.join.coverage import coverage_of
from flowstitch.kernels.lifetimes import SECOND
from flowstitch.normalize.columns import Pools, null_columns
from join.test_stories import direct, masqueraded, two_nodes
from story import T0, Story

CLIENT, SERVER = ("10.0.1.1", 40000), ("10.0.2.1", 8080)


def told(story: Story, folder: Path) -> dict[str, Any]:
    (path,) = story.tell(folder)
    return path


def unanswered() -> Story:
    """The client's ENI logged a request, and nothing came back."""
    story = two_nodes()
    story.cross("eni-a-client", "out", CLIENT, SERVER, 0, 60, tcp_flags=2, packets=3)
    return story


def test_no_answer_where_the_flow_log_is_whole(tmp_path: Path) -> None:
    path = told(unanswered(), tmp_path)
    assert (path["outcome"], path["evidence"]) == ("unanswered", ["flow"])


@pytest.mark.parametrize(
    ("eni", "start", "outcome"),
    [("eni-a-client", 30, None), ("eni-a-client", 600, "unanswered"), ("eni-b-server", 30, "unanswered")],
)
def test_no_answer_is_not_said_of_a_window_that_lacks_records(
    tmp_path: Path, eni: str, start: int, outcome: str | None
) -> None:
    story = unanswered()
    story.quiet(eni, start, start + 60, "SKIPDATA")
    assert told(story, tmp_path)["outcome"] == outcome


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        ([], None),
        ([("eni-a-primary", 0)], "unanswered"),
        ([("eni-a-primary", 900)], None),
        ([("eni-b-server", 0), ("eni-b-primary", 0)], "unanswered"),
        ([("eni-b-server", 0)], None),
    ],
)
def test_a_masqueraded_request_is_answered_by_another_eni(
    tmp_path: Path, rows: list[tuple[str, int]], outcome: str | None
) -> None:
    """The reply goes to the node's address, which its primary ENI holds: without that ENI's log nobody knows of it."""
    story = two_nodes()
    story.cross("eni-a-client", "out", ("10.0.0.1", 50123), SERVER, 0, 60, tcp_flags=2)
    for eni, start in rows:
        story.quiet(eni, start, start + 60)
    assert told(story, tmp_path)["outcome"] == outcome


@pytest.mark.parametrize(("log", "outcome"), [(True, "one_way"), (False, None)])
def test_an_answer_is_lost_where_the_clients_eni_would_have_it(
    tmp_path: Path, log: bool, outcome: str | None
) -> None:
    story = two_nodes()
    story.cross("eni-b-server", "in", CLIENT, SERVER, 0, 60, tcp_flags=2)
    story.cross("eni-b-server", "out", SERVER, CLIENT, 0, 60, tcp_flags=18)
    if log:
        story.quiet("eni-a-client", 0, 60)
    assert told(story, tmp_path)["outcome"] == outcome


def only_new(until: float) -> Story:
    """Of a connection one NEW was seen, of another, at the end, a whole life."""
    story = two_nodes()
    story.connect(direct(40000)[:1], 0, answered=False, destroyed=False)
    story.connect(direct(40001)[:1], until - 0.2, destroyed=False)
    return story


def first_outcome(story: Story, folder: Path) -> Any:
    (path,) = (path for path in story.tell(folder) if path["client_port"] == 40000)
    return path["outcome"]


@pytest.mark.parametrize(
    ("until", "outcome"), [(0.5, None), (60, "unanswered"), (200, "unanswered"), (600, None)]
)
def test_a_beginning_alone_is_no_silence_once_the_end_was_missed(
    tmp_path: Path, until: float, outcome: str | None
) -> None:
    """Within a second nobody knows; after two minutes and what conntrack takes to notice, a DESTROY must have come."""
    assert first_outcome(only_new(until), tmp_path) == outcome


def test_a_stream_that_lost_events_does_not_say_that_nothing_came_back(tmp_path: Path) -> None:
    story = only_new(60)
    folder = story.write(tmp_path / "export")
    events = folder / "nodes" / "a" / "events"
    lost = "WARNING: We have hit ENOBUFS! We are losing events.\n"
    events.write_text(events.read_text() + lost)
    story.write = lambda _: folder  # type: ignore[method-assign]
    assert first_outcome(story, tmp_path) is None


def test_the_end_of_an_entry_says_itself_that_nothing_came_back(tmp_path: Path) -> None:
    story = two_nodes()
    story.connect(direct(40000)[:1], 0, answered=False)
    folder = story.write(tmp_path / "export")
    events = folder / "nodes" / "a" / "events"
    events.write_text("WARNING: We have hit ENOBUFS! We are losing events.\n" + events.read_text())
    story.write = lambda _: folder  # type: ignore[method-assign]
    assert told(story, tmp_path)["outcome"] == "unanswered"


def test_an_answer_of_the_server_did_not_reach_a_client_that_lost_events(tmp_path: Path) -> None:
    story = two_nodes()
    near, far = masqueraded(40000, 50123)
    story.connect([near], 0, answered=False, destroyed=False)
    story.connect([far], 0)
    story.connect(direct(40001)[:1], 60, destroyed=False)
    assert first_outcome(story, tmp_path / "whole") == "one_way"
    folder = story.write(tmp_path / "export")
    events = folder / "nodes" / "a" / "events"
    events.write_text(events.read_text() + "WARNING: We have hit ENOBUFS! We are losing events.\n")
    story.write = lambda _: folder  # type: ignore[method-assign]
    assert first_outcome(story, tmp_path / "lossy") is None


@pytest.mark.parametrize(
    ("dialect", "seconds"), [("alibaba-vpc-flow", 600), ("gcp-vpc-flow", 900), ("azure-nsg-flow", 300)]
)
def test_how_far_a_log_is_known_to_reach_is_its_dialects(dialect: str, seconds: int) -> None:
    pools, held = Pools(), Holdings()
    held.note(Source(Path("flows"), "flows", 0, "vpc-flow-log", dialect))
    eni = pools.names.code("eni-1")
    rows = null_columns("flows", 1) | {
        "eni": np.array([eni], np.uint32),
        "source": np.array([pools.names.code("flows")], np.uint32),
        "window_start": np.array([T0 * SECOND]),
        "window_end": np.array([(T0 + 60) * SECOND]),
    }
    held.take("flows", rows, pools)
    coverage = coverage_of(held, pools)
    for late, logged in ((seconds, True), (seconds + 1, False)):
        for at in (T0 - late, T0 + 60 + late):
            found = coverage.logged(np.array([eni]), *np.array([[at], [at]]) * SECOND)
            assert found.tolist() == [logged], (late, at)


def test_every_dialect_of_flow_logs_says_how_long_its_windows_are() -> None:
    names = [path.stem for path in (schema_root() / "dialects").glob("*.toml")]
    files = {name: load_toml(f"dialects/{name}") for name in names}
    flows = {name: raw for name, raw in files.items() if raw.get("kind") == "vpc-flow-log"}
    assert len(flows) >= 6
    assert all(0 < raw["longest_window_s"] <= 3600 for raw in flows.values())
