"""Results wherever they are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import flowstitch
from flowstitch.errors import UsageError


@pytest.mark.parametrize("name", ["r*", "r?", "r**", "[r]", "r[0-9]", "r{1,2}", "it's", "r\n\x1b[31m"])
def test_a_name_that_could_be_a_pattern_is_a_name(name: str, result: Path, tmp_path: Path) -> None:
    for copy in (name, "r1", "r2"):
        shutil.copytree(result, tmp_path / copy)
    with flowstitch.open(result) as known, flowstitch.open(tmp_path / name) as found:
        assert (
            found.sql("from datapaths").count("*").fetchall()
            == known.sql("from datapaths").count("*").fetchall()
        )
        rows = known.table("datapaths").num_rows
        assert found.frame("datapaths").collect().height == rows


def test_a_name_that_duckdb_cannot_open_is_refused_in_a_sentence(result: Path, tmp_path: Path) -> None:
    shutil.copytree(result, tmp_path / "r\\1")
    with pytest.raises(UsageError, match=r"table '\w+' cannot be opened: .*\.$"):
        flowstitch.open(tmp_path / "r\\1")
