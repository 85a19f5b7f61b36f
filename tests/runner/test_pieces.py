"""A table that is written in pieces has the rows that it has whole, however it is cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from flowstitch.normalize import pieces
from flowstitch.normalize.pieces import Span, by_source, cut
from flowstitch.runner import write
from flowstitch.runner.pipeline import Options, run


def test_small_pieces_make_more_files_of_the_same_rows(
    capture: Path, result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pieces, write):
        monkeypatch.setattr(module, "PIECE_ROWS", 500)
    monkeypatch.setattr(pieces, "FILE_PIECES", 3)
    run([str(capture)], tmp_path / "small", Options(threads=2))
    for table in ("datapaths", "segments", "observations"):
        whole = pq.read_table(result / table)
        files = sorted((tmp_path / "small" / table).iterdir())
        assert len(files) >= -(-whole.num_rows // 1500) > 1, table
        groups = [pq.read_metadata(path) for path in files]
        assert max(data.row_group(i).num_rows for data in groups for i in range(data.num_row_groups)) <= 500
        assert pq.read_table(tmp_path / "small" / table).to_pylist() == whole.to_pylist(), table


def test_cutting_leaves_nothing_out() -> None:
    lengths = [0, 1, pieces.PIECE_ROWS, pieces.PIECE_ROWS * pieces.FILE_PIECES + 7, 3]
    made: list[tuple[int, int, int]] = []

    def span(number: int, rows: int) -> Span:
        def make(wanted: slice) -> dict[str, np.ndarray]:
            made.append((number, wanted.start, wanted.stop))
            return {}

        return Span(make, 0, rows)

    files = cut(span(number, rows) for number, rows in enumerate(lengths)).files
    sizes = []
    for file in files:
        before = len(made)
        for make in file:
            make()
        sizes.append(sum(end - begin for _, begin, end in made[before:]))
    assert sum(sizes) == sum(lengths)
    assert max(sizes) <= pieces.PIECE_ROWS * pieces.FILE_PIECES
    for number, rows in enumerate(lengths):
        spans = [(begin, end) for which, begin, end in made if which == number]
        assert [begin for begin, _ in spans] == [0, *(end for _, end in spans)][: len(spans)]
        assert [end for _, end in spans][-1:] == [rows][: len(spans)]


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
