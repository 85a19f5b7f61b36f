"""Two results side by side."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import flowstitch
from flowstitch.report.moved import moved_sentences
from flowstitch.sql.kept import PATTERN
from hostile import call
from report.reading import Page


@pytest.fixture(scope="module")
def earlier(result: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result of the capture without the clients that dial a load balancer from the cluster, and without its flow logs' rows."""
    out = tmp_path_factory.mktemp("moved") / "before"
    # what a run keeps would be that of the whole
    shutil.copytree(result, out, ignore=shutil.ignore_patterns(PATTERN))
    changes = {"datapaths": "scenario <> 'pod-to-lbip-cluster-remote'", "sources": "kind <> 'lb-access-log'"}
    with flowstitch.open(result) as session:
        for table, where in changes.items():
            shutil.rmtree(out / table)
            (out / table).mkdir()
            session.sql(f"from {table} where {where}").write_parquet(str(out / table / "part-0.parquet"))
    return out


@pytest.fixture(scope="module")
def moved(earlier: Path, result: Path) -> Page:
    file = earlier.with_name("report.html")
    done = call("report", "--compare", earlier, result, "-o", file)
    assert done.exit_code == 0, done.output
    return Page(file)


def test_it_says_what_moved(moved: Page) -> None:
    text = moved.text("moved")
    assert text.startswith("What moved since before")
    # 244 of 1520, then 575 of 1851
    assert "went up by 15.0 points: 16.1% before, 31.1% after (244 of 1,520, then 575 of 1,851)" in text
    assert "Only the later export had lb-access-log" in text
    assert "on the primary ENI 244 6.7% 575 14.5% +331" in text


def test_its_table_is_that_of_the_question(moved: Page, earlier: Path, result: Path) -> None:
    asked = call("ask", "drift-between", earlier, result, "-f", "csv").stdout.splitlines()[1:]
    text = moved.text("rows-drift-between")
    assert len(asked) > 20
    for line in asked:
        assert line.split(",")[1].strip('"') in text
    assert f"flowstitch ask drift-between {earlier} {result}" in moved.text("table-drift-between")


def test_the_answer_is_that_of_the_later_result(moved: Page, page: Page) -> None:
    assert moved.text("answer") == page.text("answer")
    assert "moved" not in {attributes.get("id") for _, attributes in page.tags}


def test_the_same_result_has_not_moved(result: Path, tmp_path: Path) -> None:
    with flowstitch.open(result) as session:
        session.report(tmp_path / "report.html", before=result)
    text = Page(tmp_path / "report.html").text("moved")
    assert "stayed: 31.1% before, 31.1% after" in text
    assert "Nothing else moved." in text


def test_what_is_no_result(result: Path, tmp_path: Path) -> None:
    done = call("report", result, "--compare", tmp_path, "-o", tmp_path / "report.html")
    assert (done.exit_code, "is not a result" in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_sentences_where_a_share_is_not_known() -> None:
    row = {"over_eni": 4, "on_primary": 1, "primary_bytes": None, "over_eni_bytes": None}
    assert moved_sentences(row | {"over_eni": 0}, row)[0].startswith("The earlier result has no reply")
    assert moved_sentences(row, row | {"over_eni": 0})[0].startswith("The later result has no reply")
    assert len(moved_sentences(row, row)) == 1
    assert "went down by 25.0 points" in moved_sentences(row, row | {"on_primary": 0})[0]
