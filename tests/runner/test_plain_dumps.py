"""Dumps as they are without sysctls or options: no counters, no ages, no ids, stamps that are seconds late."""

from __future__ import annotations

import gzip
import re
import shutil
from pathlib import Path

import pytest

import flowstitch
from truth import FLOORS, read_truth, score

TOKENS = {
    "no counters": r" packets=\d+ bytes=\d+",
    "no ages": r" delta-time=\d+| \[(?:start|stop)=[^\]]*\]",
    "no ids": r" id=\d+(?=\n)",
    "no families": r"ipv4     2 (?=tcp|udp|icmp)",
}


@pytest.mark.parametrize("missing", [["no counters", "no ages"], list(TOKENS)])
def test_floors_hold_without_what_is_off_by_default(
    capture: Path, tmp_path: Path, missing: list[str]
) -> None:
    export = tmp_path / "export"
    shutil.copytree(capture, export)
    pattern = "|".join(TOKENS[name] for name in missing)
    for path in export.rglob("conntrack-*"):
        text = re.sub(pattern, "", gzip.decompress(path.read_bytes()).decode())
        path.write_text(text)
    flowstitch.run(export, out=tmp_path / "result")
    with flowstitch.open(tmp_path / "result") as opened:
        paths = opened.table("datapaths").to_pylist()
    scored = score(read_truth(capture.parent / "truth.csv.gz"), paths)
    low = {
        measure: scored.misses[measure][:3] for measure in FLOORS if scored.share(measure) < FLOORS[measure]
    }
    assert low == {}
