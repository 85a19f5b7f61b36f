"""Drawings have every hop of a scenario, in its order, both ways."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

import flowstitch
from flowstitch.report.asked import ask_own
from flowstitch.report.drawing import draw
from flowstitch.report.hops import columns, read_hop, spans
from flowstitch.sql.session import Result
from report.reading import Page

HOSTS = ["ECS", "ECS1", "ECS2"]


@pytest.fixture(scope="module")
def opened(result: Result) -> Result:
    with flowstitch.open(result) as session:
        yield session


@pytest.mark.parametrize(
    ("device", "told"),
    [
        ("ECS1 Pod1 eth0", ("ECS1", "Pod1 eth0", "pod", "")), ("Pod1 eth0", ("ECS", "Pod1 eth0", "pod", "")), ("cali…", ("ECS", "cali…", "veth", "")),
        ("ECS", ("ECS", "ECS", "stack", "")), ("ECS2 secondary ENI", ("ECS2", "secondary ENI", "eni", "secondary")), ("ECS ENI", ("ECS", "ENI", "eni", "")),
        ("ECS1 service NAT and masquerade", ("ECS1", "service NAT and masquerade", "nat", "")), ("VPC route", ("", "VPC route", "vpc", "")),
        ("ECS2 Pod1 member ENI", ("ECS2", "Pod1 member ENI", "eni", "member")), ("ECS Pod ENI", ("ECS", "Pod ENI", "eni", "")),
        ("LB", ("", "LB", "lb", "")), ("Client", ("", "Client", "client", "")),
    ],
)  # fmt: skip
def test_what_a_device_is(device: str, told: tuple[str, str, str, str]) -> None:
    hop = read_hop(device, None, HOSTS)
    assert (hop.host, hop.name, hop.kind, hop.role) == told


def chain(*devices: str) -> list[dict[str, str | None]]:
    return [{"device": device, "leg": None} for device in devices]


def test_what_both_ways_pass_stands_once() -> None:
    row = {
        "hosts": HOSTS,
        "forward": chain("ECS1 Pod1 eth0", "ECS1 service NAT", "ECS1 ENI", "VPC route", "ECS2 secondary ENI"),
        "back": chain(
            "ECS2 secondary ENI", "VPC route", "ECS1 primary ENI", "ECS1 NAT undone", "ECS1 Pod1 eth0"
        ),
    }
    found = columns(row)
    assert [column.both for column in found] == [True, False, False, True, True]
    assert [(column.forward.name, column.back.name) for column in found[1:3]] == [("service NAT", "NAT undone"), ("ENI", "primary ENI")]  # fmt: skip
    assert spans(found) == [("ECS1", 0, 2), ("ECS2", 4, 4)]


def test_a_way_that_is_longer() -> None:
    row = {"hosts": HOSTS, "forward": chain("ECS", "cali…", "Pod eth0"), "back": chain("Pod eth0", "ECS")}
    assert [(column.forward.name, column.back and column.back.name) for column in columns(row)] == [("ECS", "ECS"), ("cali…", None), ("Pod eth0", "Pod eth0")]  # fmt: skip


def test_every_hop_of_what_occurs_is_drawn(opened: Result, page: Page) -> None:
    rows = ask_own(opened, "hops")
    classified = opened.sql(
        "select distinct scenario, variant from datapaths where scenario <> 'unclassified' order by all"
    ).fetchall()
    assert sorted(((row["scenario"], row["variant"]) for row in rows), key=str) == sorted(classified, key=str)
    for row in rows:
        found = columns(row)
        for way in ("forward", "back"):
            hops = [getattr(column, way) for column in found if getattr(column, way)]
            names = [" ".join(dict.fromkeys([hop.host, hop.name])) for hop in hops]
            told = [item["device"] for item in row[way]]
            # where there is one node, what is on it does not say so
            wanted = [name if name in told else name.removeprefix("ECS ") for name in names]
            assert [name.strip() for name in wanted] == (told if way == "forward" else told[::-1])
        drawn = draw(row)
        ways = [element.get("class") for element in drawn.iter("line")]
        assert ways.count("way line-forward") == len(row["forward"]) - 1
        assert ways.count("way line-back") == len(row["back"]) - 1
        assert (row["title"] or "") in page.text("paths")


def test_numbers_at_the_enis_are_those_of_sql(opened: Result) -> None:
    (row,) = (row for row in ask_own(opened, "hops") if row["scenario"] == "pod-to-lbip-cluster-remote")
    drawn = ET.tostring(draw(row), encoding="unicode")
    (counts,) = opened.sql("""
        select count(*) filter (where forward_out_eni_role = 'primary'), count(*) filter (where return_in_eni_role = 'primary'),
            count(*) filter (where forward_in_eni_role = 'secondary'), sum(return_packets)::bigint
        from datapaths where scenario = 'pod-to-lbip-cluster-remote'
    """).fetchall()
    assert drawn.count(f">primary {counts[0]}<") == 2
    assert f">secondary {counts[2]}<" in drawn
    assert f"{counts[3]:,} packets" in drawn
