"""Every contender that is installed answers each case of each suite as we do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from benchmarks.common.answers import difference
from benchmarks.common.model import OURS, loaded, suite
from benchmarks.common.worker import compared

import flowstitch
from flowstitch.sql.questions import question, question_names

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.common.model import Case, Contender

# Records that have every case in them.
SMALL = {"parse": 4000, "join": 12_000, "end-to-end": 20_000}


def answer(case: Case, contender: Contender) -> pl.DataFrame:
    _, arguments = case.inputs(contender)
    table = compared(contender.answer, loaded(contender.work)(**arguments), arguments)
    return pl.DataFrame(pl.from_arrow(table))


# `scale` has the cases of others, `sql` has no peers.
@pytest.mark.parametrize("name", SMALL)
def test_every_contender_gives_our_answer(name: str, tmp_path: Path) -> None:
    asked = suite(name)
    seen = set()
    for case in asked.cases(tmp_path, [SMALL[name]]):
        ours, *peers = case.contenders
        assert ours.name == OURS
        expected = answer(case, ours)
        assert expected.height > 0
        for peer in peers:
            seen.add(peer.name)
            if not peer.missing():
                assert difference(expected, answer(case, peer), case.key) == "", (case.name, peer.name)
    assert seen == set(asked.peers)


def test_join_finds_each_made_connection_once(tmp_path: Path) -> None:
    (case,) = suite("join").cases(tmp_path, [6000])
    paths = answer(case, case.contenders[0])
    assert paths.height == case.paths == paths.select(case.key).n_unique()
    assert case.rows == pytest.approx(6000, rel=0.05)
    # plain, translated, masqueraded; seen by flow logs alone, by conntrack alone, by both
    assert set(paths["segments"]) == {1, 2}
    assert 0.1 < (paths["source_ip"] != paths["client_ip"]).mean() < 0.3
    assert set(zip(paths["entries"], paths["rows"], strict=True)) == {(2, 4), (0, 4), (2, 0), (1, 4)}
    again = paths.group_by("client_ip", "client_port", "dialled_ip", "dialled_port").len()
    assert 0.05 < (again["len"] > 1).mean() < 0.2
    # what is masqueraded comes back over another ENI than it left by
    masked = paths.filter(
        (pl.col("segments") == 2) & (pl.col("source_ip") != pl.col("client_ip")) & (pl.col("rows") > 0)
    )
    assert (masked["forward_out_eni"] != masked["return_in_eni"]).all()


def test_scale_has_the_cases_of_both_suites_by_size(tmp_path: Path) -> None:
    found = [(case.name, case.rows) for case in suite("scale").cases(tmp_path, [3000, 6000])]
    assert [name for name, _ in found] == ["join", "join", "end-to-end", "end-to-end"]
    assert all(small < large for (_, small), (_, large) in zip(found[::2], found[1::2], strict=True))


def test_sql_asks_every_question(tmp_path: Path) -> None:
    found = list(suite("sql").cases(tmp_path, [5000]))
    assert [case.name for case in found] == list(question_names())
    home = found[0].arguments["result"]
    with flowstitch.open(home, after=home) as result:
        for case in found:
            expected = result.sql(question(case.name).sql).pl()
            assert answer(case, case.contenders[0]).equals(expected, null_equal=True), case.name
