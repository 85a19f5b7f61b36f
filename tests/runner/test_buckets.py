"""However rows are cut into buckets, the result has the same rows in the same order."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flowstitch.join import buckets
from flowstitch.runner.pipeline import Options, run


def test_small_buckets_give_the_same_result(
    capture: Path, result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "BUCKET_ROWS", 40)
    assert buckets.bucket_bits(40_000) == 10
    run([str(capture)], tmp_path / "small", Options(threads=2))
    for table in ("datapaths", "segments", "observations", "unmatched", "lb_requests"):
        assert pq.read_table(tmp_path / "small" / table).equals(pq.read_table(result / table)), table
