"""The capture's access log against the connections that the load balancer really opened."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import flowstitch
from truth import read_truth

NEAR_S = 2.0


@pytest.fixture(scope="module")
def attempts(result: Path) -> list[dict[str, Any]]:
    """Attempts with the sources of the connections that are named for them."""
    with flowstitch.open(result) as opened:
        paths = opened.sql("select path_id, client_ip || ':' || client_port from datapaths").fetchall()
        rows = opened.sql("from lb_requests order by line, attempt").to_arrow_table().to_pylist()
    source = dict(paths)
    return [row | {"sources": [source[path] for path in row["path_ids"]]} for row in rows]


@pytest.fixture(scope="module")
def logged(capture: Path) -> list[dict[str, str]]:
    with gzip.open(capture / "slb" / "access.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.smoke
def test_every_attempt_is_there_and_has_candidates(attempts: list[dict], logged: list[dict]) -> None:
    wanted = Counter(
        (line, number, addr.strip())
        for line, row in enumerate(logged, 1)
        for number, addr in enumerate(row["upstream_addr"].split(","), 1)
    )
    found = Counter(
        (row["line"], row["attempt"], f"{row['upstream_ip']}:{row['upstream_port']}") for row in attempts
    )
    assert found == wanted
    assert len(found) == 526
    share = sum(row["candidate_count"] > 0 for row in attempts) / len(attempts)
    assert share >= 0.99


def test_the_real_connection_is_always_among_them(capture: Path, attempts: list[dict]) -> None:
    clients: dict[tuple[str, int], list[dict[str, str]]] = {}
    for row in read_truth(capture.parent / "truth.csv.gz"):
        if row["lab_case"].startswith("ext_to_l7"):
            clients.setdefault((row["client_ip"], int(row["client_port"])), []).append(row)
    tried, sure = 0, 0
    for attempt in attempts:
        for known in clients.get((attempt["client_ip"], attempt["client_port"]), ()):
            near = abs(float(known["t_end"]) - attempt["request_at"].timestamp()) < NEAR_S
            backend = (attempt["upstream_ip"], str(attempt["upstream_port"]))
            if (
                near
                and attempt["upstream_status"] == 200
                and backend == (known["server_ip"], known["server_port"])
            ):
                tried += 1
                sure += attempt["candidate_count"] == 1
                assert f"{known['snat_ip']}:{known['snat_port']}" in attempt["sources"]
    assert tried > 180
    assert sure > 90


def test_what_is_sure_stands_in_observations(result: Path) -> None:
    with flowstitch.open(result) as opened:
        query = """
            select distinct source, line, path_ids[1] from lb_requests where candidate_count = 1
            {} select source, line, path_id from observations where part = 'request'
        """
        assert opened.sql(query.format("except")).fetchall() == []
        assert len(opened.sql(query.format("intersect")).fetchall()) > 200
        counts = "select count(*) filter (candidate_count <> len(path_ids) and candidate_count <= 8 or len(path_ids) > 8) from lb_requests"
        assert opened.sql(counts).fetchall() == [(0,)]
