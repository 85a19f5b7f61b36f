"""What charts are drawn of is what SQL says."""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

import flowstitch
from flowstitch.report.asked import ask_own, ask_question, computed_once
from flowstitch.report.charts import chart_data, charts_section
from flowstitch.report.markup import written
from flowstitch.sql.session import Result
from report.reading import Page


@pytest.fixture(scope="module")
def opened(result: Path) -> Result:
    with flowstitch.open(result) as session:
        yield session


def test_the_page_has_what_is_asked(opened: Result, page: Page) -> None:
    assert page.data == json.loads(json.dumps(chart_data(opened)))
    assert all(page.data.values())


def test_flows_and_pairs_have_every_connection(opened: Result, page: Page) -> None:
    for name, lands in (("flows", 3), ("pairs", 2)):
        rows = page.data[name]
        counted = dict(
            opened.sql(
                "select coalesce(return_lands_on, if(outcome in ('established', 'closed', 'refused'), 'not known', 'nothing')), count(*) from datapaths group by all"
            ).fetchall()
        )
        assert {
            role: sum(row[lands + 1] for row in rows if row[lands] == role) for role in counted
        } == counted
        ((total,),) = opened.sql("select sum(return_bytes)::bigint from datapaths").fetchall()
        assert sum(row[lands + 2] for row in rows) == total


def test_the_time_line_has_every_connection_and_the_gaps(opened: Result, page: Page) -> None:
    rows = page.data["timeline"]
    ((connections, refused),) = opened.sql(
        "select count(*), count(*) filter (where outcome = 'refused') from datapaths"
    ).fetchall()
    assert sum(sum(row[2:7]) for row in rows) == connections
    assert sum(row[3] for row in rows) == refused
    assert [b[0] - a[0] for a, b in itertools.pairwise(rows)] == [rows[0][1] * 1000] * (len(rows) - 1)
    assert len(rows) <= 121
    assert not any(sum(row[7:]) for row in rows)


GAPS = """
create or replace temp table coverage_stretches as
select * replace (false as whole) from main.coverage_stretches where state = 'listed'
union all by name
select 'conntrack' as observer, 'n1' as node, 'events lost' as state, false as whole, timestamp '2026-11-23 00:45:00' as since, timestamp '2026-11-23 00:46:00' as until
union all by name
select 'flow log' as observer, unnest(['e1', 'e2']) as eni, 'records missing' as state, false as whole, timestamp '2026-11-23 00:50:00' as since, timestamp '2026-11-23 00:51:00' as until
union all by name
select 'conntrack' as observer, 'n2' as node, 'not observed' as state, false as whole
"""


def test_gaps_are_told(result: Path) -> None:
    def steps(column: str, number: int) -> list[str]:
        return [
            datetime.fromtimestamp(row["at_ms"] / 1000, UTC).strftime("%H:%M")
            for row in rows
            if row[column] == number
        ]

    with flowstitch.open(result) as session:
        session.sql(GAPS)
        rows = ask_own(session, "timeline")
    assert set(steps("nodes_unseen", 1)) <= {"00:44", "00:45", "00:46"}
    assert len(steps("nodes_unseen", 1)) * rows[0]["step_s"] in range(60, 71)
    assert set(steps("enis_unseen", 2)) <= {"00:49", "00:50", "00:51"}
    assert len(steps("enis_unseen", 2)) * rows[0]["step_s"] in range(60, 71)
    assert {row["nodes_unseen"] for row in rows} == {0, 1}
    assert {row["enis_unseen"] for row in rows} == {0, 2}


def test_enis_and_drifts_are_those_of_the_questions(opened: Result, page: Page) -> None:
    loads = {row["eni"]: row["bytes"] for row in ask_question(opened, "eni-load")}
    assert {row[1]: row[3] for row in page.data["enis"]} == loads
    with computed_once(opened, ["drifts"]):
        drifts = ask_question(opened, "drift")
    assert sum(row[2] for row in page.data["drifts"]) == sum(row["connections"] for row in drifts)
    attempts = sum(row["attempts"] for row in ask_question(opened, "dead-ends"))
    assert sum(row[2] for row in page.data["deadends"]) == attempts


def test_what_cannot_be_drawn_says_why() -> None:
    html = written(
        [charts_section({name: [] for name in ("flows", "pairs", "timeline", "enis", "drifts", "deadends")})]
    )
    assert len(re.findall('class="note missing"', html)) == 6
    assert 'class="chart"' not in html
