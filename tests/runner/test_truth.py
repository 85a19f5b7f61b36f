"""The capture's result against what its programs really did."""

from __future__ import annotations

from pathlib import Path

import pytest

import flowstitch
from truth import FLOORS, Score, assign, read_truth, score


@pytest.fixture(scope="module")
def scored(capture: Path, result: Path) -> Score:
    with flowstitch.open(result) as opened:
        return score(read_truth(capture.parent / "truth.csv.gz"), opened.table("datapaths").to_pylist())


@pytest.mark.smoke
@pytest.mark.parametrize("measure", FLOORS)
def test_floor(scored: Score, measure: str) -> None:
    assert scored.tries[measure] > 2000
    assert scored.share(measure) >= FLOORS[measure], scored.misses[measure][:5]


def ask(result: Path, query: str) -> list[tuple]:
    with flowstitch.open(result) as opened:
        return opened.sql(query).fetchall()


def test_load_balancer_address_returns_over_the_primary_eni(result: Path) -> None:
    query = (
        "select return_lands_on, return_evidence, count(*) from datapaths where scenario = '{}' group by all"
    )
    assert ask(result, query.format("pod-to-lbip-cluster-remote")) == [("primary", "observed", 331)]


def test_all_230_of_scenario_5_return_over_the_primary_eni(capture: Path, result: Path) -> None:
    truth = [row for row in read_truth(capture.parent / "truth.csv.gz") if row["sop"] == "5"]
    with flowstitch.open(result) as opened:
        paths = opened.table("datapaths").to_pylist()
    found = [paths[number] for number in assign(truth, paths).values()]
    assert len(found) == 230
    assert {(path["sop"], path["return_lands_on"], path["return_in_eni_role"]) for path in found} == {
        (5, "primary", "primary")
    }


def test_cluster_ip_returns_over_the_secondary_eni(result: Path) -> None:
    query = "select distinct return_lands_on from datapaths where scenario = 'pod-to-clusterip-remote' and outcome <> 'unanswered'"
    assert ask(result, query) == [("secondary",)]


def test_nothing_is_invented_where_policy_local_has_no_backend(capture: Path, result: Path) -> None:
    dead = [
        row
        for row in read_truth(capture.parent / "truth.csv.gz")
        if row["lab_case"] == "pod_to_extip_local_no_backend"
    ]
    assert len(dead) == 59
    clients = ", ".join(
        f"('{row['client_ip']}', {row['client_port']}, '{row['dialled_ip']}')" for row in dead
    )
    query = f"select count(*) from datapaths where (client_ip, client_port, dialled_ip) in ({clients})"
    assert ask(result, query) == [(0,)]


def test_faults_of_the_capture_show_as_drift(result: Path) -> None:
    query = "select dialled_ip, count(*) from datapaths where len(drift) > 0 group by all order by all"
    assert ask(result, query) == [("10.0.3.60", 59), ("10.0.3.61", 17)]


def test_stale_mapping_shows_as_asymmetric(result: Path) -> None:
    query = "select distinct client_ip from datapaths where \"asymmetric\" and scenario = 'pod-to-pod-remote'"
    assert ask(result, query) == [("10.0.1.95",)]
