"""The cluster: nodes, their ENIs, pods on them over time, services, and who is outside."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

import numpy as np

from flowstitch.simulator.settings import SECOND

if TYPE_CHECKING:
    from flowstitch.arrays import Flags, Ints
    from flowstitch.simulator.settings import Settings

ALPHABET = list("0123456789abcdefghijklmnopqrstuvwxyz")
REGION, ACCOUNT, VPC = "cn-hongkong", "1379186349531844", "vpc-j6csimulated0000000001"
ENIS_PER_NODE = 2
# Of a pod's address that is handed on, nobody uses it for so long on either side.
HANDOVER_US = 5 * SECOND
# Share of the pods that back no service; half of them make room for others, and so many of those behind services for their like.
CLIENTS, REPLACED = 0.35, 0.125
# The kube-proxy of every so manieth node masquerades whatever dials a ClusterIP, as --masquerade-all has it.
MASQUERADING = 4
LB_SOURCES = [f"100.117.12.{number}" for number in range(5, 13)]
OUTSIDE, SNATTED = 0, 1


@dataclass(frozen=True)
class Node:
    """A node: its name, addresses by family ('' for a family that the cluster lacks), instance and zone."""

    name: str
    ips: tuple[str, str]
    instance: str
    zone: str


@dataclass(frozen=True)
class Eni:
    """An ENI of a node with all its addresses; the first is its primary one."""

    name: str
    node: int
    primary: bool
    ips: tuple[str, ...]


@dataclass(frozen=True)
class Pod:
    """A pod: who had the addresses of a host from when until when, µs, None is always."""

    name: str
    namespace: str
    host: int
    begin: int | None
    end: int | None


@dataclass(frozen=True)
class Service:
    """A service with one port; addresses by family, '' where it has none. ``backends`` are hosts."""

    name: str
    protocol: str
    port: int
    target_port: int
    node_port: int
    cluster_ips: tuple[str, str]
    lb_ips: tuple[str, str]
    external_ips: tuple[str, str]
    local: bool
    backends: tuple[int, ...]


@dataclass
class Hosts:
    """Whoever can open or answer a connection, by number: pods' addresses, then nodes, LB sources, outside.

    Attributes
    ----------
    ip : shape (2, hosts), address number by family, 0 where there is none.
    node, eni : shape (hosts,), -1 outside.
    recycled : shape (hosts,), bool, the pod changes.
    """

    ip: Ints
    node: Ints
    eni: Ints
    recycled: Flags


@dataclass
class Cluster:
    """All of it. ``addresses`` are texts by number, 0 is none; ``groups`` are hosts by what they are."""

    addresses: list[str]
    nodes: list[Node]
    enis: list[Eni]
    pods: list[Pod]
    services: list[Service]
    hosts: Hosts
    groups: dict[str, Ints]
    handovers: list[int]
    _numbers: dict[str, int] = field(default_factory=dict)

    def number(self, address: str) -> int:
        """Number of an address, 0 of ''."""
        return self._numbers[address]

    @property
    def node_ip(self) -> Ints:
        """Address numbers of nodes, shape (2, nodes)."""
        return self.hosts.ip[:, self.groups["nodes"]]

    @property
    def masquerading(self) -> Flags:
        """Nodes that masquerade what pods send to ClusterIPs, shape (nodes,), bool."""
        return np.arange(len(self.nodes)) % MASQUERADING == MASQUERADING - 1

    @property
    def primary_eni(self) -> Ints:
        """Primary ENI of each node."""
        return np.array([number for number, eni in enumerate(self.enis) if eni.primary], np.int64)


def build_cluster(settings: Settings) -> Cluster:
    """The cluster of a seed."""
    random = np.random.default_rng([settings.seed, 0])
    nodes, enis, homes = _nodes(settings, random)
    handovers = [settings.begin + settings.duration_s * SECOND * part // 3 for part in (1, 2)]
    pods_of = len(homes)
    backing, clients = _shares(homes, random)
    services = _services(settings, backing)
    recycled = np.zeros(pods_of, np.bool_)
    recycled[clients[: len(clients) // 2]] = True
    recycled[backing[: round(len(backing) * REPLACED)]] = True
    # the first of each node stays
    recycled[:: settings.pods_per_node] = False
    pods = _pods(pods_of, services, recycled, handovers, random)
    outside = _outside(settings)
    texts = [
        [home[0] for home in homes], [node.ips for node in nodes],
        [(source, "") for source in LB_SOURCES], [pair for pair, _ in outside],
    ]  # fmt: skip
    numbers = {"": 0}
    for pair in [pair for part in texts for pair in part] + [
        ips for service in services for ips in (service.cluster_ips, service.lb_ips, service.external_ips)
    ]:
        for address in pair:
            numbers.setdefault(address, len(numbers))
    everyone = [pair for part in texts for pair in part]
    count, first_node = len(everyone), pods_of
    lb, far = first_node + len(nodes), first_node + len(nodes) + len(LB_SOURCES)
    ip = np.array([[numbers[pair[family]] for pair in everyone] for family in (0, 1)], np.int64)
    node, eni = np.full(count, -1, np.int64), np.full(count, -1, np.int64)
    node[:pods_of], eni[:pods_of] = [home[1] for home in homes], [home[2] for home in homes]
    node[first_node:lb] = np.arange(len(nodes))
    eni[first_node:lb] = [number for number, item in enumerate(enis) if item.primary]
    kinds = np.array([kind for _, kind in outside])
    groups = {
        "pods": np.arange(pods_of),
        "steady": np.flatnonzero(~recycled),
        "nodes": np.arange(first_node, lb),
        "lb": np.arange(lb, far),
        "outside": far + np.flatnonzero(kinds == OUTSIDE),
        "snatted": far + np.flatnonzero(kinds == SNATTED),
        "backing": np.array(sorted({host for service in services for host in service.backends}), np.int64),
    }
    everywhere = np.append(recycled, np.zeros(count - pods_of, np.bool_))
    return Cluster(
        list(numbers),
        nodes,
        enis,
        pods,
        services,
        Hosts(ip, node, eni, everywhere),
        groups,
        handovers,
        numbers,
    )


def word(random: np.random.Generator, length: int) -> str:
    """Letters and digits, as clouds and Kubernetes name things."""
    return "".join(random.choice(ALPHABET, length).tolist())


def _pair(settings: Settings, v4: str, v6: str) -> tuple[str, str]:
    return v4 if 0 in settings.families else "", str(ip_address(v6)) if 1 in settings.families else ""


def _nodes(
    settings: Settings, random: np.random.Generator
) -> tuple[list[Node], list[Eni], list[tuple[tuple[str, str], int, int]]]:
    """Nodes, ENIs, and for each pod's place its addresses, node and ENI; a node has a block of 256 addresses."""
    nodes, enis, homes = [], [], []
    for number in range(settings.nodes):
        block, wide = f"10.{16 + number // 256}.{number % 256}", f"fd00:10:{number:x}:"
        ips = _pair(settings, f"{block}.1", f"{wide}:1")
        name = f"{REGION}.{block}.1"
        nodes.append(Node(name, ips, f"i-j6c{word(random, 17)}", f"{REGION}-{'bcd'[number % 3]}"))
        enis.append(Eni(f"eni-j6c{word(random, 17)}", number, True, tuple(ip for ip in ips if ip)))
        for slot in range(ENIS_PER_NODE):
            first = 2 + slot
            own = _pair(settings, f"{block}.{first}", f"{wide}:{first:x}")
            held = [ip for ip in own if ip]
            for pod in range(slot, settings.pods_per_node, ENIS_PER_NODE):
                pair = _pair(settings, f"{block}.{10 + pod}", f"{wide}:{16 + pod:x}")
                homes.append((pair, number, len(enis)))
                held += [ip for ip in pair if ip]
            enis.append(Eni(f"eni-j6c{word(random, 17)}", number, False, tuple(held)))
    return nodes, enis, homes


