"""Small clusters of every kind, observed well and badly: 25 of them, or as many as ``FLOWSTITCH_CLUSTERS`` says."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowstitch.simulator.settings import (
    EVENTS,
    FAMILIES,
    FLOW_LOGS,
    MAX_PORT_REUSE,
    PROXIES,
    WINDOWS_S,
    Settings,
)
from plain_duckdb import answered

CLUSTERS = int(os.environ.get("FLOWSTITCH_CLUSTERS", "25"))
SHARES = st.just(0.0) | st.floats(0.001, 1.0)


@st.composite
def small_clusters(draw: st.DrawFn) -> Settings:
    """Settings of small clusters; half of them are observed perfectly."""
    nodes = draw(st.integers(2, 5))
    wishes: dict[str, Any] = {
        "connections": draw(st.integers(1, 250)),
        "nodes": nodes,
        "pods_per_node": draw(st.integers(4, 10)),
        "services": draw(st.integers(2, 8)),
        "seed": draw(st.integers(0, 1 << 32)),
        "duration_s": draw(st.integers(600, 2400)),
        "flow_logs": draw(st.sampled_from(FLOW_LOGS)),
        "families": draw(st.sampled_from(list(FAMILIES.values()))),
        "proxy": draw(st.sampled_from(PROXIES)),
        "port_reuse": draw(st.floats(0, MAX_PORT_REUSE)),
        "window_s": draw(st.sampled_from(WINDOWS_S)),
        "dumps": draw(st.integers(0, 3)),
        "form": draw(st.sampled_from(("raw", "parquet"))),
    }
    if draw(st.booleans()):
        wishes |= {
            "events": draw(st.sampled_from(EVENTS)),
            "lost_events": draw(SHARES),
            "lost_nodes": draw(st.integers(0, nodes - 1)),
            "skipped_windows": draw(SHARES),
            "clock_skew_s": draw(st.just(0.0) | st.floats(0.001, 120)),
            "torn_files": draw(SHARES) if wishes["form"] == "raw" else 0.0,
        }
    return Settings(**wishes)


def perfect(cluster: Settings) -> bool:
    return (
        cluster.events == "all"
        and cluster.dumps > 0
        and not (
            cluster.lost_events
            or cluster.lost_nodes
            or cluster.skipped_windows
            or cluster.clock_skew_s
            or cluster.torn_files
        )
    )


@settings(max_examples=CLUSTERS, suppress_health_check=[HealthCheck.too_slow])
@given(small_clusters())
def test_a_cluster_is_reconstructed(cluster: Settings) -> None:
    """What is observed perfectly without a miss; otherwise nothing is lost in silence, and no two paths are one."""
    import flowstitch
    from flowstitch.simulator.accuracy import accuracy
    from flowstitch.simulator.generate import generate

    with tempfile.TemporaryDirectory(prefix="flowstitch-") as directory:
        simulation, result = Path(directory) / "simulation", Path(directory) / "result"
        generate(cluster, simulation)
        flowstitch.run(simulation / "export", out=result)
        found = accuracy(result, simulation)
        assert unaccounted(result) == []
    if perfect(cluster):
        assert {
            name: measure for name, measure in found.items() if (measure.precision, measure.recall) != (1, 1)
        } == {}


def unaccounted(result: Path) -> list[Any]:
    """Sources whose rows do not balance or do not stand in the observations, and paths that share their id."""
    return answered(
        f"""with seen as (select source, count(distinct line) seen from '{result}/observations/*.parquet' group by source)
            select source from '{result}/sources/*.parquet' left join seen using (source)
            where "rows" <> parsed + skipped + rejected or parsed <> coalesce(seen, 0)
            union all
            select path_id::text from '{result}/datapaths/*.parquet' group by path_id having count(*) > 1"""
    )
