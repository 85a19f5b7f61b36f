"""Requests of a load balancer: which connections could have carried them, and nothing said that cannot be known."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowstitch
from flowstitch.join.attempts import split_attempts
from flowstitch.normalize.columns import Pools
from story import T0, Hop, Story

LB = "100.64.0.9"
SERVER, OTHER = ("10.0.2.1", 8080), ("10.0.2.2", 8080)
TO_SERVER, TO_OTHER = "10.0.2.1:8080", "10.0.2.2:8080"


def one_node() -> Story:
    story = Story()
    story.node("b", "10.0.0.2")
    story.node("c", "10.0.0.3")
    story.pod("server", "b", SERVER[0])
    story.pod("other", "b", OTHER[0])
    story.service("web", "192.168.0.5", 80, [("b", *SERVER), ("b", *OTHER)], lb="10.0.9.9", node_port=30080)
    return story


def backend(port: int, to: tuple[str, int] = SERVER, **more: Any) -> list[Hop]:
    return [Hop("b", (LB, port), to, **more)]


def tell(story: Story, folder: Path) -> tuple[list[dict[str, Any]], dict[int, int], list[tuple]]:
    """Rows of lb_requests, port of the load balancer by path_id, and what observations say of the log's rows."""
    flowstitch.run(story.write(folder / "export"), out=folder / "result")
    with flowstitch.open(folder / "result") as opened:
        ports = dict(opened.sql("select path_id, client_port from datapaths").fetchall())
        said = opened.sql(
            "select line, path_id, part, reason, shared_by from observations where kind = 'lb-access-log' order by all"
        ).fetchall()
        lost = opened.sql("select line, reason from unmatched where kind = 'lb-access-log' order by line")
        assert lost.fetchall() == [(row[0], row[3]) for row in said if row[3] is not None]
        return opened.table("lb_requests").to_pylist(), ports, said


def carried(rows: list[dict[str, Any]], ports: dict[int, int]) -> list[tuple[int, list[int]]]:
    """Of each attempt how many connections fit, and the ports of those that are named."""
    assert all(row["path_ids"] == sorted(row["path_ids"]) for row in rows)
    return [(row["candidate_count"], sorted(ports[path] for path in row["path_ids"])) for row in rows]


def test_a_request_and_its_connection(tmp_path: Path) -> None:
    story = one_node()
    story.connect(backend(1001), 10.2)
    story.connect(backend(1002, OTHER), 10.2)
    story.request(10.4, TO_SERVER, "0.150", "404", tcpinfo_rtt="900")
    rows, ports, said = tell(story, tmp_path)
    assert carried(rows, ports) == [(1, [1001])]
    (row,) = rows
    assert (row["source"], row["line"], row["attempt"]) == ("requests", 1, 1)
    assert (row["lb_id"], row["lb_ip"], row["lb_port"]) == ("lb-1", "198.51.100.1", 80)
    assert (row["client_ip"], row["client_port"], row["method"]) == ("203.0.113.9", 40000, "GET")
    assert (row["upstream_ip"], row["upstream_port"]) == SERVER
    assert (row["status"], row["upstream_status"]) == (404, 404)
    assert (row["request_time_us"], row["upstream_response_time_us"]) == (150_000, 150_000)
    assert said == [(1, row["path_ids"][0], "request", None, 1)]


def test_several_connections_are_counted_and_not_chosen_from(tmp_path: Path) -> None:
    story = one_node()
    for port in range(1001, 1013):
        story.connect(backend(port), 10 + 0.01 * (port % 5))
    story.request(10.4, TO_SERVER, "0.150")
    rows, ports, said = tell(story, tmp_path)
    # the eight that began last
    latest = sorted(range(1001, 1013), key=lambda port: port % 5)[-8:]
    ((count, named),) = carried(rows, ports)
    assert count == 12
    assert {port for port in latest if port % 5 > 1} <= set(named)
    assert len(named) == 8
    assert said == [(1, None, None, "several connections could have carried it", 0)]


