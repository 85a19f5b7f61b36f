"""However paths are cut into groups, a result has the same rows: paths and segments in the same order, and so what is observed of paths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from flowstitch.join import groups
from flowstitch.normalize.columns import by_source
from flowstitch.runner import write
from flowstitch.runner.pipeline import Options, run


@pytest.fixture(scope="module")
def small(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("groups") / "small"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "GROUP_ROWS", 500)
        patch.setattr(write, "ROW_GROUP", 300)
        run([str(capture)], out, Options(threads=2))
    return out


@pytest.mark.parametrize("table", ["datapaths", "segments"])
def test_small_groups_have_the_same_paths_in_the_same_order(small: Path, result: Path, table: str) -> None:
    assert len(list((small / table).iterdir())) > len(list((result / table).iterdir()))
    assert pq.read_table(small / table).to_pylist() == pq.read_table(result / table).to_pylist()


@pytest.mark.parametrize("table", ["observations", "unmatched"])
def test_small_groups_leave_no_row_out(small: Path, result: Path, table: str) -> None:
    found, wanted = (pq.read_table(home / table).to_pylist() for home in (small, result))
    assert sorted(map(str, found)) == sorted(map(str, wanted))


def test_observations_of_paths_stand_in_the_order_of_paths(small: Path, result: Path) -> None:
    order = {
        path_id: place
        for place, path_id in enumerate(pq.read_table(result / "datapaths")["path_id"].to_pylist())
    }
    for home in (small, result):
        files = [pq.read_table(path) for path in sorted((home / "observations").iterdir())]
        places = [
            order[path_id]
            for data in files[:-1]
            for path_id in data["path_id"].to_pylist()
            if path_id is not None
        ]
        assert len(places) > 10_000
        assert places == sorted(places)


def test_row_groups_are_cut_by_count(small: Path) -> None:
    for table in ("datapaths", "segments", "observations"):
        for path in sorted((small / table).iterdir()):
            data = pq.read_metadata(path)
            sizes = [data.row_group(number).num_rows for number in range(data.num_row_groups)]
            assert set(sizes[:-1]) <= {300}, path
            assert sizes[-1:] <= [300], path


def test_ids_have_the_order_of_paths_as_far_as_a_group_goes(result: Path) -> None:
    ids = pq.read_table(result / "datapaths")["path_id"].to_numpy()
    assert np.unique(ids).shape == ids.shape
    prefix = ids >> np.uint64(48)
    assert (prefix[1:] >= prefix[:-1]).all()
    assert np.unique(prefix).shape[0] > 1000


def test_rows_are_put_by_source_and_line_where_they_are_not() -> None:
    source = np.array([3, 3, 1, 1, 2], np.uint32)
    line = np.array([1, 4, 2, 2, 9])
    columns = {"source": source, "line": line, "packets": np.arange(5)}
    assert by_source(columns) is columns
    shuffled = {name: values[[3, 1, 4, 0, 2]] for name, values in columns.items()}
    found = by_source(shuffled)
    assert found["source"].tolist() == [1, 1, 2, 3, 3]
    assert found["line"].tolist() == [2, 2, 9, 1, 4]
    nothing = {name: values[:0] for name, values in columns.items()}
    assert by_source(nothing) is nothing
