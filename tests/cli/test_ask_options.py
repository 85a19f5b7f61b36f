"""``ask`` with less of an answer, and with two results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import flowstitch
from cli.conftest import Call


def answer(call: Call, *arguments: object) -> list[dict]:
    done = call("ask", *arguments, "-f", "json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_service_node_and_top_leave_out_rows_and_change_none(call: Call, result: Path) -> None:
    whole = answer(call, result, "return-eni")
    service, node = "default/nginx1", "cn-hongkong.10.0.3.49"
    chosen = [row for row in whole if (row["service"], row["client_node"]) == (service, node)]
    assert 1 < len(chosen) < len(whole)
    assert answer(call, result, "return-eni", "--service", service, "--node", node) == chosen
    assert (
        answer(call, result, "return-eni", "--service", service, "--node", node, "--top", "1") == chosen[:1]
    )
    assert answer(call, result, "return-eni", "--top", (1 << 63) - 1) == whole
    nobody = call("ask", result, "return-eni", "--service", "it's nobody")
    assert (nobody.exit_code, nobody.stdout) == (2, "")
    assert 'there is no service "it\'s nobody"; known are: default/' in nobody.stderr


def test_a_node_is_looked_for_at_either_end(call: Call, result: Path) -> None:
    node = "cn-hongkong.10.0.1.47"
    rows = answer(call, result, "unanswered", "--node", node)
    whole = answer(call, result, "unanswered")
    assert rows == [row for row in whole if node in (row["client_node"], row["server_node"])] != whole


def test_since_and_until_leave_out_what_happened_otherwise(call: Call, result: Path) -> None:
    moment = "2026-11-23T00:48:00Z"
    columns = ("scenario", "connections")
    counts = [
        {row["scenario"]: row["connections"] for row in answer(call, result, "scenarios", *span)}
        for span in ((), ("--until", moment), ("--since", moment))
    ]
    with flowstitch.open(result) as opened:
        spanning = dict(
            opened.sql(
                f"select {columns[0]}, count(*) from datapaths where first_seen < timestamp '2026-11-23 00:48:00' "
                "and last_seen >= timestamp '2026-11-23 00:48:00' group by all"
            ).fetchall()
        )
    assert sum(spanning.values()) > 10
    everything, before, later = counts
    for scenario, count in everything.items():
        # what was alive at the moment belongs to both
        assert count == before.get(scenario, 0) + later.get(scenario, 0) - spanning.get(scenario, 0)
    # a list of another moment is not of that time, and what has no time is of any
    files, later = (
        {
            row["source"]: (row["first_seen"], row["last_seen"])
            for row in answer(call, result, "sources", *span)
        }
        for span in ((), ("--since", moment))
    )
    gone = {source for source, (_, last) in files.items() if last is not None and last < moment}
    assert set(later) == set(files) - gone != set(files)
    assert all(first is None or first >= moment for first, _ in later.values())


def test_a_time_of_which_no_log_has_anything_is_refused(call: Call, result: Path) -> None:
    done = call("ask", result, "return-eni", "--since", "2030-01-01T00:00:00Z")
    assert (done.exit_code, done.stdout) == (2, "")
    assert (
        "has nothing of that time, its logs are from 2026-11-23T00:44:19Z to 2026-11-23T00:53:00Z"
        in done.stderr
    )


def test_a_dump_of_which_a_part_is_asked_for_counts_all_or_says_nothing(call: Call, result: Path) -> None:
    whole = {row["source"]: row for row in answer(call, result, "conntrack-fill")}
    part = answer(call, result, "conntrack-fill", "--since", "2026-11-23T00:46:00Z")
    assert len(part) == len(whole)
    for row in part:
        assert row["entries"] == whole[row["source"]]["entries"]
        assert row == whole[row["source"]] or row["tcp"] is row["unanswered"] is None
    assert answer(call, result, "conntrack-fill", "--until", "2026-11-23T00:46:00Z") == []


def test_python_asks_too(call: Call, result: Path) -> None:
    with flowstitch.open(result) as opened:
        rows = opened.ask("long-lived", top=3).to_arrow_table().to_pylist()
    assert rows == answer(call, result, "long-lived", "--top", 3)


@pytest.mark.parametrize("order", ["{question} {one} {two}", "{one} {question} {two}"])
def test_two_results_are_compared(call: Call, result: Path, order: str) -> None:
    words = order.format(question="drift-between", one=result, two=result).split()
    assert answer(call, *words) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["{result}", "sources", "--service", "x"], "question 'sources' has no column that --service could look into; its columns: source, kind,"),
        (["{result}", "drift-between"], "question 'drift-between' compares two results; name the later result too: flowstitch ask drift-between BEFORE AFTER."),
        (["{result}", "sources", "{result}"], "question 'sources' is about one result; two were given."),
        (["{result}", "drift-between", "nowhere"], "nowhere: no such directory; give the --out of a flowstitch run."),
        (["drift-betwen", "{result}", "{result}"], "drift-betwen: no such directory"),
        (["{result}", "sources", "--top", "0"], "0 is not in the range 1<=x<="),
        (["{result}", "sources", "--top", str(1 << 63)], f"{1 << 63} is not in the range 1<=x<={(1 << 63) - 1}"),
        (["{result}", "sources", "--since", "2026-01-02", "--until", "2026-01-01"], "--since 2026-01-02T00:00:00Z is not before --until 2026-01-01T00:00:00Z; nothing would be left."),
        (["{result}", "sources", "--since", "noon"], "--since: got 'noon', expected a time like 2026-11-23T00:44:00Z or epoch seconds."),
    ],
)  # fmt: skip
def test_wrong_use(call: Call, result: Path, arguments: list[str], sentence: str) -> None:
    done = call("ask", *(argument.format(result=result) for argument in arguments))
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr
