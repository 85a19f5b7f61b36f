"""How sure a reconstruction is promised to be, with perfect observation and with all that usually goes wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flowstitch.simulator.accuracy import PROMISED, WHOLE, Measure, accuracy
from plain_duckdb import answered
from simulator.conftest import Simulate

Reconstruct = Callable[[Path], Path]
PERFECT = 0.9999
PRECISION, RECALL = 0.999, 0.99
CLUSTERS: list[dict[str, Any]] = [
    {"seed": 31},
    {"seed": 32, "proxy": "iptables", "window_s": 300},
    {"seed": 33, "families": (0, 1), "window_s": 600, "duration_s": 1800},
]
ALL_AT_ONCE = {"lost_events": 0.01, "clock_skew_s": 2}


@pytest.fixture(params=CLUSTERS, ids=str)
def cluster(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A cluster where one connection in twenty comes within a minute of another on the same five-tuple."""
    return {"connections": 3000, "port_reuse": 0.05, **request.param}


def short_of(found: dict[str, Measure], precision: float, recall: float) -> dict[str, Measure]:
    return {
        name: found[name]
        for name in PROMISED
        if found[name].precision < precision or found[name].recall < recall
    }


def test_ports_come_again_as_often_as_asked(cluster: dict[str, Any], simulate: Simulate) -> None:
    ((share,),) = answered(
        f"""select avg((gap < interval 60 second)::int) from (
              select coalesce(t_start - lag(t_end) over same, interval 1 day) gap from '{simulate(**cluster)}/truth.parquet'
              window same as (partition by protocol, client_ip, client_port, icmp_id, dialled_ip, dialled_port order by t_start))"""
    )
    assert 0.04 < share < 0.06


def test_perfect_observation(cluster: dict[str, Any], simulate: Simulate, reconstruct: Reconstruct) -> None:
    simulation = simulate(**cluster)
    assert short_of(accuracy(reconstruct(simulation), simulation), PERFECT, PERFECT) == {}


def test_events_lost_and_clocks_off(
    cluster: dict[str, Any], simulate: Simulate, reconstruct: Reconstruct
) -> None:
    simulation = simulate(**cluster, **ALL_AT_ONCE)
    assert short_of(accuracy(reconstruct(simulation), simulation), PRECISION, RECALL) == {}


def test_a_wrong_path_is_counted_by_whether_it_says_that_it_may_be(
    simulate: Simulate, reconstruct: Reconstruct, tmp_path: Path
) -> None:
    """Of a result that is right five paths get another server: two of them say that they are ambiguous."""
    simulation = simulate()
    (tmp_path / "datapaths").mkdir()
    (tmp_path / "lb_requests").symlink_to(reconstruct(simulation) / "lb_requests")
    with duckdb.connect() as session:
        session.execute("set timezone = 'UTC'")
        session.execute(
            f"""copy (select * exclude place replace (
                        case when place <= 5 then '192.0.2.1' else server_ip end as server_ip,
                        case when place <= 2 then 'ambiguous' else match end as match)
                      from (select *, row_number() over (order by server_port is null, path_id) place
                            from '{reconstruct(simulation)}/datapaths/*.parquet'))
                to '{tmp_path}/datapaths/part.parquet' (format parquet)"""
        )
    found = accuracy(tmp_path, simulation)
    assert (found["server"].doubted, found["server"].misled) == (2, 3)
    assert (found[WHOLE].doubted, found[WHOLE].misled) == (2, 3)
