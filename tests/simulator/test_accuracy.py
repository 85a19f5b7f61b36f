"""A perfect observation is reconstructed perfectly: what happened, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flowstitch.simulator.accuracy import accuracy
from flowstitch.simulator.cases import cases
from plain_duckdb import answered
from simulator.conftest import Simulate
from truth import FLOORS, score

Reconstruct = Callable[[Path], Path]
PERFECT: list[dict[str, Any]] = [
    {"seed": 1},
    {"seed": 2, "proxy": "iptables"},
    {"seed": 3, "families": (1,)},
    {"seed": 4, "flow_logs": "aws", "window_s": 300},
    {"seed": 5, "flow_logs": "alibaba-csv", "window_s": 600, "duration_s": 1800},
    {"seed": 6, "form": "parquet"},
]


@pytest.mark.parametrize("wishes", PERFECT, ids=str)
def test_perfect_observation_perfect_reconstruction(
    wishes: dict[str, Any], simulate: Simulate, reconstruct: Reconstruct
) -> None:
    simulation = simulate(**wishes)
    found = accuracy(reconstruct(simulation), simulation)
    assert {
        name: measure for name, measure in found.items() if (measure.precision, measure.recall) != (1, 1)
    } == {}
    with_requests = 0 in wishes.get("families", (0,))
    assert [name for name, measure in found.items() if not measure.wanted] == (
        [] if with_requests else ["requests"]
    )


def test_the_same_of_two_families(simulate: Simulate, reconstruct: Reconstruct) -> None:
    simulation = simulate(seed=7, families=(0, 1))
    found = accuracy(reconstruct(simulation), simulation)
    assert {
        name: measure for name, measure in found.items() if (measure.precision, measure.recall) != (1, 1)
    } == {}


def test_what_a_security_group_drops_is_said_to_be_rejected(
    simulate: Simulate, reconstruct: Reconstruct
) -> None:
    simulation = simulate()
    outcomes = answered(
        f"""select distinct "case", p.outcome, p.evidence from '{simulation}/truth.parquet' t
            join '{reconstruct(simulation)}/datapaths/*.parquet' p using (protocol, client_ip, client_port, server_ip, server_port)
            where "case" like '%denied' order by all"""
    )
    assert outcomes == [
        ("outside-denied", "rejected", ["flow"]), ("pod-denied", "rejected", ["conntrack", "flow"])
    ]  # fmt: skip


def test_what_comes_in_by_the_clients_eni_has_reached_its_node(
    simulate: Simulate, reconstruct: Reconstruct
) -> None:
    """``one_way`` is an answer that did not reach the client; NEW is all that the node tells of what ends just before the export."""
    result = reconstruct(simulate(seed=9, events="ends"))
    contradictions = answered(
        f"select path_id from '{result}/datapaths/*.parquet' where outcome = 'one_way' and return_in_eni is not null"
    )
    assert contradictions == []


def test_every_case_happens(simulate: Simulate) -> None:
    met = answered(f"select distinct \"case\" from '{simulate(seed=3, connections=4000)}/truth.parquet'")
    assert {case for (case,) in met} == {case.name for case in cases("ipvs")}


def test_the_other_form_of_the_truth_says_the_same(simulate: Simulate, reconstruct: Reconstruct) -> None:
    simulation = simulate()
    text = (simulation / "truth.csv").read_text().splitlines()
    names = text[0].split(",")
    truth = [dict(zip(names, line.split(","), strict=True)) for line in text[1:]]
    with duckdb.connect() as session:
        session.execute("set timezone = 'UTC'")
        paths = (
            session.sql(f"from '{reconstruct(simulation)}/datapaths/*.parquet'").to_arrow_table().to_pylist()
        )
    scored = score(truth, paths)
    assert set(scored.tries) == set(FLOORS)
    assert {name: misses for name, misses in scored.misses.items() if misses} == {}


def test_pods_behind_services_make_room_for_others(simulate: Simulate, reconstruct: Reconstruct) -> None:
    """One address, several pods over time: each connection is told with the one that had it then."""
    simulation = simulate()
    ((told, right),) = answered(
        f"""select count(*), count(*) filter (t.server_name = p.server_name) from '{simulation}/truth.parquet' t
            join '{reconstruct(simulation)}/datapaths/*.parquet' p using (protocol, client_ip, client_port, server_ip, service)
            where server_ip in (select server_ip from '{simulation}/truth.parquet' group by all having count(distinct server_name) > 1)"""
    )
    assert told == right > 50
