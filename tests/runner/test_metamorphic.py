"""The same story under other names, addresses, ports, times and files gives the same result."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import flowstitch
from metamorphosis import DAYS, Metamorphosis, read, transform

ADDRESSES = (
    "client_ip", "dialled_ip", "snat_ip", "server_ip", "seen_ip", "src_ip", "dst_ip", "lb_ip", "upstream_ip",
)  # fmt: skip
PORTS = (
    "client_port", "dialled_port", "snat_port", "server_port", "seen_port", "src_port", "dst_port", "lb_port", "upstream_port",
)  # fmt: skip
TIMES = ("first_seen", "last_seen", "snat_held_until", "request_at")
# What is a hash of the rest.
HASHES = ("path_id", "flow_key")
QUERIES = (
    "from datapaths",
    "from segments",
    "select * exclude (source, path_ids), len(path_ids) as named from lb_requests",
    """
    select line, attempt, datapaths.*
    from (select line, attempt, unnest(path_ids) as path_id from lb_requests) join datapaths using (path_id)
    """,
)


def service_ports(export: Path) -> frozenset[int]:
    services = json.loads(read(export / "inventory" / "services.json"))["items"]
    slices = json.loads(read(export / "inventory" / "endpointslices.json"))["items"]
    ports = {
        port.get(key) for item in services for port in item["spec"]["ports"] for key in ("port", "nodePort")
    }
    ports |= {item["spec"].get("healthCheckNodePort") for item in services}
    ports |= {port["port"] for item in slices for port in item["ports"]}
    return frozenset(port for port in ports if port)


def rename(value: Any, change: Metamorphosis, known: dict[str, str]) -> Any:
    if isinstance(value, list):
        return sorted(rename(item, change, known) for item in value)
    if value not in known:
        known[value] = change.text(value)
    return known[value]


def told(rows: list[dict[str, Any]], change: Metamorphosis | None) -> Counter[str]:
    """Rows without their hashes, as the changed export would tell them."""
    out: Counter[str] = Counter()
    known: dict[str, str] = {}
    for row in rows:
        new = {name: value for name, value in row.items() if name not in HASHES}
        if change:
            new |= {name: new[name] and change.address(new[name]) for name in ADDRESSES if name in new}
            new |= {name: new[name] and change.port(new[name]) for name in PORTS if name in new}
            new |= {name: new[name] + timedelta(days=DAYS) for name in TIMES if new.get(name) is not None}
            new |= {
                name: rename(value, change, known)
                for name, value in new.items()
                if name not in ADDRESSES + PORTS + TIMES and isinstance(value, str | list)
            }
        out[repr(sorted(new.items(), key=str))] += 1
    return out


@pytest.mark.parametrize(("seed", "v6"), [(1, False), (2, False), (3, True)])
def test_the_same_story_gives_the_same_result(
    capture: Path, result: Path, tmp_path: Path, seed: int, v6: bool
) -> None:
    change = Metamorphosis(seed, v6, service_ports(capture))
    transform(capture, tmp_path / "export", change)
    flowstitch.run(tmp_path / "export", out=tmp_path / "result")
    with flowstitch.open(result) as base, flowstitch.open(tmp_path / "result") as other:
        for query in QUERIES:
            wanted = told(base.sql(query).to_arrow_table().to_pylist(), change)
            found = told(other.sql(query).to_arrow_table().to_pylist(), None)
            assert sum(wanted.values()) > 500
            assert found - wanted == Counter()
            assert wanted - found == Counter()
        query = "select kind, part, reason, shared_by, count(*) from observations where reason is null or kind in ('vpc-flow-log', 'lb-access-log') group by all"
        assert sorted(base.sql(query).fetchall(), key=str) == sorted(other.sql(query).fetchall(), key=str)
