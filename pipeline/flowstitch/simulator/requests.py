"""What layer-7 load balancers log: the requests that their connections to backends carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.simulator.cases import case_numbers
from flowstitch.simulator.columns import Rows
from flowstitch.simulator.settings import SECOND

if TYPE_CHECKING:
    from flowstitch.arrays import Ints
    from flowstitch.simulator.cluster import Cluster
    from flowstitch.simulator.connections import Connections
    from flowstitch.simulator.settings import Settings

METHODS = ("GET", "GET", "GET", "POST")
LB_PORT = 80


@dataclass
class RequestRows(Rows):
    """Requests; arrays of shape (n,). ``connection`` is the one to the backend that carried it, addresses are numbers.

    Attributes
    ----------
    at_s : when it was answered, epoch seconds. took_ms : how long it took.
    """

    connection: Ints
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
    carrier = connections.take(np.flatnonzero(connections.case == case_numbers(settings.proxy)["lb-request"]))
    each = random.geometric(0.4, len(carrier))
    part = carrier.take(np.repeat(np.arange(len(carrier)), each))
    # a request has packets; the handshake comes before, the teardown after
    gaps, begin = part.packets - 1, part.start + part.rtt
    packet = 1 + (random.random(len(part)) * (gaps - 1)).astype(np.int64)
    at = np.maximum(part.start + packet * (part.end - part.start) // gaps, begin)
    took = np.minimum(at - begin, (random.exponential(20_000, len(part))).astype(np.int64))
    outside = cluster.groups["outside"]
    client = outside[random.integers(0, outside.shape[0], len(part))]
    rows = RequestRows(
        connection=part.number, at_s=at // SECOND, took_ms=took // 1000, service=part.service,
        client=cluster.hosts.ip[0, client], client_port=random.integers(1024, 65536, len(part)),
        upstream=part.dialled, upstream_port=part.dialled_port, method=random.integers(0, len(METHODS), len(part)),
        status=random.choice(np.array([200, 200, 200, 304, 404, 500]), len(part)), asked=random.integers(80, 1200, len(part)),
        told=random.integers(0, 20_000, len(part)),
    )  # fmt: skip
    return rows.take(np.flatnonzero(at < settings.until)).take(
        np.argsort(at[at < settings.until], kind="stable")
    )
