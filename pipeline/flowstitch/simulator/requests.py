"""What layer-7 load balancers log: the requests that their connections to backends carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.simulator.cases import case_numbers
from flowstitch.simulator.columns import Rows
from flowstitch.simulator.settings import SECOND
from flowstitch.simulator.wants import RETRY_AFTER_US

if TYPE_CHECKING:
    from flowstitch.arrays import Columns, Ints
    from flowstitch.simulator.cluster import Cluster
    from flowstitch.simulator.connections import Connections
    from flowstitch.simulator.settings import Settings

METHODS = ("GET", "GET", "GET", "POST")
LB_PORT = 80
# Columns that list attempts, as ``requests`` names them: of one attempt, and of one that another backend had refused. ``uri`` has
# the connection of each.
ATTEMPTS = {
    "uri": ("/c/{connection}", "/c/{refused}-{connection}"),
    "upstream_addrs": (
        "{upstream:addresses}:{upstream_port}",
        "{refused_by:addresses}:{refused_port}, {upstream:addresses}:{upstream_port}",
    ),
    "upstream_response_times": (
        "{took_s}.{took_rest:03}",
        f"{RETRY_AFTER_US / SECOND:.3f}, {{took_s}}.{{took_rest:03}}",
    ),
    "upstream_statuses": ("{status}", "502, {status}"),
}


@dataclass
class RequestRows(Rows):
    """Requests; arrays of shape (n,). ``connection`` is the one to the backend that carried it, addresses are numbers.

    Attributes
    ----------
    refused : connection to a backend that was tried before and refused it, -1 if none; ``refused_by``, ``refused_port`` that backend.
    at_s : when it was answered, epoch seconds. took_ms : how long the last attempt took.
    """

    connection: Ints
    refused: Ints
    refused_by: Ints
    refused_port: Ints
    at_s: Ints
    took_ms: Ints
    service: Ints
    client: Ints
    client_port: Ints
    upstream: Ints
    upstream_port: Ints
    method: Ints
    status: Ints
    asked: Ints
    told: Ints

    @property
    def total_ms(self) -> Ints:
        """How long all attempts took."""
        return self.took_ms + np.where(self.refused >= 0, RETRY_AFTER_US // 1000, 0)

    @property
    def columns(self) -> Columns:
        """What layouts ask for."""
        return {
            **vars(self), "took_s": self.took_ms // 1000, "took_rest": self.took_ms % 1000,
            "total_s": self.total_ms // 1000, "total_rest": self.total_ms % 1000,
        }  # fmt: skip


def lb_address(service: int) -> str:
    """Public address of the load balancer of a service."""
    return f"47.243.{service // 250}.{service % 250 + 1}"


def lb_name(service: int) -> str:
    """Cloud id of the load balancer of a service."""
    return f"lb-j6csimulated{service:07d}"


def request_rows(
    connections: Connections, cluster: Cluster, settings: Settings, random: np.random.Generator
) -> RequestRows:
    """Requests over the connections that load balancers keep to backends, in the order of their times."""
    of_lb = connections.view(np.flatnonzero(connections.case == case_numbers(settings.proxy)["lb-request"]))
    carrier = of_lb.view(of_lb.pair >= 0)
    each = random.geometric(0.4, len(carrier))
    part = carrier.view(np.repeat(np.arange(len(carrier)), each))
    # a request has packets; the handshake comes before, the teardown after
    gaps, begin = part.packets - 1, part.start + part.rtt
    packet = 1 + (random.random(len(part)) * (gaps - 1)).astype(np.int64)
    # what was sent again is the first that its connection carries
    again = np.zeros(len(part), np.bool_)
    again[np.cumsum(each) - each] = carrier.pair > 0
    packet[again] = 1
    at = np.maximum(part.start + packet * (part.end - part.start) // gaps, begin)
    took = np.minimum(at - begin, (random.exponential(20_000, len(part))).astype(np.int64))
    took = np.where(again, at - part.start, took)
    refused, refused_by, refused_port = _refused(of_lb, np.where(again, part.pair, 0))
    outside = cluster.groups["outside"]
    client = outside[random.integers(0, outside.shape[0], len(part))]
    rows = RequestRows(
        connection=part.number, refused=refused, refused_by=refused_by, refused_port=refused_port, at_s=at // SECOND, took_ms=took // 1000, service=part.service,
        client=cluster.hosts.ip[0, client], client_port=random.integers(1024, 65536, len(part)),
        upstream=part.dialled, upstream_port=part.dialled_port, method=random.integers(0, len(METHODS), len(part)),
        status=random.choice(np.array([200, 200, 200, 304, 404, 500]), len(part)), asked=random.integers(80, 1200, len(part)),
        told=random.integers(0, 20_000, len(part)),
    )  # fmt: skip
    return rows.take(np.flatnonzero(at < settings.until)).take(
        np.argsort(at[at < settings.until], kind="stable")
    )


def _refused(of_lb: Connections, pair: Ints) -> tuple[Ints, Ints, Ints]:
    """Number, address and port of the connection that was refused before each one of a pair; -1, 0 and 0 where there is none."""
    row = np.zeros(len(of_lb) + 1, np.int64)
    before = np.flatnonzero(of_lb.pair < 0)
    row[-of_lb.pair[before]] = before
    chosen, known = row[pair], pair > 0
    columns = (of_lb.number, of_lb.dialled, of_lb.dialled_port)
    number, ip, port = (
        np.where(known, values[chosen], nothing) for values, nothing in zip(columns, (-1, 0, 0), strict=True)
    )
    return number, ip, port
