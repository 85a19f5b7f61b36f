"""Where each observer's file lies within the export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowstitch.simulator.settings import SECOND

if TYPE_CHECKING:
    from flowstitch.simulator.cluster import Cluster
    from flowstitch.simulator.settings import Settings

ACCESS_LOG = "slb/access.jsonl.gz"
_ENDINGS = {"alibaba": "jsonl", "alibaba-csv": "csv", "aws": "log"}


def events_file(cluster: Cluster, node: int) -> str:
    """Event stream of a node."""
    return f"nodes/{cluster.nodes[node].name}/conntrack-events.log.gz"


def list_file(cluster: Cluster, node: int, at: int) -> str:
    """List of a node, taken at a time in µs by the node's own clock."""
    return f"nodes/{cluster.nodes[node].name}/conntrack-list.{at // SECOND}.{at % SECOND // 1000:03d}.txt.gz"


def ipvs_file(cluster: Cluster, node: int, at: int) -> str:
    """Listing of a node's IPVS connections, taken at a time in µs by the node's own clock."""
    return f"nodes/{cluster.nodes[node].name}/ipvsadm-Lnc.{at // SECOND}.{at % SECOND // 1000:03d}.txt.gz"


def flow_file(cluster: Cluster, eni: int, settings: Settings) -> str:
    """Flow log of an ENI."""
    return f"vpc-flow/{cluster.enis[eni].name}.{_ENDINGS[settings.flow_logs]}.gz"