def test_attempts_are_rows_of_their_own(tmp_path: Path) -> None:
    story = one_node()
    story.connect(backend(1001), 10, answered=False)
    story.connect(backend(1002, OTHER), 40)
    story.request(40.3, f"{TO_SERVER}, {TO_OTHER}", "30.000, 0.200", "504, 200")
    rows, ports, said = tell(story, tmp_path)
    assert carried(rows, ports) == [(1, [1001]), (1, [1002])]
    assert [(row["attempt"], row["upstream_status"], row["status"]) for row in rows] == [
        (1, 504, 200),
        (2, 200, 200),
    ]
    assert [row["upstream_response_time_us"] for row in rows] == [30_000_000, 200_000]
    assert [row[2:] for row in said] == [("request", None, 2)] * 2


def test_an_attempt_has_only_its_own_time(tmp_path: Path) -> None:
    """The second attempt began when the first had waited 30 seconds: what was closed by then did not carry it."""
    story = one_node()
    story.connect(backend(1001), 12)
    story.connect(backend(1002), 40)
    story.request(40.3, f"{TO_OTHER}, {TO_SERVER}", "30.000, 0.200", "504, 200")
    story.request(40.3, f"{TO_SERVER}, {TO_OTHER}", "0.200, 27.000", "502, 200")
    rows, ports, _ = tell(story, tmp_path)
    assert carried(rows, ports) == [(0, []), (1, [1002]), (1, [1001]), (0, [])]


def test_the_same_connection_twice_is_one_observation(tmp_path: Path) -> None:
    story = one_node()
    story.connect(backend(1001), 10, length=5)
    story.request(13, f"{TO_SERVER}, {TO_SERVER}", "1.000, 1.000", "502, 200")
    rows, ports, said = tell(story, tmp_path)
    assert carried(rows, ports) == [(1, [1001])] * 2
    assert said == [(1, rows[0]["path_ids"][0], "request", None, 1)]


def test_no_upstream_and_no_connection(tmp_path: Path) -> None:
    story = one_node()
    story.connect(backend(1001), 10)
    story.request(10.1, status="400")
    story.request(10.2, "shop_backends", "0.000", "502")
    story.request(90, TO_SERVER, "0.010")
    story.request(10.1, TO_OTHER, "0.010")
    rows, _, said = tell(story, tmp_path)
    assert [(row["line"], row["upstream_ip"], row["upstream_port"], row["candidate_count"], row["path_ids"]) for row in rows] == [
        (1, None, None, 0, []), (2, None, None, 0, []), (4, *OTHER, 0, []), (3, *SERVER, 0, []),
    ]  # fmt: skip
    assert [row["upstream_status"] for row in rows] == [None, 502, 200, 200]
    late = "no connection to the backend at that time"
    assert [(row[0], row[3]) for row in said] == [
        (1, "no upstream"),
        (2, "no upstream"),
        (3, late),
        (4, late),
    ]


def test_health_checks_carry_no_request(tmp_path: Path) -> None:
    story = one_node()
    for at in range(8, 14):
        story.connect(backend(2000 + at, empty=True), at)
    story.request(10.2, TO_SERVER, "0.010")
    rows, _, _ = tell(story, tmp_path)
    assert [row["candidate_count"] for row in rows] == [0]
    story.connect(backend(1001), 10)
    rows, ports, _ = tell(story, tmp_path / "with")
    assert carried(rows, ports) == [(1, [1001])]


def test_idle_connections_count_only_where_there_is_no_other(tmp_path: Path) -> None:
    story = one_node()
    for port, busy in ((1001, 30), (1002, 80)):
        story.connect(backend(port), 10, length=110)
        for at in (10, busy, 120):
            story.cross("eni-b-server", "in", (LB, port), SERVER, at, at + 1)
    for at in (30, 80, 55):
        story.request(at, TO_SERVER, "0.010")
    rows, ports, _ = tell(story, tmp_path)
    assert carried(rows, ports) == [(1, [1001]), (2, [1001, 1002]), (1, [1002])]
    # of one without flow logs it is not known
    story.connect(backend(1003), 10, length=110)
    rows, ports, _ = tell(story, tmp_path / "third")
    assert carried(rows, ports) == [(2, [1001, 1003]), (1, [1003]), (2, [1002, 1003])]


def test_flow_logs_show_a_connection_alive_that_has_no_more_events(tmp_path: Path) -> None:
    story = one_node()
    story.connect(backend(1001), 10, length=1, destroyed=False)
    story.events["b"] = [item for item in story.events["b"] if "TIME_WAIT" not in item[1]]
    story.request(70, TO_SERVER, "0.010")
    rows, _, _ = tell(story, tmp_path / "without")
    assert [row["candidate_count"] for row in rows] == [0]
    story.cross("eni-b-server", "in", (LB, 1001), SERVER, 69, 71)
    rows, ports, _ = tell(story, tmp_path / "with")
    assert carried(rows, ports) == [(1, [1001])]


