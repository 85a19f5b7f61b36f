"""What clients want, and whom they meet: the ends of each connection, and the way that leads there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowstitch.simulator.cases import case_numbers
from flowstitch.simulator.cluster import HANDOVER_US
from flowstitch.simulator.connections import ICMP, ICMPV6, TCP, UDP
from flowstitch.simulator.settings import SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowstitch.arrays import Flags, Ints
    from flowstitch.simulator.cluster import Cluster
    from flowstitch.simulator.menu import Menu
    from flowstitch.simulator.settings import Settings

# What clients want, and how often.
WANTS = {
    "pod": 10, "vip": 26, "lb": 9, "external": 2, "node-port": 3, "probe": 9, "node-pod": 3, "node-vip": 5, "node-lb": 2,
    "node-outside": 3, "outside": 6, "snatted": 3, "from-outside-lb": 6, "request": 5, "lb-probe": 5, "from-outside-port": 3,
    "from-outside-pod": 1, "denied-outside": 1, "denied-pod": 1, "dns": 11, "echo": 1,
}  # fmt: skip
# Which of them need a service with an address or port of a kind.
NEEDS = {
    "lb": "lb_ips", "node-lb": "lb_ips", "from-outside-lb": "lb_ips", "request": "lb_ips", "lb-probe": "lb_ips",
    "external": "external_ips", "node-port": "node_port", "from-outside-port": "node_port",
}  # fmt: skip
# Of the requests of load balancers so many are refused by a backend, and sent to another after so long.
RETRIED, RETRY_AFTER_US = 0.05, 60_000
# So long before its address is handed on nobody connects from or to it: what was opened is over by then.
QUIET_US = 120 * SECOND


def likelihoods(menu: Menu) -> NDArray[np.float64]:
    """How likely each of ``WANTS`` is where not every kind of service is there, in the order of ``WANTS``."""
    share = np.array(
        [share if name not in NEEDS or menu.has(NEEDS[name]).any() else 0.0 for name, share in WANTS.items()]
    )
    return share / share.sum()


class Draft:
    """Connections while their ends are settled, kind by kind; arrays of shape (n,) as in ``Connections``.

    Attributes
    ----------
    wants : what each client wants, a place in ``WANTS``.
    """

    def __init__(
        self,
        cluster: Cluster,
        menu: Menu,
        settings: Settings,
        random: np.random.Generator,
        wants: Ints,
        start: Ints,
        family: Ints,
    ) -> None:
        count = wants.shape[0]
        self._cluster, self._menu, self._random = cluster, menu, random
        self._cases, self._families = case_numbers(settings.proxy), settings.families
        self._until = settings.until
        self.wants, self.start, self.family = wants, start, family.astype(np.int64)
        self.case, self.client, self.server, self.dialled = (np.zeros(count, np.int64) for _ in range(4))
        self.dialled_port, self.server_port = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self.entered, self.service = np.full(count, -1, np.int64), np.full(count, -1, np.int64)
        self.protocol, self.pair = np.full(count, TCP, np.int64), np.zeros(count, np.int64)

    def wait(self) -> None:
        """Have whatever meets an address that is about to be handed on start when it has been."""
        for moment in self._cluster.handovers:
            near = (self.start > moment - QUIET_US) & (self.start < moment + 2 * HANDOVER_US) & self.recycled
            self.start[near] += QUIET_US + 2 * HANDOVER_US
            # a second try comes at once or is none
            self.pair[np.isin(np.abs(self.pair), np.abs(self.pair[near]))] = 0

    def settle(self, want: str, rows: Ints) -> None:
        """Who is meant by rows of a kind."""
        getattr(self, f"_{want.replace('-', '_')}")(rows)

    @property
    def repeatable(self) -> Flags:
        """Connections of TCP whose client can bind its port and come again on it: it stays, and no node keeps that port."""
        kept = np.isin(self.case, self.case_of("hairpin", "lb-probe"))
        return (self.protocol == TCP) & ~self.recycled & ~self.of_nodes & ~kept

    def case_of(self, *names: str) -> Ints:
        """Numbers of cases."""
        return np.array([self._cases[name] for name in names], np.int64)

    @property
    def of_nodes(self) -> Flags:
        """Connections that nodes open."""
        return np.isin(self.client, self._cluster.groups["nodes"])

    def wanted(self, want: str) -> Flags:
        """Connections of clients that want this."""
        return self.wants == list(WANTS).index(want)

    @property
    def recycled(self) -> Flags:
        """Connections from or to pods whose address is handed on."""
        hosts = self._cluster.hosts
        return hosts.recycled[self.client] | hosts.recycled[self.server]

    def _number(self, name: str) -> int:
        return self._cases[name]

    def _pick(self, group: str, count: int) -> Ints:
        hosts = self._cluster.groups[group]
        return hosts[self._random.integers(0, hosts.shape[0], count)]

    def _pods(self, rows: Ints) -> Ints:
        """Pods as clients."""
        return self._pick("pods", rows.shape[0])

    def _same_node(self, rows: Ints) -> Flags:
        node = self._cluster.hosts.node
        return node[self.client[rows]] == node[self.server[rows]]

    def _direct(self, rows: Ints, client: Ints, server: Ints, port: Ints | int, case: Ints | int) -> None:
        self.client[rows], self.server[rows] = client, server
        self.dialled[rows] = self._cluster.hosts.ip[self.family[rows], server]
        self.dialled_port[rows] = self.server_port[rows] = port
        self.case[rows] = case

    def _place(self, rows: Ints, local: str, remote: str) -> Ints:
        return np.where(self._same_node(rows), self._number(local), self._number(remote))

    def _to_service(self, rows: Ints, client: Ints, kind: str, allowed: Flags) -> None:
        menu = self._menu
        service = menu.service(self._random, rows.shape[0], allowed)
        self.client[rows], self.service[rows] = client, service
        self.server[rows] = menu.backend(self._random, service)
        self.dialled[rows] = menu.address(kind, self.family[rows], service)
        self.dialled_port[rows] = menu.every("port")[service]
        self.server_port[rows] = menu.every("target_port")[service]
        self.protocol[rows] = np.where(menu.dns[service], UDP, TCP)

    def _next(self, group: str, host: Ints) -> Ints:
        """The one beside each host in a group."""
        members = self._cluster.groups[group]
        return members[(np.searchsorted(members, host) + 1) % members.shape[0]]

    def _pod(self, rows: Ints) -> None:
        client = self._pods(rows)
        server = self._pick("backing", rows.shape[0])
        server = np.where(client == server, self._next("backing", server), server)
        self._direct(rows, client, server, 8080, 0)
        self.case[rows] = self._place(rows, "pod-local", "pod-remote")

    def _vip(self, rows: Ints) -> None:
        self._balanced(rows, ~self._menu.dns)

    def _dns(self, rows: Ints) -> None:
        self._balanced(rows, self._menu.dns)

    def _balanced(self, rows: Ints, allowed: Flags) -> None:
        self._to_service(rows, self._pods(rows), "cluster_ips", allowed)
        masked = self._cluster.masquerading[self._cluster.hosts.node[self.client[rows]]]
        masking = self._place(rows, "vip-local-masked", "vip-remote-masked")
        self.case[rows] = np.where(masked, masking, self._place(rows, "vip-local", "vip-remote"))
        self._mark_hairpins(rows)

    def _mark_hairpins(self, rows: Ints) -> None:
        met = self.client[rows] == self.server[rows]
        self.case[rows[met]] = self._number("hairpin")

    def _lb(self, rows: Ints) -> None:
        self._to_service(rows, self._pods(rows), "lb_ips", self._menu.has("lb_ips"))
        self.case[rows] = self._place(rows, "lb-local", "lb-remote")
        local = rows[self._menu.every("local")[self.service[rows]]]
        self.client[local] = self._neighbour(self.server[local])
        self.case[local] = self._number("lb-policy-local")
        self._mark_hairpins(rows)

    def _neighbour(self, host: Ints) -> Ints:
        """Some steady pod on the node of each host."""
        return self._steady_of(self._cluster.hosts.node[host])

    def _abroad(self, host: Ints) -> Ints:
        """Some steady pod on another node than that of each host."""
        count = len(self._cluster.nodes)
        step = self._random.integers(1, count, host.shape[0])
        return self._steady_of((self._cluster.hosts.node[host] + step) % count)

    def _steady_of(self, node: Ints) -> Ints:
        """Some steady pod of each node."""
        cluster = self._cluster
        steady = cluster.groups["steady"]
        homes = cluster.hosts.node[steady]
        order = np.argsort(homes, kind="stable")
        pointer = np.searchsorted(homes[order], np.arange(len(cluster.nodes) + 1))
        first, sizes = pointer[node], pointer[node + 1] - pointer[node]
        return steady[order[first + (self._random.random(node.shape[0]) * sizes).astype(np.int64)]]

    def _external(self, rows: Ints) -> None:
        self._to_service(rows, self._pods(rows), "external_ips", self._menu.has("external_ips"))
        self.case[rows] = self._place(rows, "external-local", "external-remote")
        self._mark_hairpins(rows)

    def _node_port(self, rows: Ints) -> None:
        """Pods that dial some node's port; under policy Local a node that has a backend."""
        case, hosts = self._number, self._cluster.hosts
        self._to_service(rows, self._pods(rows), "cluster_ips", self._menu.has("node_port"))
        met = rows[self.client[rows] == self.server[rows]]
        self.client[met] = self._next("steady", self.server[met])
        self._enter(rows)
        client, server = hosts.node[self.client[rows]], hosts.node[self.server[rows]]
        entered = self.entered[rows]
        local = self._menu.every("local")[self.service[rows]]
        own = client == entered
        self.case[rows] = np.select(
            [local & own, local, own & (server == client), own, server == entered, server == client],
            [case("own-port-policy"), case("port-policy"), case("own-port-local"), case("own-port-remote"),
             case("port-there"), case("port-back")],
            case("port-third"),
        )  # fmt: skip

    def _enter(self, rows: Ints) -> None:
        """Some node's port; under policy Local one of the server's node."""
        cluster, service = self._cluster, self.service[rows]
        somewhere = self._random.integers(0, len(cluster.nodes), rows.shape[0])
        local = self._menu.every("local")[service]
        self.entered[rows] = entered = np.where(local, cluster.hosts.node[self.server[rows]], somewhere)
        self.dialled[rows] = cluster.node_ip[self.family[rows], entered]
        self.dialled_port[rows] = self._menu.every("node_port")[service]

    def _probe(self, rows: Ints) -> None:
        server = self._pick("steady", rows.shape[0])
        client = self._cluster.groups["nodes"][self._cluster.hosts.node[server]]
        self._direct(rows, client, server, 8080, self._number("node-pod-local"))

    def _node_pod(self, rows: Ints) -> None:
        self._direct(rows, self._pick("nodes", rows.shape[0]), self._pick("steady", rows.shape[0]), 9090, 0)
        self.case[rows] = self._place(rows, "node-pod-local", "node-pod-remote")

    def _node_vip(self, rows: Ints) -> None:
        self._to_service(
            rows, self._pick("nodes", rows.shape[0]), "cluster_ips", self._menu.has("cluster_ips")
        )
        self.case[rows] = self._place(rows, "node-vip-local", "node-vip-remote")

    def _node_lb(self, rows: Ints) -> None:
        cluster_wide = self._menu.has("lb_ips") & ~self._menu.every("local")
        self._to_service(rows, self._pick("nodes", rows.shape[0]), "lb_ips", cluster_wide)
        self.case[rows] = self._place(rows, "node-lb-local", "node-lb-remote")

    def _node_outside(self, rows: Ints) -> None:
        count = rows.shape[0]
        self._direct(
            rows,
            self._pick("nodes", count),
            self._pick("outside", count),
            443,
            self._number("node-outside"),
        )

    def _outside(self, rows: Ints) -> None:
        server = self._pick("outside", rows.shape[0])
        self._direct(rows, self._pods(rows), server, 443, self._number("pod-outside"))

    def _snatted(self, rows: Ints) -> None:
        server = self._pick("snatted", rows.shape[0])
        self._direct(rows, self._pods(rows), server, 443, self._number("pod-outside-snat"))

    def _from_outside_lb(self, rows: Ints) -> None:
        self._to_service(rows, self._pick("outside", rows.shape[0]), "lb_ips", self._menu.has("lb_ips"))
        self.case[rows] = self._number("outside-lb")

    def _from_outside_pod(self, rows: Ints) -> None:
        client, server = self._pick("outside", rows.shape[0]), self._pick("steady", rows.shape[0])
        self._direct(rows, client, server, 7000, self._number("outside-pod"))

    def _denied_outside(self, rows: Ints) -> None:
        client, server = self._pick("outside", rows.shape[0]), self._pick("steady", rows.shape[0])
        self._direct(rows, client, server, 22, self._number("outside-denied"))

    def _denied_pod(self, rows: Ints) -> None:
        """Pods to what the security group of another node's ENI keeps from them."""
        client = self._pods(rows)
        server = self._abroad(client)
        self._direct(rows, client, server, 6379, self._number("pod-denied"))

    def _from_outside_port(self, rows: Ints) -> None:
        case, hosts = self._number, self._cluster.hosts
        client = self._pick("outside", rows.shape[0])
        self._to_service(rows, client, "cluster_ips", self._menu.has("node_port"))
        self._enter(rows)
        local = self._menu.every("local")[self.service[rows]]
        there = hosts.node[self.server[rows]] == self.entered[rows]
        self.case[rows] = np.select(
            [local, there],
            [case("outside-port-policy"), case("outside-port-local")],
            case("outside-port-remote"),
        )

    def _request(self, rows: Ints) -> None:
        self._from_lb(rows, "lb-request")
        if 0 in self._families:
            self._retry(rows)

    def _retry(self, rows: Ints) -> None:
        """Make some connections the second try of the one before, which is refused."""
        couples = rows[: rows.shape[0] // 2 * 2].reshape(-1, 2)
        in_time = self.start[couples[:, 0]] + RETRY_AFTER_US < self._until
        refused, second = couples[in_time & (self._random.random(couples.shape[0]) < 2 * RETRIED)].T
        self.pair[second] = np.arange(second.shape[0]) + 1
        self.pair[refused] = -self.pair[second]
        self.start[second] = self.start[refused] + RETRY_AFTER_US
        self.client[second], self.service[second] = self.client[refused], self.service[refused]
        server = self._menu.backend(self._random, self.service[second])
        self._direct(
            second,
            self.client[second],
            server,
            self._menu.every("target_port")[self.service[second]],
            self.case[second],
        )

    def _lb_probe(self, rows: Ints) -> None:
        self._from_lb(rows, "lb-probe")

    def _from_lb(self, rows: Ints, case: str) -> None:
        """Load balancers to backends of their services; they have IPv4 addresses alone."""
        if 0 not in self._families:
            self._from_outside_lb(rows)
            return
        self.family[rows] = 0
        self._to_service(rows, self._pick("lb", rows.shape[0]), "lb_ips", self._menu.has("lb_ips"))
        self.dialled[rows] = self._cluster.hosts.ip[0, self.server[rows]]
        self.dialled_port[rows] = self.server_port[rows]
        self.case[rows] = self._number(case)

    def _echo(self, rows: Ints) -> None:
        self._pod(rows)
        self.protocol[rows] = np.where(self.family[rows] == 0, ICMP, ICMPV6)
        self.dialled_port[rows] = self.server_port[rows] = 0
