"""Every question keeps what its header promises."""

from __future__ import annotations

from pathlib import Path

import pytest

import flowstitch
from flowstitch.errors import SchemaError, UsageError
from flowstitch.sql.questions import parse_question, question, questions
from flowstitch.sql.returns import read_returns

# about one result
NAMES = [item.name for item in questions() if not item.compares]
# what the capture has none of, see test_questions_truth.py
NONE_IN_CAPTURE = {"idle-without-ipvs", "requests-without-connection", "shared-addresses", "stale-backends"}


@pytest.mark.parametrize("name", NAMES)
def test_columns_are_those_of_the_header(result: Path, name: str) -> None:
    asked = question(name)
    with flowstitch.open(result) as opened:
        answer = opened.sql(asked.sql)
        assert answer.columns == [column for column, _ in asked.columns]
        rows = answer.fetchall()
        assert bool(rows) == (name not in NONE_IN_CAPTURE)
        assert opened.sql(asked.sql).fetchall() == rows
    assert all(meaning.endswith(".") for _, meaning in asked.columns)
    assert asked.title.endswith("?")
    assert asked.grain.startswith("one row per ")
    assert asked.needs.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_a_result_without_connections_has_an_answer(capture: Path, tmp_path: Path, name: str) -> None:
    flowstitch.run(capture / "inventory", out=tmp_path / "result")
    with flowstitch.open(tmp_path / "result") as opened:
        # what inventory alone can answer
        known = {
            "coverage": 11,
            "sources": 6,
            "dead-ends": 5,
            "eni-load": 8,
            "flow-log-windows": 8,
            "nodes-without-conntrack": 3,
        }
        assert len(opened.sql(question(name).sql).fetchall()) == known.get(name, 0)
        assert read_returns(opened).sentence == "no reply came back over an ENI of its client's node."


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="there is no question 'return-en'; did you mean 'return-eni'"):
        question("return-en")


def test_a_header_has_to_be_complete() -> None:
    header = "-- title: What?\n-- why: Because.\n-- grain: one row per row\n-- needs: nothing.\n-- columns:\n--   a: A.\n--   b: B: b.\nselect 1 -- b: no"
    assert parse_question("x", header).columns == (("a", "A."), ("b", "B: b."))
    with pytest.raises(SchemaError, match=r"questions/x\.sql: the header lacks why, needs, columns\."):
        parse_question("x", "-- title: What?\n-- grain: one row per row\nselect 1")


def test_a_question_about_two_results_keeps_its_header(result: Path) -> None:
    with flowstitch.open(result, after=result) as opened:
        assert opened.ask("drift-between").columns == [
            column for column, _ in question("drift-between").columns
        ]
