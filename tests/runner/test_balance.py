"""``--observations unmatched`` leaves out rows of paths and nothing else: sources still balance, and whoever asks for those rows is told."""

from __future__ import annotations

from pathlib import Path

import pytest

import flowstitch
from cli.conftest import Call
from flowstitch.errors import UsageError
from flowstitch.runner.layout import UNMATCHED
from flowstitch.runner.pipeline import Options
from flowstitch.runner.times import parse_time
from flowstitch.sql.session import Result

from .test_resume import RUN, content, killed_after

BALANCE = """
    from sources left join (
        select source, count(distinct line) filter (where path_id is null) as alone, count(distinct line) filter (where path_id is not null) as on_path
        from observations group by source
    ) using (source)
"""
LEFT_OUT = "made with --observations unmatched"


@pytest.fixture(scope="module")
def lean(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("balance") / "lean"
    flowstitch.run(capture, out=out, options=Options(observations=UNMATCHED))
    return out


def test_sources_say_how_many_rows_are_on_a_path(result: Path) -> None:
    with Result(result) as opened:
        query = f"select sum(matched)::bigint, count(*) filter (where matched is distinct from coalesce(on_path, 0)) {BALANCE}"
        ((matched, wrong),) = opened.sql(query).fetchall()
        assert matched > 40_000
        assert wrong == 0


def test_rows_of_paths_are_left_out_and_nothing_else(result: Path, lean: Path) -> None:
    other = {name for name, data in content(result).items() if content(lean).get(name) != data}
    # what is kept of rows of paths is of no use without them
    assert {name.split("/")[0].split("-")[0] for name in other} == {
        "observations",
        "run.json",
        "kept",
        "open.sql",
    }
    with Result(result, after=lean) as both:
        differ = """
            (from main.observations where path_id is null except all from after.observations)
            union all (from after.observations except all from main.observations where path_id is null)
        """
        assert both.sql(f"select count(*) from ({differ})").fetchall() == [(0,)]


def test_counts_balance_without_them(lean: Path) -> None:
    with Result(lean) as opened:
        query = f"select count(*), count(*) filter (where parsed <> matched + coalesce(alone, 0)), max(on_path) {BALANCE}"
        assert opened.sql(query).fetchall() == [(60, 0, 0)]


def test_rows_that_several_parts_have_count_once(
    capture: Path, result: Path, lean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowstitch.join.groups.GROUP_ROWS", 300)
    out = tmp_path / "small"
    flowstitch.run(capture, out=out, options=Options(observations=UNMATCHED))
    with Result(result) as opened:
        assert opened.sql("select count(*) from observations where shared_by > 1").fetchall() != [(0,)]
    with Result(lean, after=out) as both:
        query = "select count(*), count(*) filter (where a.matched <> b.matched) from main.sources a join after.sources b using (source)"
        assert both.sql(query).fetchall() == [(60, 0)]


def test_what_a_killed_run_has_counted_is_taken_over(
    capture: Path, lean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lean_run = RUN.replace(
        "resume=True)", "resume=True, options=flowstitch.runner.pipeline.Options(observations='unmatched'))"
    ).replace("import flowstitch\n", "import flowstitch, flowstitch.runner.pipeline\n")
    monkeypatch.setattr("runner.test_resume.RUN", lean_run)
    out, anew = tmp_path / "out", tmp_path / "anew"
    killed_after(3, capture, out)
    monkeypatch.setattr("flowstitch.join.groups.GROUP_ROWS", 1000)
    for place, resume in ((out, True), (anew, False)):
        flowstitch.run(capture, out=place, resume=resume, options=Options(observations=UNMATCHED))
    assert content(out) == content(anew)


@pytest.mark.parametrize("observations", ["all", UNMATCHED])
def test_of_a_span_with_an_overlap_they_balance_too(capture: Path, tmp_path: Path, observations: str) -> None:
    since, until = (parse_time(f"2026-11-23T00:{minute}:00Z", "") for minute in (48, 50))
    options = Options(since=since, until=until, overlap=60_000_000, observations=observations)
    flowstitch.run(capture, out=tmp_path / "out", options=options)
    with Result(tmp_path / "out") as opened:
        query = f"select sum(matched) > 0, count(*) filter (where parsed <> matched + coalesce(alone, 0) or rows <> parsed + skipped + rejected) {BALANCE}"
        assert opened.sql(query).fetchall() == [(True, 0)]


@pytest.mark.parametrize("question", ["counter-agreement", "coverage", "eni-load", "conntrack-fill"])
def test_a_question_about_them_says_that_they_are_left_out(lean: Path, call: Call, question: str) -> None:
    told = call("ask", lean, question)
    assert (told.exit_code, LEFT_OUT in told.stderr, len(told.stderr.splitlines())) == (2, True, 1)


def test_other_questions_are_answered_as_before(result: Path, lean: Path, call: Call) -> None:
    for question in ("return-eni", "drift", "dead-ends"):
        answers = {call("ask", place, question).stdout for place in (lean, result)}
        assert len(answers) == 1


def test_a_path_is_told_without_them(result: Path, lean: Path, call: Call) -> None:
    with Result(result) as opened:
        query = "select path_id from datapaths where return_evidence = 'observed' order by path_id limit 1"
        ((path_id,),) = opened.sql(query).fetchall()
    out = call("explain", lean, path_id).stdout
    assert "rows of paths are left out of the result" in out
    assert "no conntrack row" not in out
    whole = call("explain", result, path_id).stdout
    crossings = [line for line in whole.splitlines() if " by eni-" in line]
    assert crossings
    assert set(crossings) <= set(out.splitlines())


def test_a_report_is_refused(lean: Path, tmp_path: Path, call: Call) -> None:
    told = call("report", lean, "-o", tmp_path / "report.html")
    assert (told.exit_code, LEFT_OUT in told.stderr) == (2, True)


def test_several_results_are_not_opened_as_one(result: Path, lean: Path) -> None:
    for paths in ([result, lean], [lean, result]):
        with pytest.raises(UsageError, match=f"lean: was {LEFT_OUT}"):
            flowstitch.open(paths)


def test_partitions_keep_them(capture: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "hours"
    told = call("run", capture, "--out", out, "--partition-by", "hour", "--observations", UNMATCHED)
    said = "leave out that or --partition-by" in told.stderr
    assert (told.exit_code, said, out.exists()) == (2, True, False)