def test_a_node_port_is_an_upstream_too(tmp_path: Path) -> None:
    story = one_node()
    entered = Hop("c", (LB, 1001), ("10.0.0.3", 30080), SERVER, ("10.0.0.3", 50001))
    story.connect([entered, Hop("b", ("10.0.0.3", 50001), SERVER)], 10)
    story.request(10.2, "10.0.0.3:30080", "0.100")
    rows, ports, _ = tell(story, tmp_path)
    assert carried(rows, ports) == [(1, [1001])]


def test_clients_that_are_no_load_balancer_carry_no_request(tmp_path: Path) -> None:
    story = one_node()
    story.connect([Hop("b", ("203.0.113.9", 1001), SERVER)], 10)
    story.connect([Hop("b", ("10.0.2.2", 1002), SERVER)], 10)
    story.request(10.2, TO_SERVER, "0.100")
    rows, _, _ = tell(story, tmp_path)
    assert [row["candidate_count"] for row in rows] == [0]


def test_the_log_has_whole_seconds(tmp_path: Path) -> None:
    """A request of 10.95 stands in the log as 10; one that has a fraction has it."""
    story = one_node()
    story.connect(backend(1001), 11.8, length=0.1)
    story.request(10, TO_SERVER, "0.010")
    story.request(10, TO_SERVER, "0.010", time="2026-11-23T02:13:30.500Z")
    rows, _, _ = tell(story, tmp_path)
    assert rows[0]["request_at"].isoformat() == "2026-11-23T02:13:30"
    assert [row["candidate_count"] for row in rows] == [1, 0]


def tell_aws(story: Story, folder: Path, *lines: str) -> list[tuple[int, list[int]]]:
    """How many connections fit each line of an access log of AWS, and their ports."""
    story.write(folder / "export")
    (folder / "export" / "aws").write_text("".join(f"{line}\n" for line in lines))
    flowstitch.run(folder / "export", out=folder / "result")
    with flowstitch.open(folder / "result") as opened:
        ports = dict(opened.sql("select path_id, client_port from datapaths").fetchall())
        return carried(opened.sql("from lb_requests order by line").to_arrow_table().to_pylist(), ports)


def at(moment: float) -> str:
    return datetime.fromtimestamp(T0 + moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_what_a_request_took_is_behind_the_time_of_a_classic_load_balancer(tmp_path: Path) -> None:
    """Its time is when the request came: what was opened while it waited can have carried it, what had ended before did not."""
    story = one_node()
    story.connect(backend(1001), 5, length=2)
    story.connect(backend(1002), 25)
    tail = '200 200 0 29 "GET http://shop:80/ HTTP/1.1"'
    took, failed = "0.001 20.000 0.001", "0.001 -1 -1"
    lines = [f"{at(10)} shop 203.0.113.9:40000 {TO_SERVER} {phases} {tail}" for phases in (took, failed)]
    assert tell_aws(story, tmp_path, *lines) == [(1, [1002]), (0, [])]


def test_a_web_socket_lasts_from_its_request_to_its_end(tmp_path: Path) -> None:
    story = one_node()
    story.connect(backend(1001), 5, length=2)
    story.connect(backend(1002), 10.1, length=20)
    rest = f'- - - "-" "-" "-" 0 {at(10)} "forward" "-" "-" "{TO_SERVER}" "101" "-" "-"'
    line = f'ws {at(60)} app/shop/1 203.0.113.9:40000 {TO_SERVER} 0.001 0.003 0.000 101 101 9 9 "GET http://shop:80/ HTTP/1.1" "-"'
    assert tell_aws(story, tmp_path / "whole", f"{line} {rest}") == [(1, [1002])]
    # an old line does not say when it came, and its phases end with the handshake
    assert tell_aws(story, tmp_path / "old", line) == [(0, [])]


def test_a_connection_of_a_tcp_listener_has_a_backend_too(tmp_path: Path) -> None:
    story = one_node()
    story.connect(backend(1001), 10.002)
    line = (
        f'{at(10)} shop 203.0.113.9:40000 {TO_SERVER} 0.001069 0.000028 0.000041 - - 82 305 "- - - " "-" - -'
    )
    unsent = f'{at(10)} shop 203.0.113.9:40000 - -1 -1 -1 503 0 0 0 "GET http://shop:80/ HTTP/1.1" "-" - -'
    assert tell_aws(story, tmp_path, line, unsent) == [(1, [1001]), (0, [])]


def attempts_of(addrs: str | None, times: str | None, statuses: str | None) -> list[tuple]:
    pools = Pools()
    texts = {"upstream_addrs": addrs, "upstream_response_times": times, "upstream_statuses": statuses}
    # a row before and one behind show that rows stay apart
    columns = {name: pools.texts.codes([None, text, None]) for name, text in texts.items()}
    found = split_attempts(columns, pools)
    assert found.row.tolist() == [0, *[1] * (len(found) - 2), 2]
    assert (found.ip[0], found.port[0], found.status[-1], found.time_us[-1]) == (0, -1, -1, -1)
    inner = slice(1, -1)
    values = (found.number, found.port, found.status, found.time_us)
    ips = [pools.addresses.text(ip) for ip in found.ip[inner].tolist()]
    return list(zip(ips, *(value[inner].tolist() for value in values), strict=True))


@pytest.mark.parametrize(("texts", "wanted"), [
    ((None, None, None), [(None, 1, -1, -1, -1)]),
    (("10.0.0.1:80", "0.010", "200"), [("10.0.0.1", 1, 80, 200, 10_000)]),
    (("10.0.0.1:80,[fd00::1]:81 : 10.0.0.2:82", "0.01, - : 3", "502, - : 200"),
     [("10.0.0.1", 1, 80, 502, 10_000), ("fd00::1", 2, 81, -1, -1), ("10.0.0.2", 3, 82, 200, 3_000_000)]),
    (("10.0.0.1:80, 10.0.0.2:80", "0.010", "502, 200, 200"), [("10.0.0.1", 1, 80, -1, -1), ("10.0.0.2", 2, 80, -1, -1)]),
    (("10.0.0.1:80", "-", "0"), [("10.0.0.1", 1, 80, -1, -1)]),
    (("10.0.0.1:80, -", None, "x, 70000"), [("10.0.0.1", 1, 80, -1, -1), (None, 2, -1, -1, -1)]),
    (("unix:/run/x, group, 10.0.0.1, fd00::1:80, 10.0.0.1:70000, 10.0.0:80, [::1]:8x", "-", "-"),
     [(None, number, -1, -1, -1) for number in range(1, 8)]),
])  # fmt: skip
def test_lists_of_attempts(texts: tuple, wanted: list[tuple]) -> None:
    assert attempts_of(*texts) == wanted


ITEMS = st.lists(
    st.sampled_from(["10.0.0.1:80", "[fd00::1]:65535", "-", "", "x", "0.5", "200", "1e9", "99999999999"]),
    min_size=1, max_size=5,
).flatmap(lambda items: st.sampled_from([",", ", ", " : "]).map(lambda between: between.join(items) or None))  # fmt: skip


@given(st.none() | ITEMS, st.none() | ITEMS, st.none() | ITEMS)
def test_whatever_the_lists_say_each_item_is_an_attempt(
    addrs: str | None, times: str | None, statuses: str | None
) -> None:
    found = attempts_of(addrs, times, statuses)
    items = (addrs or "").replace(" : ", ",").split(",")
    assert [(row[0], row[2]) for row in found] == [
        {"10.0.0.1:80": ("10.0.0.1", 80), "[fd00::1]:65535": ("fd00::1", 65535)}.get(item.strip(), (None, -1))
        for item in items
    ]
    for place, (text, known) in (
        (4, (times, {"0.5": 500_000, "200": 200_000_000})),
        (3, (statuses, {"200": 200})),
    ):
        beside = (text or "").replace(" : ", ",").split(",")
        fits = text is not None and len(beside) == len(items)
        wanted = [known.get(item.strip(), -1) for item in beside] if fits else [-1] * len(items)
        assert [row[place] for row in found] == wanted


def test_no_requests_at_all() -> None:
    columns = {
        name: np.zeros(0, np.uint32)
        for name in ("upstream_addrs", "upstream_response_times", "upstream_statuses")
    }
    assert len(split_attempts(columns, Pools())) == 0
