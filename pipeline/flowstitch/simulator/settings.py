"""What a simulation is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from flowstitch.errors import UsageError

SECOND = 1_000_000
FORMATS = ("raw", "parquet")
FLOW_LOGS = ("alibaba", "alibaba-csv", "aws")
PROXIES = ("ipvs", "iptables")
FAMILIES = {"4": (0,), "6": (1,), "both": (0, 1)}
EVENTS = ("all", "ends", "none")
WINDOWS_S = (60, 300, 600)
# Enough connections can come again for so many to do.
MAX_PORT_REUSE = 0.3
# 2026-11-23T00:00:00Z, a multiple of every window.
BEGIN_S = 1_795_392_000
# Ports of a node and of the load balancers come round too soon beyond so many connections a second: while conntrack still
# holds an entry of the same five-tuple; see ``ports``.
MAX_PER_NODE_S, MAX_PER_S = 400, 12_000


@dataclass(frozen=True)
class Settings:
    """What is simulated, and how well it is observed.

    Attributes
    ----------
    connections : how many, about. nodes, pods_per_node, services : size of the cluster. seed : of all that is random.
    duration_s : length of the observed time in seconds.
    form : one of ``FORMATS``, of the logs. flow_logs : one of ``FLOW_LOGS``, format of raw flow logs.
    families : of the cluster, 0 is IPv4 and 1 IPv6. proxy : one of ``PROXIES``.
    port_reuse : share of the connections whose five-tuple another had that ended less than a minute before, about.
    window_s : aggregation of the flow logs. dumps : conntrack lists of each node. events : one of ``EVENTS``, which of
        them ``conntrack -E`` was asked for: all, NEW and DESTROY alone, or none.
    lost_events : share of events that are lost. lost_nodes : nodes without conntrack. skipped_windows : share of the ENIs'
        windows that say SKIPDATA. clock_skew_s : clocks of nodes are off by up to so many seconds. torn_files : share
        of the raw log files that are cut off.
    """

    connections: int = 10_000
    nodes: int = 6
    pods_per_node: int = 24
    services: int = 24
    seed: int = 1
    duration_s: int = 1800
    form: str = "raw"
    flow_logs: str = "alibaba"
    families: tuple[int, ...] = (0,)
    proxy: str = "ipvs"
    port_reuse: float = 0.02
    window_s: int = 60
    dumps: int = 3
    events: str = "all"
    lost_events: float = 0.0
    lost_nodes: int = 0
    skipped_windows: float = 0.0
    clock_skew_s: float = 0.0
    torn_files: float = 0.0

    def __post_init__(self) -> None:
        most = self.duration_s * min(self.nodes * MAX_PER_NODE_S, MAX_PER_S)
        if self.connections > most:
            raise UsageError(
                f"--connections: got {self.connections}, expected at most {most} of {self.nodes} nodes in {self.duration_s} s: "
                f"ports would come round too soon; give more --nodes or a longer --duration."
            )
        if self.lost_nodes >= self.nodes:
            raise UsageError(
                f"--lost-nodes: got {self.lost_nodes}, expected fewer than the {self.nodes} nodes there are."
            )
        if self.torn_files and self.form != "raw":
            raise UsageError("--torn-files goes with --format raw: tables are written whole.")

    @property
    def begin(self) -> int:
        """Start of the observed time, µs since the epoch."""
        return BEGIN_S * SECOND

    @property
    def until(self) -> int:
        """End of the observed time, µs since the epoch."""
        return self.begin + self.duration_s * SECOND

    @property
    def dump_times(self) -> list[int]:
        """When every node lists its table, µs since the epoch by the true clock; the last at the end."""
        return [
            self.begin + self.duration_s * SECOND * (number + 1) // self.dumps for number in range(self.dumps)
        ]