def _shares(homes: list[tuple[tuple[str, str], int, int]], random: np.random.Generator) -> tuple[Ints, Ints]:
    order = random.permutation(len(homes))
    cut = round(len(homes) * (1 - CLIENTS))
    return order[:cut], order[cut:]


def _services(settings: Settings, backing: Ints) -> list[Service]:
    """Services over disjoint backends: DNS, one of a single pod, then one kind after the other."""
    count = max(2, min(settings.services, len(backing) // 2))
    shares = [part.tolist() for part in np.array_split(backing[1:], count - 1)]
    backends = [shares[0], [int(backing[0])], *shares[1:]]
    services = []
    for number, hosts in enumerate(backends):
        dns = number == 0
        # the first two are as they are; then LB Cluster, LB Local, ClusterIP alone, externalIP, and again
        kind = -1 if number < 2 else (number - 2) % 4
        place = f"{number // 250}.{number % 250 + 1}"
        wide = f"{number + 1:x}"
        nothing = ("", "")
        services.append(
            Service(
                "kube-dns" if dns else f"app-{number}", "udp" if dns else "tcp",
                53 if dns else 80, 53 if dns else (8080 if number % 2 else 80),
                30000 + number if kind in {0, 1} else 0,
                _pair(settings, f"192.168.{place}", f"fd00:96::{wide}"),
                _pair(settings, f"10.15.{place}", f"fd00:15::{wide}") if kind in {0, 1} else nothing,
                _pair(settings, f"10.14.{place}", f"fd00:14::{wide}") if kind == 3 else nothing,
                kind == 1, tuple(sorted(hosts)),
            )
        )  # fmt: skip
    return services


def _pods(
    count: int, services: list[Service], recycled: Flags, handovers: list[int], random: np.random.Generator
) -> list[Pod]:
    app = {host: service.name for service in services for host in service.backends}
    pods = []
    for host in range(count):
        name = app.get(host, "batch")
        namespace = "kube-system" if name == "kube-dns" else "default"
        edges: list[int | None] = [None, *(handovers if recycled[host] else ()), None]
        for number, begin in enumerate(edges[:-1]):
            end = edges[number + 1]
            pods.append(
                Pod(f"{name}-{word(random, 9)}-{word(random, 5)}", namespace, host,
                    None if begin is None else begin + HANDOVER_US, None if end is None else end - HANDOVER_US)
            )  # fmt: skip
    return pods


def _outside(settings: Settings) -> list[tuple[tuple[str, str], int]]:
    """Addresses outside, and whether pods reach them under the node's address."""
    far = [
        (f"203.0.{113 + number // 250}.{number % 250 + 1}", f"2001:db8:1::{number + 1:x}")
        for number in range(500)
    ]
    near = [(f"198.51.100.{number + 1}", f"2001:db8:2::{number + 1:x}") for number in range(50)]
    return [(_pair(settings, *pair), OUTSIDE) for pair in far] + [
        (_pair(settings, *pair), SNATTED) for pair in near
    ]
