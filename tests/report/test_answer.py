"""The numbers of the answer are those that questions and SQL give."""

from __future__ import annotations

from pathlib import Path

import pytest

import flowstitch
from flowstitch.report.answer import sentences
from flowstitch.report.asked import ask_own, ask_question
from flowstitch.report.figures import bytes_text, count_text, share_text
from flowstitch.sql.returns import read_returns
from flowstitch.sql.session import Result
from report.reading import Page


@pytest.fixture(scope="module")
def opened(result: Path) -> Result:
    with flowstitch.open(result) as session:
        yield session


def test_totals_are_those_of_the_demo_and_the_question(opened: Result) -> None:
    (total, *_) = ask_own(opened, "landing")
    told = read_returns(opened)
    asked = ask_question(opened, "return-eni")
    assert (total["connections"], total["over_eni"], total["on_primary"], total["observed"]) == (
        told.connections,
        told.over_eni,
        told.primary,
        told.observed,
    )
    assert total["on_primary"] == sum(row["connections"] for row in asked)
    assert total["primary_bytes"] == sum(row["return_bytes"] for row in asked)


def test_groups_and_causes_add_up(opened: Result) -> None:
    total, *groups = ask_own(opened, "landing")
    for kind in ("node", "service"):
        of_kind = [row for row in groups if row["grouped"] == kind]
        for column in ("on_primary", "on_secondary", "over_eni", "primary_bytes"):
            assert sum(row[column] or 0 for row in of_kind) == total[column]
    causes = ask_own(opened, "causes")
    assert sum(row["connections"] for row in causes) == total["on_primary"]
    assert sum(row["return_bytes"] for row in causes) == total["primary_bytes"]


def test_what_the_cluster_ip_would_avoid_is_what_the_question_says(opened: Result) -> None:
    asked = ask_question(opened, "lb-ip-instead-of-cluster-ip")
    (cause,) = (row for row in ask_own(opened, "causes") if row["cause"] == "lb_address")
    assert cause["return_bytes"] == sum(row["avoidable_bytes"] for row in asked)


def test_sentences_say_these_numbers(opened: Result, page: Page) -> None:
    (total, *_) = ask_own(opened, "landing")
    text = page.text("answer")
    for sentence in sentences(total):
        assert sentence in text
    assert f"{share_text(total['on_primary'], total['over_eni'])} of the connections" in text
    for row in ask_question(opened, "lb-ip-instead-of-cluster-ip")[:5]:
        assert row["client_name"] in text
        assert bytes_text(row["avoidable_bytes"]) in text


def test_every_cause_is_worded(opened: Result) -> None:
    from flowstitch.report.answer import _worded
    from flowstitch.sql.questions import question_names

    query = Path(flowstitch.__file__).parent / "report" / "queries" / "causes.sql"
    text = query.read_text(encoding="utf-8")
    named = {name for name in _worded() if f"'{name}'" in text}
    assert named == set(_worded())
    assert text.count("then '") + text.count(", '") + text.count("else '") >= len(named)
    assert {words["question"] for words in _worded().values()} <= set(question_names())


TOTAL = {
    "connections": 10, "over_eni": 4, "on_primary": 2, "observed": 1, "on_secondary": 1, "on_member": 1, "local": 3, "outside": 1,
    "no_return": 2, "not_known": 1, "over_eni_bytes": 4000, "primary_bytes": 1000,
}  # fmt: skip


def test_sentences_of_few() -> None:
    assert sentences(TOTAL) == [
        "50.0% of the connections whose replies came back over an ENI of the client's node had them on the primary ENI: 2 of 4.",
        (
            "They carried 1.0 kB of 4.0 kB of replies, 25.0%. Flow logs show 1 of them; the others are inferred from who owns the "
            "address that the reply goes to."
        ),
        (
            "Of the others 1 came back over secondary ENIs and 1 came back over member ENIs. Besides, 3 connections crossed no ENI; 1 "
            "connection answered clients outside the cluster; 2 connections got nothing back; 1 "
            "connection had replies of which it cannot be known where they landed."
        ),
    ]


def test_sentences_where_something_is_missing() -> None:
    assert "Nobody counted" in sentences(TOTAL | {"primary_bytes": None})[1]
    assert "No flow log shows them" in sentences(TOTAL | {"observed": 0})[1]
    assert sentences(TOTAL | {"on_primary": 0})[1] == "None of them landed on the primary ENI."
    assert sentences(TOTAL | {"over_eni": 0})[0].startswith("Of 10 connections none is known")
    assert sentences(TOTAL | {"connections": 0})[0].startswith("The result has no connections")


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB"), (None, "-"), (10**18, "1000.0 PB")],
)  # fmt: skip
def test_bytes(size: int | None, text: str) -> None:
    assert bytes_text(size) == text


def test_shares_and_counts() -> None:
    assert [share_text(1, 3), share_text(0, 3), share_text(1, 0), share_text(None, 3)] == [
        "33.3%",
        "0.0%",
        "-",
        "-",
    ]
    assert count_text(1234567) == "1,234,567"
