"""Every contender that is installed answers each case of each suite as we do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from benchmarks.common.answers import difference
from benchmarks.common.model import OURS, SUITES, loaded, suite
from benchmarks.common.worker import compared

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.common.model import Case, Contender

# Records that have every case in them.
SMALL = {"parse": 4000}


def answer(case: Case, contender: Contender) -> pl.DataFrame:
    _, arguments = case.inputs(contender)
    table = compared(contender.answer, loaded(contender.work)(**arguments), arguments)
    return pl.DataFrame(pl.from_arrow(table))


@pytest.mark.parametrize("name", SUITES)
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
