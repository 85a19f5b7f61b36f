"""Services to choose from, as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowstitch.arrays import Flags, Ints
    from flowstitch.simulator.cluster import Cluster

# Connections to a service recur with its rank as 1 / rank ** ZIPF.
ZIPF = 1.1
ADDRESSES = ("cluster_ips", "lb_ips", "external_ips")
FACTS = ("port", "target_port", "node_port", "local")


class Menu:
    """The services of a cluster by number; the first is DNS, and the lower the number the more popular."""

    def __init__(self, cluster: Cluster) -> None:
        services = cluster.services
        backends = [np.array(service.backends, np.int64) for service in services]
        self._first = np.cumsum([0, *map(len, backends)])[:-1]
        self._size = np.array([len(hosts) for hosts in backends])
        self._backends = np.concatenate(backends)
        self._weight = 1 / np.arange(1, len(services) + 1) ** ZIPF
        self._addresses = {
            kind: np.array(
                [
                    [cluster.number(getattr(service, kind)[family]) for service in services]
                    for family in (0, 1)
                ]
            )
            for kind in ADDRESSES
        }
        self._facts = {name: np.array([getattr(service, name) for service in services]) for name in FACTS}

    def every(self, fact: str) -> NDArray[Any]:
        """One of ``FACTS``, of all services."""
        return self._facts[fact]

    def has(self, kind: str) -> Flags:
        """Which services have an address of one of the kinds ``ADDRESSES``, or a ``node_port``."""
        if kind == "node_port":
            return self._facts[kind] > 0
        return self._addresses[kind].sum(axis=0) > 0

    @property
    def dns(self) -> Flags:
        """Which service is DNS."""
        return np.arange(self._weight.shape[0]) == 0

    def address(self, kind: str, family: Ints, service: Ints) -> Ints:
        """Address numbers of services."""
        return self._addresses[kind][family, service]

    def service(self, random: np.random.Generator, count: int, allowed: Flags) -> Ints:
        """Services by their popularity among the allowed ones."""
        weight = np.where(allowed, self._weight, 0.0)
        return random.choice(weight.shape[0], count, p=weight / weight.sum())

    def backend(self, random: np.random.Generator, service: Ints) -> Ints:
        """A backend of each service."""
        place = (random.random(service.shape[0]) * self._size[service]).astype(np.int64)
        return self._backends[self._first[service] + place]
