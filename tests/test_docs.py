"""Pages that show real rows show real rows."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import flowstitch

PAGE = (Path(__file__).parents[1] / "pipeline" / "how-a-path-is-stitched.md").read_text(encoding="utf-8")


def captured_lines(capture: Path) -> set[str]:
    lines: set[str] = set()
    for path in (capture / "nodes").rglob("*.gz"):
        lines.update(gzip.decompress(path.read_bytes()).decode().splitlines())
    return lines


def test_quoted_lines_are_in_the_capture(capture: Path) -> None:
    quoted = [line for block in re.findall(r"```\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    raw = [line for line in quoted if "→" not in line]
    assert len(raw) == 5
    assert set(raw) <= captured_lines(capture)


def test_the_verdict_is_the_result(result: Path) -> None:
    with flowstitch.open(result) as opened:
        query = "from datapaths where client_ip = '10.0.1.91' and client_port = 59628"
        (path,) = opened.sql(query).to_arrow_table().to_pylist()
        flows = opened.sql(
            f"select node, eni, part from observations where path_id = {path['path_id']} and kind = 'vpc-flow-log'"
        ).fetchall()
        others = opened.sql(
            "select count(*) from datapaths where scenario = 'pod-to-clusterip-remote'"
        ).fetchall()
    told = re.findall(r"^\| ([a-z_, ]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
    for columns, values in told[1:]:
        if columns.split(", ")[0] in path:
            assert [str(path[column]) for column in columns.split(", ")] == values.strip().split(", "), (
                columns
            )
    assert len(flows) == 4
    assert others == [(539,)]
